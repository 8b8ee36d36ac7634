"""Orders from the environment and a command's options; the options win."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from goldrun import config
from goldrun.cli import output
from goldrun.cli.spot import read_wish
from goldrun.cloud import instances
from goldrun.cloud.client import EcsClient
from goldrun.durations import parse_duration
from goldrun.errors import UsageError
from goldrun.images.order import with_image
from goldrun.launch.order import Order, read_order

PROTECT = click.option(
    "--protect",
    type=click.Choice(config.PROTECTIONS),
    help="How long the market leaves a spot instance alone; none is cheaper. [env: SPOT_PROTECT; default: 1h]",
)


def read_command(
    client: EcsClient,
    *,
    image: str | None,
    policy: str,
    on_demand_fallback: bool,
    request: Mapping[str, Any],
    wish: Mapping[str, Any],
) -> Order:
    """The order, its image looked up.

    Args:
        client: the cloud.
        image: an image's id, name or family.
        policy: what is best.
        on_demand_fallback: whether the list price will do.
        request: of the request, by field; None: as the environment says.
        wish: as ``wish_options`` gives it.

    Raises:
        GoldrunError: a variable or an option is wrong, or there is no such image.
    """
    given = read_wish(**wish)
    env = {**os.environ, "ARCH": wish["arch"] or ""}
    order = read_order(env, client.region)
    order = replace(
        order,
        request=replace(order.request, **{field: value for field, value in request.items() if value is not None}),
        wish=replace(
            order.wish,
            cpus=given.cpus if wish["cpu"] is not None or wish["types"] else order.wish.cpus,
            memory=given.memory if wish["memory"] is not None else order.wish.memory,
            types=wish["types"] or order.wish.types,
            zones=wish["zones"],
            max_price=wish["max_price"] if wish["max_price"] is not None else order.wish.max_price,
        ),
        policy=policy,
        on_demand_fallback=on_demand_fallback,
        resume=request.get("key") is not None,
    )
    return with_image(client, order, env, name=image, tell=output.note)


def read_protection(text: str | None) -> bool | None:
    """Whether the first hour is protected; None where it is not said."""
    return None if text is None else text == config.PROTECTIONS[0]


def read_life(text: str | None) -> float | None:
    """Seconds of a life; None where it is not said.

    Raises:
        UsageError: it is no span of time, or shorter than ECS takes.
    """
    if text is None:
        return None
    seconds = parse_duration(text)
    if seconds < instances.MIN_LIFE_SECONDS:
        raise UsageError(f"{text} is too short a life: ECS takes 30m at least.")
    return seconds
