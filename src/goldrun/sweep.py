"""Finds and deletes what is left over: the last defence against a leak.

Nothing is assumed: a side that cannot be read is an error; every resource is looked up again by its id or name, on both
sides, before it is deleted, and once more afterwards. A fresh heartbeat, a job or an image that is being created
outweighs every reason to delete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.disks import Disk, delete_disk, describe_disks
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
    RUNNER_NAME,
    RUNNER_TYPE,
    SCOPE,
    VERSION_HASH,
    is_parked,
)
from goldrun.errors import GoldrunError, UnavailableError
from goldrun.github.client import GitHub
from goldrun.github.runners import find_registrations
from goldrun.github.scope import Scope
from goldrun.http.cloud_clock import CloudClock
from goldrun.images.removal import delete_image, delete_snapshot, find_orphan_snapshots
from goldrun.launch.heartbeat import has_heartbeat, silence
from goldrun.launch.release import release_each
from goldrun.runners import registrations
from goldrun.runners.orphans import Orphan, ask_again, find_orphans

MAX_LIFE_SECONDS = 240 * 60.0  # of an instance that has no release time
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


@dataclass(frozen=True)
class Swept:
    """The outcome of a sweep.

    Attributes:
        removed: deleted, and confirmed to be gone.
        kept: could not be deleted, with the reason.
        spared: found to be in use when it was looked up again.
    """

    removed: tuple[Finding, ...]
    kept: tuple[tuple[Finding, GoldrunError], ...]
    spared: tuple[Finding, ...] = ()


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
    return _Sweep(client, older_than, github, scopes, foreign).find()


def remove(
    client: EcsClient,
    findings: Sequence[Finding],
    github: GitHub | None = None,
    *,
    older_than: float | None = None,
    scopes: Sequence[Scope] = (),
    foreign: bool = False,
) -> Swept:
    """Look up each finding of ``find`` again, and delete those that are still left over.

    A finding that cannot be deleted does not keep the others. The other arguments are those of ``find``.
    """
    return _Sweep(client, older_than, github, scopes, foreign).remove(findings)


@dataclass(frozen=True)
class _Sweep:
    client: EcsClient
    older_than: float | None
    github: GitHub | None
    scopes: Sequence[Scope]
    foreign: bool = False

    def find(self) -> list[Finding]:
        client, now = self.client, self.client.clock.now()
        instances = describe_instances(client, tags=OWNED)
        if self.foreign:
            runners = describe_instances(client, tags=RUNNER_TYPE.of())
            instances += [runner for runner in runners if _is_foreign_runner(runner.tags)]
        found = self._instances(instances)
        if self.github:
            known = {finding.id for finding in found}
            orphans = [orphan for scope in self.scopes for orphan in self._orphans(self.github, scope)]
            found += [orphan for orphan in orphans if orphan.id not in known]
        expired = {finding.id for finding in found}
        disks = ((disk, _why_delete_disk(disk, expired, now)) for disk in describe_disks(client))
        found += [Finding("disk", disk.id, "", now - disk.created, reason) for disk, reason in disks if reason]
        found += [
            Finding("snapshot", old.snapshot_id, old.name, now - parse_moment(old.creation_time), "its image is gone")
            for old in self._orphan_snapshots()
        ]
        found += [
            Finding("image", image.image_id, image.name, now - parse_moment(image.creation_time), "its creation failed")
            for image in self._failed_images()
        ]
        return found

    def remove(self, findings: Sequence[Finding]) -> Swept:
        kept: dict[Finding, GoldrunError] = {}
        spared: list[Finding] = []
        # Instances first and all at once, as they hold the disks; then the rest one by one.
        instances = [finding for finding in findings if finding.kind == "instance"]
        if instances:
            self._remove_instances(instances, kept, spared)
        for finding in findings:
            if finding.kind != "instance":
                try:
                    if not self._remove(finding):
                        spared.append(finding)
                except GoldrunError as error:
                    kept[finding] = error
        removed = (finding for finding in findings if finding not in kept and finding not in spared)
        return Swept(tuple(removed), tuple(kept.items()), tuple(spared))

    def _instances(self, instances: Sequence[Instance]) -> list[Finding]:
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
        if _is_kept(instance.tags, self.foreign) or _is_active(instance, image, self.client.clock):
            return ""
        released = instance.released
        made = (
            image is not None
            and image.status == "Available"
            and now - parse_moment(image.creation_time) > GRACE_SECONDS
        )
        reasons = (
            (released is not None and now > released + GRACE_SECONDS, "it is past its release time"),
            (released is None and age > MAX_LIFE_SECONDS, "it has no release time"),
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
        return f"{reason}; another tool launched it" if reason and _is_foreign_runner(instance.tags) else reason

    def _images_of_builds(self) -> dict[Build, Image]:
        return {_build(image.tags): image for image in describe_images(self.client, status=ALL_STATUSES, tags=OWNED)}

    def _orphans(self, github: GitHub, scope: Scope) -> Iterator[Finding]:
        for orphan in find_orphans(self.client, github, scope):
            row, instance = orphan.row, orphan.row.instance
            more = (row.age, orphan.reason, str(scope), orphan.doubt)
            if orphan.instance and instance and not self._in_use(instance):
                yield Finding("instance", instance.id, row.name, *more, instance=instance)
            if orphan.registration:
                yield Finding("runner", row.name, str(scope), *more)

    def _orphan_snapshots(self, snapshot_id: str = "") -> list[Snapshot]:
        orphans = find_orphan_snapshots(self.client, snapshot_id=snapshot_id)
        return [snapshot for snapshot in orphans if not _is_kept(snapshot.tags)]

    def _failed_images(self, image_id: str = "") -> list[Image]:
        found = describe_images(self.client, image_id=image_id, status="CreateFailed", tags=OWNED)
        if not found:
            return []
        # A build that waits for its image reads there why it failed.
        builders = describe_instances(self.client, tags={**OWNED, **ROLE.of(BUILDER)})
        waiting = {_build(builder.tags) for builder in builders if self._in_use(builder)}
        return [image for image in found if not _is_kept(image.tags) and _build(image.tags) not in waiting]

    def _remove_instances(
        self, findings: Sequence[Finding], kept: dict[Finding, GoldrunError], spared: list[Finding]
    ) -> None:
        expired: dict[str, Finding] = {}
        try:
            instances = describe_instances(self.client, ids=[finding.id for finding in findings])
            there = {instance.id: instance for instance in instances}
            judged = {finding.id for finding in self._instances(instances)}
        except GoldrunError as error:
            kept |= dict.fromkeys(findings, error)
            return
        for finding in findings:
            try:
                if finding.id in there and not self._still_expired(finding, there[finding.id], judged):
                    spared.append(finding)
                else:
                    expired[finding.id] = finding
            except GoldrunError as error:
                kept[finding] = error
        try:
            kept |= {expired[name]: error for name, error in release_each(self.client, expired).kept.items()}
        except GoldrunError as error:
            kept |= dict.fromkeys(expired.values(), error)

    def _still_expired(self, finding: Finding, instance: Instance, judged: set[str]) -> bool:
        """Return whether the reason to delete an instance still holds, after looking it up on both sides.

        Raises:
            UnavailableError: it is not known.
        """
        if self.github and finding.scope:
            orphan = ask_again(self.client, self.github, Scope(finding.scope), finding.name, instance)
            _settle(finding, orphan)
            return orphan is not None and orphan.instance and not self._in_use(instance)
        return instance.id in judged and not self._has_job(instance)

    def _in_use(self, instance: Instance) -> bool:
        return _is_kept(instance.tags, self.foreign) or _is_active(instance, None, self.client.clock)

    def _has_job(self, instance: Instance) -> bool:
        if _is_foreign_runner(instance.tags):
            # Other tools register a runner under its instance's name, and do not record the scope.
            name, scopes = instance.name, self.scopes
        else:
            scope = Scope(SCOPE.read(instance.tags))
            name, scopes = RUNNER_NAME.read(instance.tags), [scope] if scope in self.scopes else []
        if not self.github or not name:
            return False
        return any(runner.busy for scope in scopes for runner in find_registrations(self.github, scope, name))

    def _remove(self, finding: Finding) -> bool:
        """Delete a finding other than an instance; return False if it is in use after all."""
        client, name = self.client, finding.id
        if finding.kind == "runner":
            assert self.github is not None
            scope = Scope(finding.scope)
            orphan = ask_again(client, self.github, scope, name, None)
            if orphan is None:
                return False
            registrations.remove(self.github, scope, [name])
        elif finding.kind == "disk":
            for disk in describe_disks(client, name):
                if disk.instance:
                    return False
                delete_disk(client, disk.id)
        elif finding.kind == "snapshot":
            for snapshot in self._orphan_snapshots(name):
                delete_snapshot(client, snapshot.snapshot_id)
        else:
            for image in self._failed_images(name):
                delete_image(client, image)
        return True


Build = tuple[str, ...]


def _build(tags: Mapping[str, str]) -> Build:
    """Return which build a builder or an image belongs to: both have these tags."""
    return tuple(tag.read(tags) for tag in (FAMILY, ARCHITECTURE, VERSION_HASH, BUILD_TIMESTAMP))


def _is_foreign_runner(tags: Mapping[str, str]) -> bool:
    """Return whether another tool launched the instance as a runner; the guide's own scripts set this tag."""
    return RUNNER_TYPE.matches(tags) and not MANAGED_BY.matches(tags)


