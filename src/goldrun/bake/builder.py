"""The machines of a build: got from the spot market, marked as whose they are, and let go again.

Each carries a heartbeat (``spot.heart``): a build whose heart has stopped for some minutes is dead, and what it left is
removed by whoever comes next.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from goldrun.cloud.assistant import Machine
from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import Instance, describe_instances, release
from goldrun.cloud.moments import format_moment
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import BUILDER, HEARTBEAT, KEPT, OWNED, PROTECTED, ROLE, TESTER
from goldrun.errors import GoldrunError
from goldrun.launch.acquire import acquire
from goldrun.launch.heartbeat import DEAD_SECONDS, Heart, silence
from goldrun.launch.settings import LaunchSettings
from goldrun.waiting import every, watch

LOOK_SECONDS = 15.0


@contextlib.contextmanager
def machine(
    client: EcsClient,
    settings: LaunchSettings,
    *,
    role: str,
    tags: dict[str, str],
    key: str,
    heart: Heart,
    tell: Callable[[str], None],
    keep: Callable[[BaseException], bool] = lambda _: False,
) -> Iterator[Machine]:
    """An instance for as long as it is needed; it is let go, and seen to be gone, whatever happens.

    Args:
        client: the cloud, paced by the heart.
        settings: of the instance, but for its key and tags.
        role: ``builder`` or ``tester``.
        tags: which build it is of.
        key: what it is for.
        heart: beats on it until it is gone.
        tell: told what was taken, and why offers were passed over.
        keep: whether an error leaves the instance to whoever looks into it, until its release time.

    Raises:
        GoldrunError: there is none to be had.
    """
    marked = {**tags, **ROLE.of(role), **HEARTBEAT.of(format_moment(client.clock.now()))}
    (launched,) = acquire(client, replace(settings, key=key, tags={**settings.tags, **marked}), tell=tell)
    instance_id = launched.ids[0]
    heart.instance_id, heart.last = instance_id, client.clock.now()
    try:
        yield Machine(client, instance_id, key)
    except BaseException as error:
        try:
            if keep(error):
                _leave(client, instance_id)
                error.add_note(f"the {role} {instance_id} is left alive until its release time.")
            else:
                release(client, [instance_id])
        except GoldrunError as second:
            error.add_note(f"{instance_id} could not be deleted ({second.what}): its release time or a sweep ends it.")
        raise
    else:
        release(client, [instance_id])
    finally:
        heart.instance_id = ""


def _leave(client: EcsClient, instance_id: str) -> None:
    """Take the instance out of the build, and away from every sweep."""
    tagging("instance", [instance_id], {**PROTECTED.of(), **ROLE.of(KEPT)}).make(client)


def find_machines(client: EcsClient, lineage: dict[str, str]) -> list[Instance]:
    """The builders and testers of a lineage, whoever's they are."""
    found = describe_instances(client, tags={**OWNED, **lineage})
    return [one for one in found if ROLE.read(one.tags) in (BUILDER, TESTER)]


def wait_for_others(client: EcsClient, lineage: dict[str, str], tell: Callable[[str], None]) -> None:
    """Wait while another build of the lineage is alive; then remove what is left of dead ones.

    A dead build is known by a heart that does not beat any more: right after a crash that takes some minutes.
    """
    said = False

    def look() -> bool | None:
        nonlocal said
        machines = find_machines(client, lineage)
        if not machines:
            return True
        # Asked by their ids, right before: a heart that beat since the list was read is alive.
        if _dead(client, machines) and _dead(client, describe_instances(client, ids=[one.id for one in machines])):
            tell(f"removing what a dead build left: {', '.join(one.id for one in machines)}.")
            release(client, [one.id for one in machines])
            return True
        if not said:
            tell(f"another build of it is under way ({machines[0].id}): waiting until it ends, or its heart stops.")
            said = True
        return None

    # It ends: every machine has a release time.
    watch(client.clock, look, seconds=math.inf, often=every(LOOK_SECONDS))


def _dead(client: EcsClient, machines: Sequence[Instance]) -> bool:
    return all(silence(one, client.clock) > DEAD_SECONDS for one in machines)
