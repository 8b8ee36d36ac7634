"""How many machines the account's quota of vCPUs still allows."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.quotas import free_vcpus
from goldrun.errors import GoldrunError
from goldrun.launch.offers import parse_span
from goldrun.report import Report
from goldrun.serve.scale_set_spec import ScaleSetSpec
from goldrun.serve.shares import Queued

FRESH_SECONDS = 60.0
OLD_SECONDS = 600.0  # what was read longer ago says nothing: instances that have ended since are not in it


@dataclass
class Quota:
    """The quota of spot instances; one for all scale sets of a server.

    Attributes:
        report: receives a sentence if it cannot be read; then ECS alone decides.
    """

    report: Report
    _free: float | None = None
    _at: float = float("-inf")
    _read: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _readable: bool = True

    @property
    def blind(self) -> bool:
        """Whether it has not been answered for long: what was known is not true any more."""
        with self._lock:
            return self._free is None and self._readable and self._read > float("-inf")

    def look(self, client: EcsClient) -> None:
        """Read it, unless that was done in the last minute; where it may not be read, it is tried less often."""
        now = client.clock.now()
        with self._lock:
            if now - self._at < (FRESH_SECONDS if self._readable else OLD_SECONDS):
                return
            self._at = now
        try:
            free = free_vcpus(client, spot=True)
        except GoldrunError as error:
            if now - self._read < OLD_SECONDS:
                return  # what was read last holds
            free = None
            if not error.retryable and self._readable:
                self._readable = False
                self.report(f"the account's quota cannot be read: {error.what}")
        else:
            self._read, self._readable = now, True
        with self._lock:
            self._free = free

    def room(
        self, spec: ScaleSetSpec, before: Iterable[Queued] = (), idle: Iterable[tuple[ScaleSetSpec, int]] = ()
    ) -> int | None:
        """Return how many more of a set's machines it allows; None: not known, or it pays the list price if need be.

        Args:
            spec: the set.
            before: whose jobs come first. One that the quota would not hold either keeps nothing.
            idle: sets, and how many machines each would give up.
        """
        free = self._left(spec, before)
        return None if free is None else max(0, int((free + _sum(idle)) // _cpus(spec)))

    def needed(
        self, spec: ScaleSetSpec, count: int, before: Iterable[Queued], idle: Sequence[tuple[ScaleSetSpec, int]]
    ) -> int:
        """Return how many idle machines have to be given up, in this order, for as many of ``count`` as they hold."""
        free = self._left(spec, before)
        if free is None:
            return 0
        most = min(count, int((free + _sum(idle)) // _cpus(spec)))
        lacking, given = most * _cpus(spec) - free if most > 0 else 0.0, 0
        for other, number in idle:
            some = min(number, math.ceil(max(0.0, lacking) / _cpus(other)))
            lacking, given = lacking - some * _cpus(other), given + some
        return given

    def _left(self, spec: ScaleSetSpec, before: Iterable[Queued]) -> float | None:
        """Return how many vCPUs are left for a set; less than 0: others wait for more than there is."""
        with self._lock:
            if self._free is None or spec.profile.on_demand_fallback:
                return None
            kept = 0.0
            for one in before:
                kept += _cpus(one.spec) * min(one.jobs, (self._free + _sum(one.below)) // _cpus(one.spec))
            return self._free - kept

    def note(self, spec: ScaleSetSpec, count: int) -> None:
        """Count instances that were launched since it was read."""
        with self._lock:
            if self._free is not None:
                self._free -= count * _cpus(spec)


def _sum(machines: Iterable[tuple[ScaleSetSpec, int]]) -> float:
    return sum(_cpus(one) * number for one, number in machines)


def _cpus(spec: ScaleSetSpec) -> float:
    return max(1.0, parse_span(spec.size.cpu if spec.size else spec.profile.cpu, "vCPUs").low)
