"""Shares the whole among scale sets: by priority, when the server's limit, the quota or the money runs out."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from goldrun.serve.scale_set_spec import ScaleSetSpec

# After a start, or when a session is lost, a set's machines are there before it says so: GitHub keeps a lost session
# for about two minutes.
SILENT_SECONDS = 150.0
# When one set is back, others come back at about the same time: after an outage, or when a server takes over.
BACK_SECONDS = 70.0


@dataclass(frozen=True)
class Claim:
    """What a scale set has and wants.

    Attributes:
        alive: machines that it has.
        bound: jobs that it has accepted, whether they run or wait: their machines make room for nobody.
        jobs: machines that it lacks for them, and can launch.
        pool: machines that it lacks beyond those, and can launch.
        offered: jobs that it does not accept because the server runs as many machines as it may.
        queued: jobs that it does not accept because the account's quota is used up.
        starved: machines of less important sets whose quota, or money, it waits for.
        spot: it waits for the quota alone: machines at the list price hold nothing of it.
    """

    alive: int
    bound: int = 0
    jobs: int = 0
    pool: int = 0
    offered: int = 0
    queued: int = 0
    starved: int = 0
    spot: bool = False

    @property
    def missing(self) -> int:
        """How many machines it lacks, and can launch."""
        return self.jobs + self.pool

    @property
    def lacks(self) -> int:
        """How many places it would take if there were any."""
        return self.missing + self.offered

    @property
    def idle(self) -> int:
        """How many of its machines have no job, and get none for now."""
        return max(0, self.alive - self.bound)

    def within(self, most: int) -> Claim:
        """Return the claim with at most so many machines missing: jobs come before the pool."""
        if self.missing <= most:
            return self
        jobs = min(self.jobs, most)
        return replace(self, jobs=jobs, pool=min(self.pool, most - jobs))

    def less(self, granted: int) -> Claim:
        """Return the claim when so many of the missing machines are there: jobs got theirs first."""
        jobs = min(self.jobs, granted)
        return replace(self, alive=self.alive + granted, jobs=self.jobs - jobs, pool=self.pool - (granted - jobs))


@dataclass(frozen=True)
class Queued:
    """Jobs that wait for the account's quota.

    Attributes:
        spec: whose they are.
        jobs: how many.
        below: less important sets that pay the market's price, and how many machines each has: they make room in time.
    """

    spec: ScaleSetSpec
    jobs: int
    below: tuple[tuple[ScaleSetSpec, int], ...]


@dataclass
class Shares:
    """The claims of a server's scale sets; one for all of them."""

    _claims: dict[ScaleSetSpec, Claim] = field(default_factory=dict)
    # Sets that say nothing now, and until when they are waited for; None: from the next look on.
    _silent: dict[ScaleSetSpec, float | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def know(self, sets: Iterable[ScaleSetSpec]) -> None:
        """Learn which scale sets are served from now on: until each has said what it has, none gets more machines."""
        with self._lock:
            self._silent |= {one: None for one in sets if one not in self._claims and one not in self._silent}

    def claim(self, spec: ScaleSetSpec, claim: Claim, now: float, *, launches: bool = True) -> int:
        """Record a claim, and return how many of the missing machines may be launched now.

        Args:
            spec: whose it is.
            claim: the claim.
            now: the moment.
            launches: whether they would be launched now; otherwise their places are kept, and none is granted.
        """
        with self._lock:
            self._silent.pop(spec, None)
            if spec not in self._claims:
                self._silent |= {one: now + BACK_SECONDS for one in self._silent if not self._awaited(one, now)}
            self._claims[spec] = claim
            granted = self._grant(spec, claim, now) if launches else 0
            # What is granted has its place from now on, and not only when it shows.
            self._claims[spec] = claim.less(granted)
            return granted

    def room(self, spec: ScaleSetSpec, alive: int, now: float) -> float:
        """Return how many more machines a set may have, if less important ones give up those without a job."""
        with self._lock:
            if self._starving(spec):
                return 0
            most = spec.limits.max_runners
            if most is None:
                return float("inf")
            if self._unheard(now):
                return 0
            taken = sum(_taken(other, one, spec) for other, one in self._claims.items() if other != spec)
            return self._fair(most - alive - taken, spec, alive, most)

    def to_yield(self, spec: ScaleSetSpec) -> int:
        """Return how many machines without a job a set is to give up for more important ones."""
        with self._lock:
            above = [one for other, one in self._claims.items() if _is_above(other, spec)]
            spot = sum(one.starved for one in above if one.spot)
            needed = self._starving(spec) - spot  # of what any machine holds; the spot quota only some do
            if (most := spec.limits.max_runners) is not None:
                free = most - sum(one.alive for one in self._claims.values())
                needed = max(needed, sum(one.lacks for one in above) - max(0, free))
            first = {other: one.idle for other, one in self._claims.items() if _rank(other) < _rank(spec)}
            needed -= sum(first.values())
            if not spec.profile.on_demand_fallback:
                spot -= sum(idle for other, idle in first.items() if not other.profile.on_demand_fallback)
                needed = max(needed, spot)
            return max(0, needed)

    def idle_below(self, spec: ScaleSetSpec) -> int:
        """Return how many machines without a job less important sets have: what they hold this one may get."""
        with self._lock:
            return sum(one.idle for other, one in self._claims.items() if _is_above(spec, other))

    def spot_below(self, spec: ScaleSetSpec) -> list[tuple[ScaleSetSpec, int]]:
        """Return less important sets that hold spot quota, and how many machines without a job each has.

        In the order in which they give them up.
        """
        with self._lock:
            return [
                (other, one.idle)
                for other, one in sorted(self._claims.items(), key=lambda item: _rank(item[0]))
                if _is_above(spec, other) and not other.profile.on_demand_fallback
            ]

    def alive_below(self, spec: ScaleSetSpec) -> int:
        """Return how many machines less important sets have: what they hold of the quota this one gets before them."""
        with self._lock:
            return sum(alive for _, alive in self._below(spec))

    def queued_above(self, spec: ScaleSetSpec) -> list[Queued]:
        """Return what more important sets keep waiting because the quota is used up."""
        with self._lock:
            return [
                Queued(other, one.queued + one.jobs, self._below(other))
                for other, one in self._claims.items()
                if one.queued + one.jobs and _is_above(other, spec)
            ]

    def rest(self, spec: ScaleSetSpec, alive: int) -> None:
        """Keep no place for what a scale set lacks, and count on none of its machines: its steps fail.

        One that has never seen its machines has said nothing.
        """
        with self._lock:
            if alive or spec in self._claims:
                self._claims[spec] = Claim(alive, alive)

    def keep_places(self, spec: ScaleSetSpec, now: float) -> bool:
        """Keep the places of a set's machines while its session is lost, for a while; return whether they are kept."""
        with self._lock:
            self._silent.setdefault(spec, None)
            if not self._awaited(spec, now):
                self._claims.pop(spec, None)
                return False
            if known := self._claims.get(spec):
                self._claims[spec] = Claim(known.alive, known.alive)
            return True

    def leave(self, spec: ScaleSetSpec) -> None:
        """Forget a scale set that is not served here any more."""
        with self._lock:
            self._claims.pop(spec, None)
            self._silent.pop(spec, None)

    def _grant(self, spec: ScaleSetSpec, claim: Claim, now: float) -> int:
        if self._starving(spec):
            return 0
        most = spec.limits.max_runners
        if most is None:
            return claim.missing
        if self._unheard(now):
            return 0
        free = most - sum(one.alive for one in self._claims.values())
        free -= sum(one.lacks for other, one in self._claims.items() if _is_above(other, spec))
        return min(claim.missing, self._fair(free, spec, claim.alive, most))

    def _fair(self, free: int, spec: ScaleSetSpec, alive: int, most: int) -> int:
        """Return how many free places a set may take: beyond its equal share only those that no equal set lacks."""
        equal = [one for other, one in self._claims.items() if _is_equal(other, spec) and one.alive + one.lacks]
        share = max(1, most // (1 + len(equal)))
        kept = sum(min(one.lacks, max(0, share - one.alive)) for one in equal)
        return max(0, free - kept, min(free, share - alive))

    def _below(self, spec: ScaleSetSpec) -> tuple[tuple[ScaleSetSpec, int], ...]:
        return tuple(
            (other, one.alive)
            for other, one in self._claims.items()
            if _is_above(spec, other) and not other.profile.on_demand_fallback
        )

    def _unheard(self, now: float) -> bool:
        """Return whether a set may have machines that it has not told of."""
        return any(self._awaited(one, now) for one in list(self._silent) if one not in self._claims)

    def _awaited(self, silent: ScaleSetSpec, now: float) -> bool:
        until = self._silent[silent]
        if until is None:
            until = self._silent[silent] = now + SILENT_SECONDS
        return now < until

    def _starving(self, spec: ScaleSetSpec) -> int:
        # One that pays the list price, too: what is given up is a place and money as well, and it prefers the quota.
        return sum(one.starved for other, one in self._claims.items() if _is_above(other, spec))


def _taken(other: ScaleSetSpec, claim: Claim, spec: ScaleSetSpec) -> int:
    """Return how many places another set has, or will have before this one gets more."""
    if _is_above(spec, other):
        return min(claim.bound, claim.alive)
    if _is_above(other, spec):
        return claim.alive + claim.lacks
    return claim.alive  # what it lacks of its share, _fair keeps for it


def _is_above(one: ScaleSetSpec, other: ScaleSetSpec) -> bool:
    return one.profile.priority > other.profile.priority


def _is_equal(one: ScaleSetSpec, other: ScaleSetSpec) -> bool:
    return one != other and one.profile.priority == other.profile.priority


def _rank(spec: ScaleSetSpec) -> tuple[int, str, str]:
    """Return the order in which sets give up machines; it decides among equals, too, so that one does and not all."""
    return spec.profile.priority, str(spec.scope), spec.name
