"""Builds, histories, prunes and comparisons of images, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from goldrun.cli.json.encoding import public
from goldrun.cli.json.images import Image
from goldrun.images import manifest, retention
from goldrun.images.lineage import Lineage

if TYPE_CHECKING:  # a history must not pay for a build
    from goldrun.bake.build import Built


@public
class BuiltImage(Image):
    """An image that a build created, or found to exist already.

    Attributes:
        version_hash: the hash of all inputs of the build.
        skipped: whether nothing was built, as an image with the same content exists.
    """

    version_hash: str
    skipped: bool

    @classmethod
    def built(cls, done: Built) -> Self:
        """Return the object for the outcome of a build."""
        return cls.of(done.image, version_hash=done.version_hash, skipped=done.skipped)


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
class Version(Image):
    """A version in a family's history.

    Attributes:
        version: its version name, also while a channel shows it under an alias.
        instances: number of instances that run from it.
        keep: whether a prune would keep it.
        reason: why.
    """

    version: str
    instances: int
    keep: bool
    reason: str

    @classmethod
    def in_history(cls, lineage: Lineage, verdict: retention.Verdict, instances: int) -> Self:
        """Return the object for a version and its verdict; ``instances`` is how many run from it."""
        return cls.of(
            verdict.image,
            version=lineage.version_name(verdict.image),
            instances=instances,
            keep=verdict.keep,
            reason=verdict.reason,
        )


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


@public
class Change:
    """A tool's versions in two images.

    Attributes:
        before: its version in the first image.
        after: its version in the second image.
    """

    before: str
    after: str


@public
class Difference:
    """How the manifests of two images differ.

    Attributes:
        added: tools that only the second image has, and their versions.
        removed: tools that only the first image has, and their versions.
        changed: tools that both have, in different versions.
    """

    added: Mapping[str, str]
    removed: Mapping[str, str]
    changed: Mapping[str, Change]

    @classmethod
    def of(cls, difference: manifest.Difference) -> Self:
        """Return the object for a comparison."""
        changed = {name: Change(before=old, after=new) for name, (old, new) in difference.changed.items()}
        return cls(added=difference.added, removed=difference.removed, changed=changed)


@public
class CheckedRecipe:
    """A recipe that is valid.

    Attributes:
        family: the image family it builds.
        architectures: the architectures it supports: `amd64`, `arm64`.
    """

    family: str
    architectures: tuple[str, ...]
