"""The result of a sweep, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from goldrun import sweep
from goldrun.cli.json.encoding import public
from goldrun.cli.json.instances import Instance


@public
class Finding:
    """A resource that should not exist.

    Attributes:
        kind: `instance`, `runner` (GitHub's side), `disk`, `snapshot` or `image`.
        id: its id; for a runner, its name.
        name: its name; for a runner, its repository or organization. Empty: none.
        age_seconds: its age.
        reason: why it should not exist.
        scope: the repository or organization whose runners were compared; empty: none.
        doubt: why it is kept nevertheless; empty: no reason.
        removed: whether it has been deleted.
        error: why it could not be deleted; empty: no error.
        instance: the instance itself, if it is one; else null.
    """

    kind: str
    id: str
    name: str
    age_seconds: int
    reason: str
    scope: str
    doubt: str
    removed: bool
    error: str
    instance: Instance | None


@public
class Sweep:
    """What a sweep found and did.

    Attributes:
        dry_run: whether this is only the plan: nothing was deleted.
        findings: the resources that should not exist.
    """

    dry_run: bool
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, found: Sequence[sweep.Finding], swept: sweep.Swept, *, dry_run: bool) -> Self:
        """Return the object for a sweep."""
        errors = dict(swept.kept)
        return cls(
            dry_run=dry_run,
            findings=tuple(
                Finding(
                    kind=finding.kind,
                    id=finding.id,
                    name=finding.name,
                    age_seconds=round(finding.age),
                    reason=finding.reason,
                    scope=finding.scope,
                    doubt=finding.doubt,
                    removed=finding in swept.removed,
                    error=str(errors.get(finding) or ""),
                    instance=Instance.of(finding.instance) if finding.instance else None,
                )
                for finding in found
            ),
        )
