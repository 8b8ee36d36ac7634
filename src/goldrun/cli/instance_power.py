"""``goldrun instance start``, ``stop`` and ``reboot``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import click

from goldrun.cli import output
from goldrun.cli.common import IDS, REGION, open_client
from goldrun.cloud import instances
from goldrun.cloud.client import EcsClient


@click.command("start")
@IDS
@REGION
def instance_start(ids: tuple[str, ...], region: str | None) -> None:
    """Start stopped instances; `goldrun instance wait` returns when they are Running."""
    for one_id in _each(ids, region, instances.start_instance):
        output.note(f"starting: {one_id}.")


@click.command("stop")
@IDS
@REGION
def instance_stop(ids: tuple[str, ...], region: str | None) -> None:
    """Stop running instances. You then pay only for their disks, if the instance type supports economical mode.

    The release time stays: ECS deletes stopped instances too. An instance may have another address when it starts
    again, and a spot instance may not start for lack of stock.
    """
    for one_id in _each(ids, region, instances.park_instance):
        output.note(f"stopping: {one_id}.")


@click.command("reboot")
@IDS
@click.option("--force", is_flag=True, help="Cut the power instead of shutting down: unsaved data is lost.")
@REGION
def instance_reboot(ids: tuple[str, ...], force: bool, region: str | None) -> None:
    """Restart running instances; `goldrun instance wait` returns when they are Running again."""
    for one_id in _each(ids, region, partial(instances.reboot_instance, force=force)):
        output.note(f"restarting: {one_id}.")


def _each(ids: tuple[str, ...], region: str | None, call: Callable[[EcsClient, str], None]) -> Iterator[str]:
    """Call for each instance, all ids checked before; yield those for which it was done."""
    for one_id in ids:
        instances.check_id(one_id)
    client = open_client(region)
    for one_id in ids:
        call(client, instances.find_instance(client, one_id).id)
        yield one_id
