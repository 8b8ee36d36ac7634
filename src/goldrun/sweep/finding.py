"""What is left over, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.disks import Disk, describe_disks
from goldrun.cloud.images import ALL_STATUSES, Image, describe_images
from goldrun.cloud.instances import Instance, describe_instances
from goldrun.cloud.moments import parse_moment
from goldrun.cloud.snapshots import Snapshot
from goldrun.cloud.tags import (
    ARCHITECTURE,
    BUILD_TIMESTAMP,
    BUILDER,
    FAMILY,
    MANAGED_BY,
    OWNED,
    PROTECTED,
    ROLE,
    RUNNER_TYPE,
    VERSION_HASH,
    is_parked,
)
from goldrun.github.client import GitHub
from goldrun.github.scope import Scope
from goldrun.http.cloud_clock import CloudClock
from goldrun.images.removal import find_orphan_snapshots
from goldrun.launch.heartbeat import has_heartbeat, silence
from goldrun.runners.orphans import find_orphans

UNSAID_LIFE_SECONDS = 240 * 60.0  # of an instance that has no release time
GRACE_SECONDS = 10 * 60.0  # also of a heartbeat: twice as long as a running build can be silent


@dataclass(frozen=True)
class Finding:
    """A resource that is left over.

    Attributes:
        kind: ``instance``, ``runner`` (GitHub's side), ``disk``, ``snapshot`` or ``image``.
        id: its id.
        name: its name; empty: none.
        age: seconds.
        reason: why it is to be deleted.
        scope: the runner's scope, if GitHub's side is the reason.
        doubt: why it is kept nevertheless; empty: no reason.
        instance: the instance as it was found, if it is one.
    """

    kind: str
    id: str
    name: str
    age: float
    reason: str
    scope: str = ""
    doubt: str = ""
    instance: Instance | None = field(default=None, compare=False)


def find(
    client: EcsClient,
    *,
    older_than: float | None = None,
    github: GitHub | None = None,
    scopes: Sequence[Scope] = (),
    foreign: bool = False,
) -> list[Finding]:
    """Return everything that goldrun created and that is left over.

    Args:
        client: the cloud; its home region is swept.
        older_than: seconds; older instances count as left over too.
        github: GitHub's side, if there are scopes.
        scopes: the scopes whose runners are compared with the instances.
        foreign: whether instances that another tool launched as runners (tag ``GITHUB_RUNNER_TYPE``) count too.

    Raises:
        GoldrunError: a side cannot be read, or its list kept changing.
    """
    return OrphanFinder(client, older_than, github, scopes, foreign).find()


@dataclass(frozen=True)
class OrphanFinder:
    """Judges what goldrun created; the attributes are the arguments of ``find``."""

    client: EcsClient
    older_than: float | None
    github: GitHub | None
    scopes: Sequence[Scope]
    foreign: bool = False

    def find(self) -> list[Finding]:
        """See ``find``."""
        client, now = self.client, self.client.clock.now()
        instances = describe_instances(client, tags=OWNED)
        if self.foreign:
            runners = describe_instances(client, tags=RUNNER_TYPE.of())
            instances += [runner for runner in runners if is_foreign_runner(runner.tags)]
        found = self.instances(instances)
        if self.github:
            known = {finding.id for finding in found}
            orphans = [orphan for scope in self.scopes for orphan in self._orphans(self.github, scope)]
            found += [orphan for orphan in orphans if orphan.id not in known]
        expired = {finding.id for finding in found}
        disks = ((disk, _why_delete_disk(disk, expired, now)) for disk in describe_disks(client, OWNED))
        found += [Finding("disk", disk.id, "", now - disk.created, reason) for disk, reason in disks if reason]
        found += [
            Finding("snapshot", old.snapshot_id, old.name, now - parse_moment(old.creation_time), "its image is gone")
            for old in self.orphan_snapshots()
        ]
        found += [
            Finding("image", image.image_id, image.name, now - parse_moment(image.creation_time), "its creation failed")
            for image in self.failed_images()
        ]
        return found

    def instances(self, instances: Sequence[Instance]) -> list[Finding]:
        """Return those of the instances that are left over."""
        now = self.client.clock.now()
        any_builder = any(ROLE.matches(instance.tags, BUILDER) for instance in instances)
        images = self._images_of_builds() if any_builder else {}
        return [
            Finding("instance", instance.id, instance.name, now - instance.created, reason, instance=instance)
            for instance in instances
            if (reason := self._why_delete(instance, images, now))
        ]

    def _why_delete(self, instance: Instance, images: Mapping[Build, Image], now: float) -> str:
        """Return why an instance is left over; empty: it is in use."""
        age = now - instance.created
        image = images.get(_build(instance.tags)) if ROLE.matches(instance.tags, BUILDER) else None
        if is_kept(instance.tags, self.foreign) or _is_active(instance, image, self.client.clock):
            return ""
        released = instance.released
        made = (
            image is not None
            and image.status == "Available"
            and now - parse_moment(image.creation_time) > GRACE_SECONDS
        )
        reasons = (
            (released is not None and now > released + GRACE_SECONDS, "it is past its release time"),
            (released is None and age > UNSAID_LIFE_SECONDS, "it has no release time"),
            (
                instance.status == "Stopped"
                and not (instance.saves and is_parked(instance.tags))
                and age > GRACE_SECONDS,
                "it is stopped",
            ),
            (made, "its build has ended"),
            (has_heartbeat(instance), "its build was interrupted"),
            (self.older_than is not None and age > self.older_than, "it is older than requested"),
        )
        reason = next((reason for holds, reason in reasons if holds), "")
        return f"{reason}; another tool launched it" if reason and is_foreign_runner(instance.tags) else reason

    def _images_of_builds(self) -> dict[Build, Image]:
        return {_build(image.tags): image for image in describe_images(self.client, status=ALL_STATUSES, tags=OWNED)}

    def _orphans(self, github: GitHub, scope: Scope) -> Iterator[Finding]:
        for orphan in find_orphans(self.client, github, scope):
            row, instance = orphan.row, orphan.row.instance
            more = (row.age, orphan.reason, str(scope), orphan.doubt)
            if orphan.instance and instance and not self.in_use(instance):
                yield Finding("instance", instance.id, row.name, *more, instance=instance)
            if orphan.registration:
                yield Finding("runner", row.name, str(scope), *more)

    def orphan_snapshots(self, snapshot_id: str = "") -> list[Snapshot]:
        """Return the snapshots whose image is gone: all, or that one."""
        orphans = find_orphan_snapshots(self.client, snapshot_id=snapshot_id)
        return [snapshot for snapshot in orphans if not is_kept(snapshot.tags)]

    def failed_images(self, image_id: str = "") -> list[Image]:
        """Return the images that could not be created and that no build waits for: all, or that one."""
        found = describe_images(self.client, image_id=image_id, status="CreateFailed", tags=OWNED)
        if not found:
            return []
        # A build that waits for its image reads there why it failed.
        builders = describe_instances(self.client, tags={**OWNED, **ROLE.of(BUILDER)})
        waiting = {_build(builder.tags) for builder in builders if self.in_use(builder)}
        return [image for image in found if not is_kept(image.tags) and _build(image.tags) not in waiting]

    def in_use(self, instance: Instance) -> bool:
        """Return whether an instance is protected, another's, or has a fresh heartbeat."""
        return is_kept(instance.tags, self.foreign) or _is_active(instance, None, self.client.clock)


Build = tuple[str, ...]


def _build(tags: Mapping[str, str]) -> Build:
    """Return which build a builder or an image belongs to: both have these tags."""
    return tuple(tag.read(tags) for tag in (FAMILY, ARCHITECTURE, VERSION_HASH, BUILD_TIMESTAMP))


def is_foreign_runner(tags: Mapping[str, str]) -> bool:
    """Return whether another tool launched the instance as a runner; the guide's own scripts set this tag."""
    return RUNNER_TYPE.matches(tags) and not MANAGED_BY.matches(tags)


def is_kept(tags: Mapping[str, str], foreign: bool = False) -> bool:
    """Return whether a user protects it, or goldrun did not create it (``foreign``: nor another tool as a runner)."""
    return PROTECTED.matches(tags) or not (MANAGED_BY.matches(tags) or (foreign and is_foreign_runner(tags)))


def _is_active(instance: Instance, image: Image | None, clock: CloudClock) -> bool:
    making = image is not None and image.status in ("Creating", "Waiting")
    return making or (has_heartbeat(instance) and silence(instance, clock) <= GRACE_SECONDS)


def _why_delete_disk(disk: Disk, expired: set[str], now: float) -> str:
    if is_kept(disk.tags):
        return ""
    if not disk.instance:
        return "it is not attached to an instance" if now - disk.created > GRACE_SECONDS else ""
    left_behind = disk.instance in expired and not disk.deleted_with_instance
    return "its instance is to be deleted, and it would stay" if left_behind else ""
