"""What a sweep finds, for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from goldrun import sweep
from goldrun.cli.json.encoding import public
from goldrun.cli.json.instances import Instance


@public
class Finding:
    """Something that should not be alive.

    Attributes:
        kind: `instance`, `runner` (GitHub's side), `disk`, `snapshot` or `image`.
        id: its id; of a runner: its name.
        name: its name; of a runner: its repository or organization. Empty: none.
        age_seconds: its age.
        reason: why it should not be there.
        scope: the repository or organization whose runners were compared; empty: none were.
        doubt: why it stays all the same; empty: nothing speaks for it.
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
        findings: what should not be alive.
    """

    dry_run: bool
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, found: Sequence[sweep.Finding], swept: sweep.Swept, *, dry_run: bool) -> Self:
        """The object of a sweep."""
        errors = dict(swept.kept)
        return cls(
            dry_run=dry_run,
            findings=tuple(
                Finding(
                    kind=one.kind,
                    id=one.id,
                    name=one.name,
                    age_seconds=round(one.age),
                    reason=one.reason,
                    scope=one.scope,
                    doubt=one.doubt,
                    removed=one in swept.removed,
                    error=str(errors.get(one) or ""),
                    instance=Instance.of(one.instance) if one.instance else None,
                )
                for one in found
            ),
        )
