"""Newer versions of a recipe's tools, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from goldrun.cli.json.encoding import public
from goldrun.updates import plan


@public
class ToolUpdate:
    """What was found for a tool.

    Attributes:
        tool: its name in the recipe.
        before: its version in the recipe.
        after: its newest version; empty: its source failed.
        sha256: the checksums of the newest version's files, by architecture.
        written: whether the recipe was changed.
        error: why the source failed; empty: it did not.
    """

    tool: str
    before: str
    after: str
    sha256: Mapping[str, str]
    written: bool
    error: str

    @classmethod
    def of(cls, update: plan.Update, *, written: bool) -> Self:
        """Return the object for a tool."""
        return cls(
            tool=update.name,
            before=update.before,
            after=update.found.version if update.found else "",
            sha256=update.found.sha256 if update.found else {},
            written=written,
            error=update.error.what if update.error else "",
        )
