"""Comparisons of two images, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from goldrun.cli.json.encoding import public
from goldrun.images import manifest


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
