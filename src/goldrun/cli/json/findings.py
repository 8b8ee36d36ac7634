"""What advisories say of an image, for programs."""

from __future__ import annotations

from typing import Self

from goldrun.cli.json.encoding import public
from goldrun.contents import scan


@public
class AdvisoryFinding:
    """An advisory about a package.

    Attributes:
        advisory: its id.
        aliases: the same trouble's ids elsewhere.
        summary: what it says.
        level: its severity: `low`, `medium`, `high` or `critical`.
        kind: `deb`, `rpm`, `pypi`, `npm` or `golang`.
        package: the package's name.
        version: the package's version.
        fixed: the version that fixes it; empty: none yet.
        blocks: whether it fails the scan.
        why: why it does not, or that its exception has ended.
    """

    advisory: str
    aliases: tuple[str, ...]
    summary: str
    level: str
    kind: str
    package: str
    version: str
    fixed: str
    blocks: bool
    why: str

    @classmethod
    def of(cls, found: scan.Finding) -> Self:
        """Return the object for a finding."""
        return cls(
            advisory=found.advisory,
            aliases=found.aliases,
            summary=found.summary,
            level=found.level,
            kind=found.component.kind,
            package=found.component.name,
            version=found.component.version,
            fixed=found.fixed,
            blocks=found.blocks,
            why=found.why,
        )
