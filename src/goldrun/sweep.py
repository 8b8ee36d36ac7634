"""Finds and deletes what is left over: the last of the defences against a leak.

Nothing is taken on trust: a side that cannot be asked is an error; what is about to be deleted is looked up again by
its id or name, on both sides; and once more after it was deleted. A fresh heartbeat, a job or an image that is being
created outweighs every reason to delete.
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
    SCOPE,
    VERSION_HASH,
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
GRACE_SECONDS = 10 * 60.0  # also of a heartbeat: twice as long as a live build can be silent


@dataclass(frozen=True)
class Finding:
    """Something that is left over.

    Attributes:
        kind: ``instance``, ``runner`` (GitHub's side), ``disk``, ``snapshot`` or ``image``.
        id: its id.
        name: its name, or empty.
        age: seconds.
        reason: why it should not be there.
        scope: whose runner it is, if GitHub's side is the reason.
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
    """What became of the findings.

    Attributes:
        removed: deleted, and confirmed to be gone.
        kept: what could not be deleted, with the reason.
        spared: what turned out to be in use when it was looked up again.
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
) -> list[Finding]:
    """Everything that goldrun created and that is left over.

    Args:
        client: the cloud, at home in the region.
        older_than: seconds; older instances count as left over too.
        github: GitHub's side, if there are scopes.
        scopes: whose runners are compared with the instances.

    Raises:
        GoldrunError: a side cannot be asked, or its list does not stand still.
    """
    return _Sweep(client, older_than, github, scopes).find()


def remove(
    client: EcsClient,
    findings: Sequence[Finding],
    github: GitHub | None = None,
    *,
    older_than: float | None = None,
    scopes: Sequence[Scope] = (),
) -> Swept:
    """Look up each of them again, and delete those that are still left over.

    One that cannot be deleted does not keep the others.

    Args:
        client: see ``find``.
        findings: what it has found.
        github: see ``find``.
        older_than: see ``find``.
        scopes: see ``find``.
    """
    return _Sweep(client, older_than, github, scopes).remove(findings)


@dataclass(frozen=True)
class _Sweep:
    client: EcsClient
    older_than: float | None
    github: GitHub | None
    scopes: Sequence[Scope]

    def find(self) -> list[Finding]:
        client, now = self.client, self.client.clock.now()
        found = self._instances(describe_instances(client, tags=OWNED))
        if self.github:
            known = {one.id for one in found}
            orphans = [one for scope in self.scopes for one in self._orphans(self.github, scope)]
            found += [one for one in orphans if one.id not in known]
        expired = {one.id for one in found}
        disks = ((disk, _why_no_disk(disk, expired, now)) for disk in describe_disks(client))
        found += [Finding("disk", disk.id, "", now - disk.created, reason) for disk, reason in disks if reason]
        found += [
            Finding("snapshot", one.snapshot_id, one.name, now - parse_moment(one.creation_time), "its image is gone")
            for one in self._orphan_snapshots()
        ]
        found += [
            Finding("image", one.image_id, one.name, now - parse_moment(one.creation_time), "its creation failed")
            for one in self._failed_images()
        ]
        return found

    def remove(self, findings: Sequence[Finding]) -> Swept:
        kept: dict[Finding, GoldrunError] = {}
        spared: list[Finding] = []
        # Instances first and all at once, as they hold the disks; then one by one.
        instances = [one for one in findings if one.kind == "instance"]
        if instances:
            self._remove_instances(instances, kept, spared)
        for one in findings:
            if one.kind != "instance":
                try:
                    if not self._remove(one):
                        spared.append(one)
                except GoldrunError as error:
                    kept[one] = error
        removed = (one for one in findings if one not in kept and one not in spared)
        return Swept(tuple(removed), tuple(kept.items()), tuple(spared))

    def _instances(self, instances: Sequence[Instance]) -> list[Finding]:
        now = self.client.clock.now()
        images = self._images_of_builds() if any(ROLE.matches(one.tags, BUILDER) for one in instances) else {}
        return [
            Finding("instance", one.id, one.name, now - one.created, reason, instance=one)
            for one in instances
            if (reason := self._why_not(one, images, now))
        ]

    def _why_not(self, instance: Instance, images: Mapping[Build, Image], now: float) -> str:
        """Why an instance is left over; empty: it is in use."""
        age = now - instance.created
        image = images.get(_build(instance.tags)) if ROLE.matches(instance.tags, BUILDER) else None
        if _is_kept(instance.tags) or _shows_life(instance, image, self.client.clock):
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
            (instance.status == "Stopped" and age > GRACE_SECONDS, "it is stopped"),
            (made, "its build has ended"),
            (has_heartbeat(instance), "its build has died"),
            (self.older_than is not None and age > self.older_than, "it is older than asked"),
        )
        return next((reason for holds, reason in reasons if holds), "")

    def _images_of_builds(self) -> dict[Build, Image]:
        return {_build(one.tags): one for one in describe_images(self.client, status=ALL_STATUSES, tags=OWNED)}

    def _orphans(self, github: GitHub, scope: Scope) -> Iterator[Finding]:
        for orphan in find_orphans(self.client, github, scope):
            row, instance = orphan.row, orphan.row.instance
            more = (row.age, orphan.reason, str(scope), orphan.doubt)
            if orphan.instance and instance and not self._lives(instance):
                yield Finding("instance", instance.id, row.name, *more, instance=instance)
            if orphan.registration:
                yield Finding("runner", row.name, str(scope), *more)

    def _orphan_snapshots(self, snapshot_id: str = "") -> list[Snapshot]:
        return [one for one in find_orphan_snapshots(self.client, snapshot_id=snapshot_id) if not _is_kept(one.tags)]

    def _failed_images(self, image_id: str = "") -> list[Image]:
        found = describe_images(self.client, image_id=image_id, status="CreateFailed", tags=OWNED)
        if not found:
            return []
        # The build that waits for it reads there why it failed.
        machines = describe_instances(self.client, tags={**OWNED, **ROLE.of(BUILDER)})
        waiting = {_build(one.tags) for one in machines if self._lives(one)}
        return [one for one in found if not _is_kept(one.tags) and _build(one.tags) not in waiting]

    def _remove_instances(
        self, findings: Sequence[Finding], kept: dict[Finding, GoldrunError], spared: list[Finding]
    ) -> None:
        expired: dict[str, Finding] = {}
        try:
            there = {one.id: one for one in describe_instances(self.client, ids=[one.id for one in findings])}
            judged = {one.id for one in self._instances(list(there.values()))}
        except GoldrunError as error:
            kept |= dict.fromkeys(findings, error)
            return
        for one in findings:
            try:
                if one.id in there and not self._still_dead(one, there[one.id], judged):
                    spared.append(one)
                else:
                    expired[one.id] = one
            except GoldrunError as error:
                kept[one] = error
        try:
            kept |= {expired[name]: error for name, error in release_each(self.client, expired).kept.items()}
        except GoldrunError as error:
            kept |= dict.fromkeys(expired.values(), error)

    def _still_dead(self, finding: Finding, instance: Instance, judged: set[str]) -> bool:
        """Whether the reason to delete an instance still holds, now that both sides are asked for it alone.

        Raises:
            UnavailableError: nobody can say.
        """
        if self.github and finding.scope:
            orphan = ask_again(self.client, self.github, Scope(finding.scope), finding.name, instance)
            _settle(finding, orphan)
            return orphan is not None and orphan.instance and not self._lives(instance)
        return instance.id in judged and not self._has_job(instance)

    def _lives(self, instance: Instance) -> bool:
        return _is_kept(instance.tags) or _shows_life(instance, None, self.client.clock)

    def _has_job(self, instance: Instance) -> bool:
        scope, name = SCOPE.read(instance.tags), RUNNER_NAME.read(instance.tags)
        if not self.github or not name or scope not in {str(one) for one in self.scopes}:
            return False
        return any(one.busy for one in find_registrations(self.github, Scope(scope), name))

    def _remove(self, finding: Finding) -> bool:
        """Delete what is not an instance; False if it turns out to be in use."""
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
    """Which build a builder and its image belong to: they carry the same tags."""
    return tuple(tag.read(tags) for tag in (FAMILY, ARCHITECTURE, VERSION_HASH, BUILD_TIMESTAMP))


def _is_kept(tags: Mapping[str, str]) -> bool:
    """Whether a person keeps it; what goldrun does not own is not deleted either."""
    return PROTECTED.matches(tags) or not MANAGED_BY.matches(tags)


def _shows_life(instance: Instance, image: Image | None, clock: CloudClock) -> bool:
    making = image is not None and image.status in ("Creating", "Waiting")
    return making or (has_heartbeat(instance) and silence(instance, clock) <= GRACE_SECONDS)


def _settle(finding: Finding, orphan: Orphan | None) -> None:
    if orphan and orphan.doubt:
        raise UnavailableError(
            f"{finding.id} ({finding.name}) is kept, although {finding.reason}.",
            why=[f"{orphan.doubt}."],
            fix=[
                "does the token still see the runners, and is the scope still named so? goldrun runner ls shows both.",
                "it ends at its release time, or with goldrun instance rm.",
            ],
        )


def _why_no_disk(disk: Disk, expired: set[str], now: float) -> str:
    if not disk.instance:
        return "nothing is attached to it" if now - disk.created > GRACE_SECONDS else ""
    return "its instance goes, and it would stay" if disk.instance in expired and not disk.deleted_with_instance else ""
