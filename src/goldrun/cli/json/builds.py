"""Builds, for programs."""

from __future__ import annotations

from typing import Self

from goldrun.bake.build import Built
from goldrun.cli.json.encoding import public
from goldrun.cli.json.images import Image


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
