"""The machines of a build: got from the spot market, marked as whose they are, and let go again.

A builder carries a heartbeat in its tags. While it beats the build is alive, wherever that runs; when it has stopped
for some minutes the build is dead, and what it left is removed by whoever comes next.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from goldrun.ecs.client import EcsClient
from goldrun.ecs.errors import ApiError
from goldrun.ecs.moments import format_moment, parse_moment
from goldrun.ecs.tags import BUILDER, MANAGED_BY, PROTECTED, ROLE
from goldrun.errors import GoldrunError
from goldrun.spot.assistant import Machine
from goldrun.spot.instances import Instance, describe_instances, release
from goldrun.spot.order import Order, fill

TESTER = "tester"
HEARTBEAT = "Heartbeat"
BEAT_SECONDS = 60.0
DEAD_SECONDS = 180.0
LOOK_SECONDS = 15.0


@dataclass
class Heart:
    """Beats in an instance's tags, at most once a minute."""

    client: EcsClient
    instance_id: str = ""
    last: float = field(default=0.0)

    def beat(self) -> None:
        """Beat, if it is time."""
        now = self.client.clock.now()
        if not self.instance_id or now - self.last < BEAT_SECONDS:
            return
        self.last = now
        tags = [{"Key": HEARTBEAT, "Value": format_moment(now)}]
        with contextlib.suppress(ApiError):  # a missed beat is no reason to end; the next call tells what is wrong
            self.client.call(
                "TagResources", {"ResourceType": "instance", "ResourceId": [self.instance_id], "Tag": tags}
            )


@contextlib.contextmanager
def machine(
    client: EcsClient,
    order: Order,
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
        client: the cloud.
        order: what is wanted, but for its key and tags.
        role: ``builder`` or ``tester``.
        tags: which build it is of.
        key: what it is for.
        heart: beats on it.
        tell: told what was taken, and why offers were passed over.
        keep: whether an error leaves the instance to whoever looks into it, until its release time.

    Raises:
        GoldrunError: there is none to be had.
    """
    marked = {**tags, ROLE: role, HEARTBEAT: format_moment(client.clock.now())}
    request = replace(order.request, key=key, tags={**order.request.tags, **marked})
    (launched,) = fill(client, replace(order, request=request), tell=tell)
    instance_id = launched.ids[0]
    before, heart.instance_id, heart.last = heart.instance_id, instance_id, client.clock.now()
    try:
        yield Machine(client, instance_id, key, heart.beat)
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
    finally:
        heart.instance_id = before
    release(client, [instance_id])


def _leave(client: EcsClient, instance_id: str) -> None:
    """Take the instance out of the build, and away from every sweep."""
    tags = [{"Key": PROTECTED, "Value": "true"}, {"Key": ROLE, "Value": "kept"}]
    client.call("TagResources", {"ResourceType": "instance", "ResourceId": [instance_id], "Tag": tags})


def find_machines(client: EcsClient, lineage: dict[str, str]) -> list[Instance]:
    """The builders and testers of a lineage, whoever's they are."""
    found = describe_instances(client, tags={**MANAGED_BY, **lineage})
    return [one for one in found if one.tags.get(ROLE) in (BUILDER, TESTER)]


def wait_for_others(client: EcsClient, lineage: dict[str, str], tell: Callable[[str], None]) -> None:
    """Wait while another build of the lineage is alive; then remove what is left of dead ones.

    A dead build is known by a heart that does not beat any more: right after a crash that takes some minutes.
    """
    said = False
    while machines := find_machines(client, lineage):
        now = client.clock.now()
        beats = [parse_moment(one.tags[HEARTBEAT]) if HEARTBEAT in one.tags else one.created for one in machines]
        if now - max(beats) > DEAD_SECONDS:
            tell(f"removing what a dead build left: {', '.join(one.id for one in machines)}.")
            release(client, [one.id for one in machines])
            return
        if not said:
            tell(f"another build of it is under way ({machines[0].id}): waiting until it ends, or its heart stops.")
            said = True
        client.clock.sleep(LOOK_SECONDS)
