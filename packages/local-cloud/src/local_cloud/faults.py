"""Injected faults, set by rules (default: none)."""

from __future__ import annotations

import random
from fnmatch import fnmatchcase
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from local_cloud.errors import ApiFault

Kind = Literal["throttle", "error", "error-after", "timeout", "timeout-after", "stale"]
KINDS: tuple[Kind, ...] = ("throttle", "error", "error-after", "timeout", "timeout-after", "stale")


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a call fails, and how.

    Attributes:
        kind: ``throttle``: refused for too many calls. ``error``: HTTP 5xx before the effect; ``error-after``: after
            it. ``timeout``: no answer and no effect; ``timeout-after``: no answer, but the effect happened.
            ``stale``: reads show the cloud as it was ``seconds`` ago.
        action: which actions, as a pattern: ``DescribeImages``, ``Describe*``, ``*``.
        times: how many times it strikes; None: without limit.
        skip: how many matching calls pass before.
        probability: how likely it strikes when it could.
        seconds: how long a timeout holds the connection, or how old stale reads are.
        code: another error code than the kind's own.
        status: another HTTP status than the kind's own.
    """

    kind: Kind
    action: Annotated[str, Meta(max_length=128)] = "*"
    times: Annotated[int, Meta(ge=1, le=10**9)] | None = None
    skip: Annotated[int, Meta(ge=0, le=10**9)] = 0
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    seconds: Annotated[float, Meta(ge=0, le=1e9)] = 5.0
    code: Annotated[str, Meta(max_length=128)] = ""
    status: int = 0

    def __post_init__(self) -> None:
        if self.status and not 400 <= self.status <= 599:
            raise ValueError("status is that of an error: from 400 to 599")

    def fault(self) -> ApiFault:
        """The error that this rule answers with."""
        if self.kind == "throttle":
            return ApiFault(
                self.status or 400,
                self.code or "Throttling.User",
                "Request was denied due to user flow control.",
            )
        return ApiFault(
            self.status or 503,
            self.code or "ServiceUnavailable",
            "The request has failed due to a temporary failure of the server.",
        )


class _Armed:
    """A rule and its remaining uses."""

    def __init__(self, rule: FaultRule) -> None:
        self.rule = rule
        self.skip = rule.skip
        self.times = rule.times


class Faults:
    """The rules in force. Their random numbers are seeded, so that a run can be repeated."""

    def __init__(self, seed: int = 0) -> None:
        self._armed: list[_Armed] = []
        self._random = random.Random(seed)  # noqa: S311 - chance, not a secret

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force."""
        self._armed.append(_Armed(rule))

    def clear(self) -> None:
        """Remove every rule."""
        self._armed.clear()

    def rules(self) -> list[FaultRule]:
        """Return the rules in force, with their remaining uses."""
        return [msgspec.structs.replace(armed.rule, skip=armed.skip, times=armed.times) for armed in self._armed]

    def take_rule(self, action: str) -> FaultRule | None:
        """Return the first rule that applies to this call, and count the use."""
        for armed in self._armed:
            if not fnmatchcase(action, armed.rule.action):
                continue
            if armed.skip > 0:
                armed.skip -= 1
                continue
            if self._random.random() >= armed.rule.probability:
                continue
            if armed.times is not None:
                armed.times -= 1
                if armed.times <= 0:
                    self._armed.remove(armed)
            return armed.rule
        return None
