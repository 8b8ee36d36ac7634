"""What an examination finds, for programs."""

from __future__ import annotations

from typing import Self

from goldrun.cli.json.encoding import public
from goldrun.doctor import finding


@public
class Diagnosis:
    """What a check of `goldrun doctor` found.

    Attributes:
        check: the check's name.
        state: `good`, `warning`, `broken` or `unknown` (it could not be checked).
        what: what was found.
        breaks: what does not work because of it, or what it costs; empty: nothing.
        fix: the command that fixes it, or what to do; empty: nothing to do.
        can_fix: whether `--fix` fixes it.
    """

    check: str
    state: str
    what: str
    breaks: str
    fix: str
    can_fix: bool

    @classmethod
    def of(cls, found: finding.Finding) -> Self:
        """Return the object for a finding."""
        return cls(
            check=found.check,
            state=found.state,
            what=found.what,
            breaks=found.breaks,
            fix=found.fix,
            can_fix=found.repair is not None,
        )


@public
class Identity:
    """Whose credentials goldrun uses.

    Attributes:
        account: the account's id.
        arn: the identity in it.
        region: the region.
        endpoint: where the API is called.
        source: where the credentials come from.
    """

    account: str
    arn: str
    region: str
    endpoint: str
    source: str
