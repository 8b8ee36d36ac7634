"""What has to change in a workflow, for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from goldrun.cli.json.encoding import public
from goldrun.migrate.workflows import Finding


@public
class OldPlace:
    """A place in a workflow that has to change.

    Attributes:
        file: the workflow's path.
        line: the line, from 1.
        found: the text there.
        replacement: what replaces it; empty: a person has to change it.
        advice: what a person has to do.
        written: whether the file has the replacement now.
    """

    file: str
    line: int
    found: str
    replacement: str
    advice: str
    written: bool

    @classmethod
    def of(cls, path: Path, one: Finding, *, written: bool) -> Self:
        """Return the object for a finding."""
        return cls(
            file=str(path),
            line=one.line,
            found=one.found,
            replacement=one.name,
            advice=one.advice,
            written=written,
        )
