"""How many machines the account's quota of vCPUs still allows."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.quotas import free_vcpus
from goldrun.errors import GoldrunError
from goldrun.launch.launch import Report
from goldrun.launch.offers import parse_span
from goldrun.serve.shares import Queued
from goldrun.serve.wanted import WantedSet

FRESH_SECONDS = 60.0


@dataclass
class Quota:
    """The quota of spot instances; one for all scale sets of a server.

    Attributes:
        report: receives a sentence if it cannot be read; then ECS alone decides.
    """

    report: Report
    _free: float | None = None
    _at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _readable: bool = True

    def look(self, client: EcsClient) -> None:
        """Read it, unless that was done in the last minute."""
        now = client.clock.now()
        with self._lock:
            if not self._readable or now - self._at < FRESH_SECONDS:
                return
            self._at = now
        try:
            free = free_vcpus(client, spot=True)
        except GoldrunError as error:
            if error.retryable:
                return  # what was read last holds
            free, self._readable = None, False
            self.report(f"the account's quota cannot be read: {error.what}")
        with self._lock:
            self._free = free

    def room(self, wanted: WantedSet, before: Iterable[Queued] = ()) -> int | None:
        """Return how many more of a set's machines it allows; None: not known, or it pays the list price if need be.

        Args:
            wanted: the set.
            before: whose jobs come first. One that the quota would not hold either keeps nothing.
        """
        with self._lock:
            if self._free is None or wanted.profile.on_demand_fallback:
                return None
            kept = 0.0
            for one in before:
                freed = sum(_cpus(other) * alive for other, alive in one.below)
                kept += _cpus(one.wanted) * min(one.jobs, (self._free + freed) // _cpus(one.wanted))
            return max(0, int((self._free - kept) // _cpus(wanted)))

    def note(self, wanted: WantedSet, count: int) -> None:
        """Count instances that were launched since it was read."""
        with self._lock:
            if self._free is not None:
                self._free -= count * _cpus(wanted)


def _cpus(wanted: WantedSet) -> float:
    return max(1.0, parse_span(wanted.size.cpu if wanted.size else wanted.profile.cpu, "vCPUs").low)
