"""Deletes what is left over, after another look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.disks import delete_disk, describe_disks
from goldrun.cloud.images import ALL_STATUSES, describe_images
from goldrun.cloud.instances import Instance, describe_instances
from goldrun.cloud.snapshots import describe_snapshots
from goldrun.cloud.tags import RUNNER_NAME, SCOPE
from goldrun.errors import GoldrunError, UnavailableError
from goldrun.github.client import GitHub
from goldrun.github.runners import find_registrations
from goldrun.github.scope import Scope
from goldrun.images.removal import delete_image, delete_snapshot
from goldrun.launch.release import release_each
from goldrun.runners import registrations
from goldrun.runners.orphans import Orphan, look_again
from goldrun.sweep.finding import Finding, OrphanFinder, is_foreign_runner, is_kept


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
    return _Removal(OrphanFinder(client, older_than, github, scopes, foreign)).remove(findings)


@dataclass(frozen=True)
class _Removal:
    finder: OrphanFinder

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

    def _remove_instances(
        self, findings: Sequence[Finding], kept: dict[Finding, GoldrunError], spared: list[Finding]
    ) -> None:
        expired: dict[str, Finding] = {}
        try:
            instances = describe_instances(self.finder.client, ids=[finding.id for finding in findings])
            there = {instance.id: instance for instance in instances}
            judged = {finding.id for finding in self.finder.instances(instances)}
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
            kept |= {expired[name]: error for name, error in release_each(self.finder.client, expired).kept.items()}
        except GoldrunError as error:
            kept |= dict.fromkeys(expired.values(), error)

    def _still_expired(self, finding: Finding, instance: Instance, judged: set[str]) -> bool:
        """Return whether the reason to delete an instance still holds, after looking it up on both sides.

        Raises:
            UnavailableError: it is not known.
        """
        if self.finder.github and finding.scope:
            orphan = look_again(self.finder.client, self.finder.github, Scope(finding.scope), finding.name, instance)
            _settle(finding, orphan)
            return orphan is not None and orphan.instance and not self.finder.in_use(instance)
        return instance.id in judged and not self._has_job(instance)

    def _has_job(self, instance: Instance) -> bool:
        if is_foreign_runner(instance.tags):
            # Other tools register a runner under its instance's name, and do not record the scope.
            name, scopes = instance.name, self.finder.scopes
        else:
            scope = Scope(SCOPE.read(instance.tags))
            name, scopes = RUNNER_NAME.read(instance.tags), [scope] if scope in self.finder.scopes else []
        if not self.finder.github or not name:
            return False
        return any(runner.busy for scope in scopes for runner in find_registrations(self.finder.github, scope, name))

    def _remove(self, finding: Finding) -> bool:
        """Delete a finding other than an instance; return False if it is in use after all."""
        if finding.kind == "runner":
            return self._remove_runner(finding)
        if finding.kind == "disk":
            return self._remove_disk(finding.id)
        if finding.kind == "snapshot":
            return self._remove_snapshot(finding.id)
        return self._remove_image(finding.id)

    def _remove_runner(self, finding: Finding) -> bool:
        github, scope = self.finder.github, Scope(finding.scope)
        assert github is not None
        if look_again(self.finder.client, github, scope, finding.id, None) is None:
            return False
        registrations.remove(github, scope, [finding.id])
        return True

    def _remove_disk(self, disk_id: str) -> bool:
        client = self.finder.client
        disks = describe_disks(client, disk_id=disk_id)
        if any(disk.instance or is_kept(disk.tags) for disk in disks):
            return False
        for disk in disks:
            delete_disk(client, disk.id)
        return True

    def _remove_snapshot(self, snapshot_id: str) -> bool:
        client = self.finder.client
        orphans = self.finder.orphan_snapshots(snapshot_id)
        for orphan in orphans:
            delete_snapshot(client, orphan.snapshot_id)
        return bool(orphans) or not describe_snapshots(client, snapshot_id=snapshot_id)

    def _remove_image(self, image_id: str) -> bool:
        client = self.finder.client
        failed = self.finder.failed_images(image_id)
        for image in failed:
            delete_image(client, image)
        return bool(failed) or not describe_images(client, image_id=image_id, status=ALL_STATUSES)


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
