"""Prunes, for programs."""

from __future__ import annotations

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
    """

    keep: bool
    reason: str

    @classmethod
    def judged(cls, verdict: retention.Verdict) -> Self:
        """Return the object for a verdict."""
        return cls.of(verdict.image, keep=verdict.keep, reason=verdict.reason)


@public
class Prune:
    """The result of a prune.

    Attributes:
        dry_run: whether this is only the plan: nothing was deleted.
        images: all versions, including those that stay.
        orphan_snapshots: ids of deleted snapshots whose image was already gone.
    """

    dry_run: bool
    images: tuple[PrunedImage, ...]
    orphan_snapshots: tuple[str, ...]

    @classmethod
    def of(cls, done: retention.Pruned) -> Self:
        """Return the object for a prune."""
        return cls(
            dry_run=not done.carried_out,
            images=tuple(map(PrunedImage.judged, done.verdicts)),
            orphan_snapshots=tuple(snapshot.snapshot_id for snapshot in done.orphans),
        )
