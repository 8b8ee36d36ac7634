"""The instances of a build: launched on the spot market, tagged, and deleted.

Each has a heartbeat (``launch.heartbeat``): a build whose heartbeat is stale was interrupted, and the next build
deletes its instances.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from goldrun.bake.context import Context
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import LostError
from goldrun.cloud.moments import format_moment
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import HEARTBEAT, KEPT, PROTECTED, ROLE
from goldrun.durations import parse_duration
from goldrun.errors import GoldrunError, RefusedError
from goldrun.launch.acquire import acquire
from goldrun.launch.launch import Launched
from goldrun.launch.machine import Machine
from goldrun.launch.offers import parse_span
from goldrun.launch.release import release
from goldrun.launch.settings import LaunchSettings

MAX_RECLAIMS = 3
RELEASE_SECONDS = 120.0  # a release time counts in minutes, and the instance is gone about then


def instance_settings(
    context: Context, image_id: str, key: str, tags: Mapping[str, str], disks: Sequence[int] = ()
) -> LaunchSettings:
    """Return the settings of an instance: the network comes from the command, size and life from the recipe."""
    builder, settings = context.recipe.builder, context.settings
    return replace(
        settings,
        key=key,
        image_id=image_id,
        name=f"goldrun-{context.alias.lineage}"[:128],
        life=parse_duration(context.recipe.limits.build),
        disk_size=builder.disk,
        encrypted=builder.encrypted,
        disk_key=builder.key,
        data_disks=tuple(disks),
        tags={**settings.tags, **context.recipe.tags, **tags},
        criteria=replace(
            settings.criteria,
            architecture=context.architecture,
            cpus=parse_span(builder.cpu, "vCPUs"),
            memory=parse_span(builder.memory, "GiB"),
        ),
        on_demand_fallback=builder.on_demand_fallback,
    )


def new_key(purpose: str) -> str:
    """Return a key for an instance that no other build has, even one that begins at the same moment."""
    return f"{purpose} {os.urandom(8).hex()}"


def launch_instance(
    context: Context, image_id: str, *, role: str, key: str, tags: Mapping[str, str], disks: Sequence[int] = ()
) -> Machine:
    """Launch an instance, which has the build's heartbeat until it is deleted.

    Args:
        context: the build.
        image_id: the image that it boots.
        role: ``builder`` or ``tester``.
        key: identifies the instance.
        tags: identify the build.
        disks: sizes of data disks, in GiB, beside those of the image.

    Raises:
        GoldrunError: see ``acquire``.
    """
    client = context.client
    marked = {**tags, **ROLE.of(role), **HEARTBEAT.of(format_moment(client.clock.now()))}
    settings = instance_settings(context, image_id, key, marked, disks)
    (launched,) = _acquire(context, settings)
    context.memory.offer = launched.offer
    instance = Machine(client, launched.ids[0], key)
    context.heartbeat.start(instance.id)
    return instance


def _acquire(context: Context, settings: LaunchSettings) -> list[Launched]:
    memory = context.memory
    if memory.reclaimed:
        with contextlib.suppress(RefusedError):  # there is no other offer
            avoiding = replace(settings, avoid=frozenset(memory.reclaimed))
            return acquire(context.client, avoiding, report=context.report.line)
    first = [memory.offer] if memory.offer else []
    return acquire(context.client, settings, first=first, report=context.report.line)


def wait_for_boot(context: Context, instance: Machine) -> None:
    """Wait until the instance's assistant answers; see ``Machine.wait_until_ready``."""
    clock, seen = context.client.clock, context.memory.boot_seconds
    start = clock.now()
    limit = parse_duration(context.recipe.limits.boot)
    instance.wait_until_ready(limit, expected=min(seen, default=0.0))
    seen.append(clock.now() - start)


def start_again(context: Context, error: LostError) -> None:
    """Say that an instance is lost, and that the next one is got elsewhere.

    Raises:
        RefusedError: it has lived as long as the recipe allows: the next one would not get further.
    """
    limit = context.recipe.limits.build
    if context.client.clock.now() - context.heartbeat.began > parse_duration(limit) - RELEASE_SECONDS:
        raise RefusedError(
            f"The build has reached its limit of {limit}, and its instance was released.",
            fix=["raise build under [limits] in the recipe."],
        ) from error
    memory = context.memory
    if memory.offer:
        memory.reclaimed.add(memory.offer.kind)
    memory.offer = None
    context.report.line(f"{error.what} Starting again on another offer.")


def delete_instance(context: Context, instance: Machine) -> None:
    """Delete an instance and verify that it is gone.

    Raises:
        GoldrunError: the instance may still exist.
    """
    release(context.client, [instance.id])
    context.heartbeat.stop()


def abandon_instance(context: Context, instance: Machine, error: BaseException, *, keep: bool = False) -> None:
    """Delete an instance after an error, or keep it for inspection; the error's notes say what is left."""
    try:
        if keep:
            _keep(context.client, instance.id)
            error.add_note(f"the builder {instance.id} is kept until its release time.")
        else:
            release(context.client, [instance.id])
    except GoldrunError as second:
        error.add_note(f"{instance.id} could not be deleted ({second.what}): its release time or a sweep deletes it.")
    finally:
        context.heartbeat.stop()


@contextlib.contextmanager
def instance_for(context: Context, image_id: str, *, role: str, key: str, tags: Mapping[str, str]) -> Iterator[Machine]:
    """Yield an instance, which is deleted at the end, also after an error; see ``launch_instance``."""
    instance = launch_instance(context, image_id, role=role, key=key, tags=tags)
    try:
        yield instance
    except BaseException as error:
        abandon_instance(context, instance, error)
        raise
    delete_instance(context, instance)


def _keep(client: EcsClient, instance_id: str) -> None:
    """Detach the instance from the build, and protect it from sweeps."""
    tagging("instance", [instance_id], {**PROTECTED.of(), **ROLE.of(KEPT)}).make(client)
