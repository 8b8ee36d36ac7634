"""Finds and removes what should not be alive: the last of the defences against a leak.

Nothing is taken on trust: what cannot be asked about raises, and what was deleted is asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from goldrun.ecs.client import EcsClient
from goldrun.ecs.models import Image
from goldrun.ecs.moments import parse_moment
from goldrun.ecs.tags import BUILDER, MANAGED_BY, PROTECTED, ROLE
from goldrun.errors import GoldrunError
from goldrun.images.query import describe_images
from goldrun.images.removal import delete_image, delete_snapshot, find_orphans
from goldrun.runners.ghosts import Ghost, find_ghosts
from goldrun.runners.github import GitHub
from goldrun.runners.registrations import remove as remove_registrations
from goldrun.runners.scope import Scope
from goldrun.spot.disks import Disk, delete_disk, describe_disks
from goldrun.spot.instances import Instance, describe_instances, release

MAX_LIFE_SECONDS = 240 * 60.0  # of an instance that has no release time
GRACE_SECONDS = 10 * 60.0


@dataclass(frozen=True)
class Finding:
    """Something that should not be alive.

    Attributes:
        kind: ``instance``, ``runner`` (GitHub's side), ``disk``, ``snapshot`` or ``image``.
        id: its id.
        name: its name, or empty.
        age: seconds.
        reason: why it should not be there.
        scope: whose runner it is.
    """

    kind: str
    id: str
    name: str
    age: float
    reason: str
    scope: str = ""


@dataclass(frozen=True)
class Swept:
    """What became of the findings.

    Attributes:
        removed: deleted, and seen to be gone.
        kept: what could not be deleted, with the reason.
    """

    removed: tuple[Finding, ...]
    kept: tuple[tuple[Finding, GoldrunError], ...]


def find(
    client: EcsClient,
    *,
    older_than: float | None = None,
    github: GitHub | None = None,
    scopes: Sequence[Scope] = (),
) -> list[Finding]:
    """Everything that goldrun made and that should not be alive.

    Args:
        client: the cloud, at home in the region.
        older_than: seconds; instances that are older should not be alive either.
        github: GitHub's side, where there are scopes.
        scopes: whose runners are compared with the instances.
    """
    now = client.clock.now()
    instances = [one for one in describe_instances(client, tags=MANAGED_BY) if one.tags.get(PROTECTED) != "true"]
    ended = _ended_builds(client, instances, now)
    found = [
        Finding("instance", one.id, one.name, now - one.created, reason)
        for one in instances
        if (reason := _why_not(one, now, older_than) or ended.get(one.id, ""))
    ]
    if github:
        ghosts = [ghost for scope in scopes for ghost in _ghosts(client, github, scope)]
        known = {one.id for one in found}
        found += [one for one in ghosts if one.id not in known]
    doomed = {one.id for one in found}
    found += [
        Finding("disk", disk.id, "", now - disk.created, reason)
        for disk in describe_disks(client)
        if (reason := _why_no_disk(disk, doomed))
    ]
    found += [
        Finding("snapshot", one.snapshot_id, one.name, now - parse_moment(one.creation_time), "its image is gone")
        for one in find_orphans(client)
    ]
    found += [
        Finding("image", one.image_id, one.name, now - parse_moment(one.creation_time), "its creation failed")
        for one in describe_images(client, status="CreateFailed", tags=MANAGED_BY)
    ]
    return found


def remove(client: EcsClient, findings: Sequence[Finding], github: GitHub | None = None) -> Swept:
    """Delete them; one that cannot be deleted does not keep the others alive."""
    kept: list[tuple[Finding, GoldrunError]] = []
    for group in _in_order(findings):
        try:
            _remove(client, group, github)
        except GoldrunError as error:
            kept += [(one, error) for one in group]
    failed = {one.id for one, _ in kept}
    return Swept(tuple(one for one in findings if one.id not in failed), tuple(kept))


def _ghosts(client: EcsClient, github: GitHub, scope: Scope) -> Iterator[Finding]:
    for ghost in find_ghosts(client, github, scope):
        yield from _of_ghost(ghost, scope)


def _of_ghost(ghost: Ghost, scope: Scope) -> Iterator[Finding]:
    row = ghost.row
    if ghost.instance and row.instance:
        yield Finding("instance", row.instance.id, row.name, row.age, ghost.reason)
    if ghost.registration:
        yield Finding("runner", row.name, str(scope), row.age, ghost.reason, scope=str(scope))


def _why_not(instance: Instance, now: float, older_than: float | None) -> str:
    """Why an instance should not be alive; empty if it may."""
    age = now - instance.created
    if instance.released is not None and now > instance.released + GRACE_SECONDS:
        return "it is past its release time"
    if instance.released is None and age > MAX_LIFE_SECONDS:
        return "it has no release time"
    if instance.status == "Stopped" and age > GRACE_SECONDS:
        return "it is stopped"
    if older_than is not None and age > older_than:
        return "it is older than asked"
    return ""


def _ended_builds(client: EcsClient, instances: Iterable[Instance], now: float) -> dict[str, str]:
    """Builders whose image has long been made."""
    builders = [one for one in instances if one.tags.get(ROLE) == BUILDER]
    if not builders:
        return {}
    built = {
        _build(image.tags)
        for image in describe_images(client, tags=MANAGED_BY)
        if now - parse_moment(image.creation_time) > GRACE_SECONDS
    }
    return {one.id: "its build has ended" for one in builders if _build(one.tags) in built}


def _build(tags: object) -> tuple[str, ...]:
    assert isinstance(tags, dict)
    return tuple(tags.get(name, "") for name in ("Family", "Architecture", "VersionHash", "BuildTimestamp"))


def _why_no_disk(disk: Disk, doomed: set[str]) -> str:
    if not disk.instance:
        return "nothing is attached to it"
    return "its instance goes, and it would stay" if disk.instance in doomed and not disk.goes_along else ""


def _in_order(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Instances first and all at once, as they hold the disks; then one by one."""
    if instances := [one for one in findings if one.kind == "instance"]:
        yield instances
    yield from ([one] for one in findings if one.kind != "instance")


def _remove(client: EcsClient, group: list[Finding], github: GitHub | None) -> None:
    first = group[0]
    if first.kind == "instance":
        release(client, [one.id for one in group])
    elif first.kind == "runner":
        assert github is not None
        remove_registrations(github, Scope(first.scope), [first.id])
    elif first.kind == "disk":
        delete_disk(client, first.id)
    elif first.kind == "snapshot":
        delete_snapshot(client, first.id)
    else:
        images: list[Image] = describe_images(client, image_id=first.id, status="CreateFailed")
        for image in images:
            delete_image(client, image)
