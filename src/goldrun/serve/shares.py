"""Shares the whole among scale sets: by priority, when the server's limit or the account's quota runs out."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from goldrun.serve.wanted import WantedSet


@dataclass(frozen=True)
class Claim:
    """What a scale set has and wants.

    Attributes:
        alive: machines that it has.
        missing: machines that it needs beyond those, and can launch.
        busy: how many of those that it has run a job, or will: they make room for nobody.
        offered: jobs that it does not accept because the server runs as many machines as it may.
        starved: whether the account's quota, or what less important sets hold of the common budget, refused some.
    """

    alive: int
    missing: int
    busy: int = 0
    offered: int = 0
    starved: bool = False


@dataclass
class Shares:
    """The claims of a server's scale sets; one for all of them."""

    _claims: dict[WantedSet, Claim] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, wanted: WantedSet, claim: Claim) -> int:
        """Record a claim, and return how many of the missing machines may be launched now."""
        with self._lock:
            self._claims[wanted] = claim
            granted = self._grant(wanted, claim)
            # What is granted has its place from now on, and not only when it shows.
            self._claims[wanted] = replace(claim, alive=claim.alive + granted, missing=claim.missing - granted)
            return granted

    def _grant(self, wanted: WantedSet, claim: Claim) -> int:
        before = [one for other, one in self._claims.items() if other.profile.priority > wanted.profile.priority]
        if any(one.starved for one in before):
            return 0
        most = wanted.limits.max_runners
        if most is None:
            return claim.missing
        room = most - sum(one.alive for one in self._claims.values()) - sum(one.missing + one.offered for one in before)
        return max(0, min(claim.missing, room))

    def room(self, wanted: WantedSet, alive: int) -> float:
        """Return how many more machines a set may have, if less important ones give up those without a job."""
        most = wanted.limits.max_runners
        if most is None:
            return float("inf")
        with self._lock:
            others = [(other.profile.priority, one) for other, one in self._claims.items() if other != wanted]
        return max(0, most - alive - sum(_taken(one, priority - wanted.profile.priority) for priority, one in others))

    def must_yield(self, wanted: WantedSet) -> bool:
        """Return whether a scale set of a higher priority lacks machines that this one keeps without a job."""
        with self._lock:
            most, alive = wanted.limits.max_runners, sum(one.alive for one in self._claims.values())
            return any(
                one.starved or (one.missing + one.offered > 0 and most is not None and alive >= most)
                for other, one in self._claims.items()
                if other.profile.priority > wanted.profile.priority
            )

    def outranks(self, wanted: WantedSet) -> bool:
        """Return whether scale sets of a lower priority have machines, whose place this one may get."""
        with self._lock:
            return any(
                one.alive > 0 and other.profile.priority < wanted.profile.priority
                for other, one in self._claims.items()
            )

    def rest(self, wanted: WantedSet, alive: int) -> None:
        """Keep no place for what a scale set lacks: its steps fail."""
        with self._lock:
            if wanted in self._claims:
                self._claims[wanted] = Claim(alive, 0, self._claims[wanted].busy)

    def leave(self, wanted: WantedSet) -> None:
        """Forget a scale set that is not served here any more."""
        with self._lock:
            self._claims.pop(wanted, None)


def _taken(claim: Claim, above: int) -> int:
    """Return how many places another set's claim takes; ``above``: how much higher its priority is."""
    if above < 0:
        return min(claim.busy, claim.alive)
    missing = 0 if claim.starved and not above else claim.missing
    return claim.alive + missing + (claim.offered if above else 0)
