"""The accounts of all scale sets with a budget: what each has spent, and what its machines may still cost."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from goldrun.cloud.tags import SPENT
from goldrun.serve.config import Cost
from goldrun.serve.scale_set_spec import ScaleSetSpec
from goldrun.serve.spent import Spent

PREFIX = f"{SPENT.key}."
ROUNDING = 1e-9  # sums of the same amounts in another order


def has_budget(spec: ScaleSetSpec) -> bool:
    """Return whether a scale set's money is limited."""
    return spec.profile.max_cost.is_limited or spec.limits.max_cost.is_limited


def key_of(spec: ScaleSetSpec) -> str:
    """Return the key of a scale set's tag."""
    return f"{PREFIX}{spec.name}.{hashlib.sha256(str(spec.scope).lower().encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Left:
    """What may still be spent.

    Attributes:
        amount: of money; infinite: without a limit.
        limit: which limit that is, in words.
    """

    amount: float
    limit: str = ""


@dataclass
class Ledger:
    """One object for all scale sets of a server; those that other servers lead are read from their tags."""

    _kinds: dict[str, str] = field(default_factory=dict)  # the profile of each key
    _longest: dict[str, float] = field(default_factory=dict)  # seconds of the longest job of each key
    _idle: dict[str, tuple[int, float]] = field(default_factory=dict)  # priority, and what idle machines may cost
    _spent: dict[str, Spent] = field(default_factory=dict)
    _reserved: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def know(self, sets: Iterable[ScaleSetSpec]) -> None:
        """Learn which scale sets belong to which profile, and how long their jobs take."""
        with self._lock:
            for spec in sets:
                self._kinds[key_of(spec)] = spec.kind
                self._longest[key_of(spec)] = spec.longest_job

    def learn(self, spent: Mapping[str, Spent], own: Iterable[str] = ()) -> None:
        """Take over what tags say, by their keys: not about the caller's ``own``, and nothing older than is known here.

        Another set of this server has counted on since it wrote its tag, which tells whole seconds.
        """
        with self._lock:
            self._spent |= {
                key: value
                for key, value in spent.items()
                if key not in own and value.until >= int(self._spent.get(key, Spent()).until)
            }

    def read(self, spec: ScaleSetSpec) -> Spent:
        """Return what a scale set has spent."""
        with self._lock:
            return self._spent.get(key_of(spec), Spent())

    def write(self, spec: ScaleSetSpec, spent: Spent, reserved: float, idle: float) -> None:
        """Record what a scale set has spent, and what its machines, and the ``idle`` ones of them, may still cost."""
        with self._lock:
            self._spent[key_of(spec)] = spent
            self._reserved[key_of(spec)] = reserved
            self._idle[key_of(spec)] = spec.profile.priority, idle

    def reserve(self, spec: ScaleSetSpec, amount: float) -> None:
        """Record what new machines may cost; less than 0: they will not."""
        with self._lock:
            self._reserve(spec, amount)

    def hold(self, spec: ScaleSetSpec, amount: float, now: float) -> bool:
        """Reserve an amount if so much is left: no other set gets it in between. Return whether it is reserved."""
        with self._lock:
            if held := amount <= self._least(spec, now).amount + ROUNDING:
                self._reserve(spec, amount)
            return held

    def leave(self, spec: ScaleSetSpec) -> None:
        """Forget what a set's machines may cost: it has none any more, or another server has it."""
        with self._lock:
            self._reserved.pop(key_of(spec), None)
            self._idle.pop(key_of(spec), None)

    def rest(self, spec: ScaleSetSpec) -> None:
        """Count on no machine of a set that gives up none now: its steps fail."""
        with self._lock:
            self._idle.pop(key_of(spec), None)

    def is_shared(self, spec: ScaleSetSpec) -> bool:
        """Return whether other sets, which another server may lead, spend from the same budget."""
        sizes = sum(kind == spec.kind for kind in self._kinds.values())
        return spec.limits.max_cost.is_limited or sizes > 1

    def left(self, spec: ScaleSetSpec, now: float, *, yielded: bool = False, first: bool = False) -> Left:
        """Return what a set may still spend: the least that its profile's limits and the common ones leave.

        Args:
            spec: the set.
            now: the moment.
            yielded: as if the less important sets of this server had no machines without a job.
            first: as if no set had any that gives up machines before this one: one of several equal ones does so too.
        """
        with self._lock:
            if not yielded and not first:
                return self._least(spec, now)
            own, most = key_of(spec), spec.profile.priority
            ahead = {
                key: idle
                for key, (priority, idle) in self._idle.items()
                if priority < most or (first and priority == most and key < own)
            }
            return self._least(spec, now, ahead)

    def _reserve(self, spec: ScaleSetSpec, amount: float) -> None:
        self._reserved[key_of(spec)] = self._reserved.get(key_of(spec), 0.0) + amount

    def _least(self, spec: ScaleSetSpec, now: float, ahead: Mapping[str, float] | None = None) -> Left:
        own = {key for key, kind in self._kinds.items() if kind == spec.kind} | {key_of(spec)}
        found = [Left(float("inf"))]
        for cost, keys, whose in (
            (spec.profile.max_cost, own, f"the profile {spec.kind or spec.name}"),
            (spec.limits.max_cost, {*self._spent, *self._reserved}, "all profiles"),
        ):
            reserved = sum(self._may_cost(key, spec.longest_job, now) - (ahead or {}).get(key, 0.0) for key in keys)
            found += list(self._left(cost, keys, reserved, whose, now))
        return min(found, key=lambda one: one.amount)

    def _may_cost(self, key: str, longest: float, now: float) -> float:
        """Return what a set's machines may still cost. Another server's: each the longest job from its tag on."""
        if key in self._reserved:
            return self._reserved[key]
        recorded, longest = self._spent.get(key, Spent()), self._longest.get(key, longest)
        return recorded.paid * max(0.0, longest - max(0.0, now - recorded.until)) / 3600

    def _left(self, cost: Cost, keys: set[str], reserved: float, whose: str, now: float) -> Iterable[Left]:
        spent = {key: self._spent[key].at(now) for key in keys if key in self._spent}
        for span, most in (("day", cost.day), ("month", cost.month)):
            if most is not None:
                amount = sum(getattr(spent.get(key, Spent()), span) for key in keys)
                yield Left(most - amount - reserved, f"the budget of {whose} for the {span}, {most:g}")
