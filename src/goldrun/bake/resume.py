"""Other builds of the same lineage: waits for running ones, resumes or cleans up interrupted ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from goldrun.bake.base import resolve_base
from goldrun.bake.context import Context
from goldrun.bake.progress import GivesWayError
from goldrun.bake.step import State, Step, has_image
from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import AVAILABLE, UNFINISHED, Image
from goldrun.cloud.instances import Instance, describe_instances
from goldrun.cloud.tags import BOOT_TEST, BUILDER, FAILED, HELD, OWNED, PASSED, ROLE, TESTER, VERSION_HASH
from goldrun.images.availability import wait_until_available
from goldrun.images.lineage import Lineage, read_lineage
from goldrun.images.removal import delete_image, protection
from goldrun.launch.heartbeat import STALE_SECONDS, silence
from goldrun.launch.release import release
from goldrun.report import Report
from goldrun.waiting import every, watch

LOOK_SECONDS = 15.0


def find_instances(client: EcsClient, lineage: dict[str, str]) -> list[Instance]:
    """Return the builders and testers of all builds of a lineage."""
    found = describe_instances(client, tags={**OWNED, **lineage})
    return [instance for instance in found if ROLE.read(instance.tags) in (BUILDER, TESTER)]


def wait_for_other_builds(client: EcsClient, lineage: dict[str, str], report: Report) -> Sequence[Instance]:
    """Wait while another build of the lineage is running; return the instances that interrupted ones left.

    An interrupted build is recognised by its stale heartbeat, which takes some minutes after a crash.
    """
    said = False

    def look() -> Sequence[Instance] | None:
        nonlocal said
        instances = find_instances(client, lineage)
        # Read again by id: a heartbeat may have come since the list was read.
        if not instances or (
            are_stale(client, instances)
            and are_stale(client, describe_instances(client, ids=[instance.id for instance in instances]))
        ):
            return instances
        if not said:
            report(
                f"another build of it is running ({instances[0].id}): waiting until it ends or its heartbeat is stale."
            )
            said = True
        return None

    # Every instance has a release time, so this ends.
    return watch(client.clock, look, seconds=math.inf, often=every(LOOK_SECONDS)) or ()


def are_stale(client: EcsClient, instances: Sequence[Instance]) -> bool:
    """Return whether the heartbeats of all instances are stale."""
    return all(silence(instance, client.clock) > STALE_SECONDS for instance in instances)


def earlier_images(lineage: Lineage, version_hash: str) -> Iterator[Image]:
    """Yield the images with the same content, newest first, down to the published one.

    Older ones do not count: they were replaced, or rolled back.
    """
    shown = lineage.current()
    for version in lineage.versions():
        if VERSION_HASH.matches(version.tags, version_hash):
            yield version
        if shown and version.image_id == shown.image_id:
            return


def _wait_and_remove(context: Context, state: State) -> State:
    began = context.client.clock.now()
    left = wait_for_other_builds(context.client, context.lineage_tags, context.report.line)
    if context.client.clock.now() - began >= LOOK_SECONDS:
        state = resolve_base(context, state)  # it may have been superseded meanwhile, and deleted
    if left:
        context.report.line(f"deleting what an interrupted build left: {', '.join(instance.id for instance in left)}.")
        release(context.client, [instance.id for instance in left])
    return state


def _resume(context: Context, state: State) -> State:
    client, rebuild = context.client, context.options.force or bool(context.options.from_step)
    lineage = read_lineage(client, context.alias)
    for image in earlier_images(lineage, state.version_hash):
        if image.status in UNFINISHED:
            image = wait_until_available(client, image.image_id)  # noqa: PLW2901 - the same image, finished
        verdict = BOOT_TEST.read(image.tags, PASSED)
        if verdict == FAILED:
            if not protection(image):  # somebody may have published it nevertheless
                delete_image(client, image)
        elif image.status == AVAILABLE and not (rebuild and verdict in (PASSED, HELD)):
            signer = context.options.sign
            if signer is None or signer.trusts(image, client.region):
                if _needs_scan(context, image, lineage):
                    image = image._replace(tags={**image.tags, **BOOT_TEST.of(HELD)})  # noqa: PLW2901
                return replace(state, image=image, resumed=True)
            context.report.line(
                f"{image.image_id} is not used: it has no signature that matches its tags (--sign-existing)."
            )
    return state


def _needs_scan(context: Context, image: Image, lineage: Lineage) -> bool:
    """Return whether an image has to be scanned before it is published.

    That it has passed may be weeks ago, with another database, or another rule, or none.
    """
    if context.recipe.scan is None or not context.options.publish:
        return False
    shown = lineage.current()
    return shown is None or shown.image_id != image.image_id


def _give_way(context: Context, state: State) -> State:
    """Leave the build to another one that has begun in the same moment: neither had seen the other's builder.

    Both come to the same answer, as they see the same two builders: the one that was created first continues.

    Raises:
        GivesWayError: it is the other one's.
    """
    assert state.builder
    client, own = context.client, state.builder.id
    builders = [one for one in find_instances(client, context.lineage_tags) if ROLE.matches(one.tags, BUILDER)]
    others = [one for one in builders if one.id != own and silence(one, client.clock) <= STALE_SECONDS]
    mine = [one for one in builders if one.id == own] or describe_instances(client, ids=[own])
    first = min([*others, *mine], key=lambda one: (one.created, one.id), default=None)
    if mine and first is not None and first.id != own:
        raise GivesWayError(f"another build of it began at the same moment ({first.id}), and continues.")
    return state


WAIT_FOR_OTHERS = Step("wait for other builds", _wait_and_remove)
GIVE_WAY = Step("look for other builds", _give_way, needs=("builder",), skipped=has_image)
RESUME = Step("find an earlier build", _resume, needs=("version_hash",))
