"""Prunes, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from goldrun.cli.json.encoding import public
from goldrun.cli.json.images import Image
from goldrun.images import retention


@public
class PrunedImage(Image):
    """An image and a prune's verdict on it.

    Attributes:
        keep: whether it stays.
        reason: why.
        deleted: whether it was deleted; false for what was only planned, or declined.
    """

    keep: bool
    reason: str
    deleted: bool

    @classmethod
    def judged(cls, verdict: retention.Verdict, *, carried_out: bool) -> Self:
        """Return the object for a verdict."""
        deleted = carried_out and not verdict.keep
        return cls.of(verdict.image, keep=verdict.keep, reason=verdict.reason, deleted=deleted)


@public
class Prune:
    """The result of a prune.

    Attributes:
        dry_run: whether this is only the plan: nothing was deleted.
        images: all versions, including those that stay.
        orphan_snapshots: ids of snapshots whose image was already gone, and which were, or would be, deleted.
    """

    dry_run: bool
    images: tuple[PrunedImage, ...]
    orphan_snapshots: tuple[str, ...]

    @classmethod
    def of(cls, pruned: Sequence[retention.Pruned]) -> Self:
        """Return the object for what was done with each lineage; snapshots that were declined are left out."""
        carried_out = [done for done in pruned if done.carried_out]
        images = (PrunedImage.judged(one, carried_out=done.carried_out) for done in pruned for one in done.verdicts)
        orphans = (snapshot.snapshot_id for done in carried_out or pruned for snapshot in done.orphans)
        return cls(dry_run=not carried_out, images=tuple(images), orphan_snapshots=tuple(orphans))