def _is_kept(tags: Mapping[str, str], foreign: bool = False) -> bool:
    """Return whether a user protects it, or goldrun did not create it (``foreign``: nor another tool as a runner)."""
    return PROTECTED.matches(tags) or not (MANAGED_BY.matches(tags) or (foreign and _is_foreign_runner(tags)))


def _is_active(instance: Instance, image: Image | None, clock: CloudClock) -> bool:
    making = image is not None and image.status in ("Creating", "Waiting")
    return making or (has_heartbeat(instance) and silence(instance, clock) <= GRACE_SECONDS)


def _settle(finding: Finding, orphan: Orphan | None) -> None:
    if orphan and orphan.doubt:
        raise UnavailableError(
            f"{finding.id} ({finding.name}) is kept although {finding.reason}.",
            why=[f"{orphan.doubt}."],
            fix=[
                "check that the token sees the runners and that the scope has not been renamed: goldrun runner ls",
                "it is deleted at its release time, or by goldrun instance rm.",
            ],
        )


def _why_delete_disk(disk: Disk, expired: set[str], now: float) -> str:
    if not disk.instance:
        return "it is not attached to an instance" if now - disk.created > GRACE_SECONDS else ""
    left_behind = disk.instance in expired and not disk.deleted_with_instance
    return "its instance is to be deleted, and it would stay" if left_behind else ""
