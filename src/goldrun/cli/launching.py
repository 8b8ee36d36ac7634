"""The settings of a launch from a command line; the defaults come from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import click

from goldrun import config
from goldrun.cli import output, shell_complete
from goldrun.cli.spot import POLICY, criteria_options, read_criteria
from goldrun.cloud import instances
from goldrun.cloud.client import EcsClient
from goldrun.cloud.tag_rules import tag_problem
from goldrun.durations import parse_duration
from goldrun.errors import UsageError
from goldrun.images.resolve import resolve_image
from goldrun.launch import environment
from goldrun.launch.offers import Span
from goldrun.launch.settings import DEFAULT_CPUS, LaunchSettings, new_key

Command = TypeVar("Command", bound=Callable[..., object])


def launch_options(command: Command) -> Command:
    """Add the options of every command that launches instances; ``read_settings`` takes them."""
    for option in (
        click.option(
            "--protect",
            type=click.Choice(config.PROTECTIONS),
            help="How long a spot instance cannot be reclaimed; none is cheaper. [env: SPOT_PROTECT; default: 1h]",
        ),
        click.option(
            "--metadata-tokens",
            type=click.Choice(config.TOKEN_USES),
            help="Whether the metadata service requires a token (IMDSv2); optional is less safe. "
            "[env: GOLDRUN_METADATA_TOKENS; default: required]",
        ),
        click.option("--public-ip", is_flag=True, help="Assign a public IP address."),
        click.option("--encrypted", is_flag=True, help="Encrypt the system disk."),
        click.option("--disk-size", type=click.IntRange(20, 2048), metavar="GIB", help="Size of the system disk."),
        click.option(
            "--life",
            metavar="TIME",
            help="Delete the instance after this time, busy or not (at least 30m). [default: 4h]",
        ),
        click.option(
            "--on-demand-fallback", is_flag=True, help="Launch a pay-as-you-go instance if no spot offer is left."
        ),
        click.option(
            "--tag",
            "tags",
            multiple=True,
            metavar="KEY=VALUE",
            help="Custom tag for the instance; can be repeated.",
        ),
        POLICY,
        criteria_options,
        click.option(
            "--image",
            metavar="NAME",
            shell_complete=shell_complete.images,
            help="Image id, name or FAMILY[:CHANNEL]. [env: ALIYUN_IMAGE_ID, IMAGE_NAME]",
        ),
    ):
        command = option(command)
    return command


def read_settings(
    client: EcsClient,
    *,
    # Options of one command.
    amount: int = 1,
    name: str | None = None,
    user_data: bytes | None = None,
    key: str | None = None,
    # Options of ``launch_options``.
    image: str | None,
    policy: str,
    on_demand_fallback: bool,
    life: str | None,
    disk_size: int | None,
    encrypted: bool,
    public_ip: bool,
    protect: str | None,
    metadata_tokens: str | None,
    tags: tuple[str, ...],
    cpu: str | None,
    memory: str | None,
    arch: str | None,
    types: tuple[str, ...],
    zones: tuple[str, ...],
    max_price: float | None,
) -> LaunchSettings:
    """Return the settings, with their image looked up. None stands for the variable's value.

    Raises:
        GoldrunError: a variable or an option is not valid, or the image does not exist.
    """
    env = os.environ
    given = read_criteria(cpu, memory, arch, zones, types, max_price)
    image_id, family, image_name = environment.read_image(env) if image is None else ("", "", image)
    candidates = environment.read_candidates(env)
    types = types or environment.read_types(env)
    if cpu is None and not given.types:
        cpus = environment.read_cpus(env, Span() if types or candidates else DEFAULT_CPUS)
    else:
        cpus = given.cpus
    settings = LaunchSettings(
        network=environment.read_network(env, client.region),
        key=new_key() if key is None else key,
        resume=key is not None,
        image_name=image_name,
        image_id=image_id,
        image_family=family,
        name=environment.read_name(env) if name is None else environment.check_instance_name(name, "--name"),
        amount=amount,
        life=environment.read_life(env) if life is None else read_life(life, "--life"),
        key_pair=config.KEY_PAIR.read(env),
        role=config.ROLE.read(env),
        user_data=environment.read_user_data(env) if user_data is None else user_data,
        disk_size=disk_size,
        encrypted=encrypted,
        public_ip=public_ip,
        protected=environment.read_protection(env) if protect is None else protect == config.PROTECTIONS[0],
        metadata_tokens=_read_metadata_tokens(metadata_tokens),
        tags={**_read_tags(tags), **environment.run_tags(env)},
        criteria=replace(
            given,
            cpus=cpus,
            memory=environment.read_memory(env) if memory is None else given.memory,
            types=types,
            max_price=environment.read_price_limit(env) if max_price is None else max_price,
        ),
        policy=policy,
        candidates=candidates,
        on_demand_fallback=on_demand_fallback,
    )
    return resolve_image(client, settings, output.note)


def read_life(text: str, name: str) -> float:
    """Return the seconds of a life, given as the option or argument ``name``.

    Raises:
        UsageError: it is not a valid span of time, or shorter or longer than ECS allows.
    """
    seconds = parse_duration(text, name)
    if seconds < instances.MIN_LIFE_SECONDS:
        raise UsageError(f"{text} is too short: the minimum is 30m.")
    if seconds > instances.MAX_LIFE_SECONDS:
        raise UsageError(f"{text} is too long: ECS releases an instance within three years.")
    return seconds


def _read_tags(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return the tags of ``--tag``.

    Raises:
        UsageError: one is not valid, or goldrun's own.
    """
    found = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise UsageError(f"--tag {pair!r} is not KEY=VALUE.", fix=["for example --tag team=build"])
        if problem := tag_problem(key, value):
            raise UsageError(f"--tag {key} is not valid.", why=[problem])
        found[key] = value
    return found


def _read_metadata_tokens(given: str | None) -> bool:
    return environment.read_metadata_tokens(os.environ) if given is None else given == config.TOKEN_USES[0]
