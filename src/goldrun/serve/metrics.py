"""A server's metrics for Prometheus, and whether it is healthy."""

from __future__ import annotations

import threading

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from goldrun.clock import Clock
from goldrun.github.scale_sets import JobEvent
from goldrun.serve.observer import Observer, State
from goldrun.serve.wanted import WantedSet

STUCK_SECONDS = 300.0  # a worker that has finished no tick for so long is stuck
SET = ("set", "scope")
WAITS = (1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800)


class Metrics(Observer):
    """Counts what the workers tell."""

    def __init__(self, clock: Clock) -> None:
        """Count; ``clock`` is the machine's."""
        self._clock = clock
        self._ticks: dict[WantedSet, float] = {}
        self._lock = threading.Lock()
        self._registry = CollectorRegistry()

        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(f"goldrun_{name}", words, (*SET, *labels), registry=self._registry)

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"goldrun_{name}", words, (*SET, *labels), registry=self._registry)

        self._leader = gauge("leader", "1: this server has the scale set's session")
        self._jobs = gauge("jobs", "jobs of the scale set now, by state", "state")
        self._machines = gauge("machines", "machines of the scale set now, by state", "state")
        self._tick = gauge("last_tick_seconds", "when the worker was last done, in seconds since 1970")
        self._ended = counter("jobs_completed", "jobs that have ended, by result", "repository", "result")
        self._launches = counter("machines_launched", "machines that were launched")
        self._refusals = counter("launches_refused", "launches that were refused, by reason", "reason")
        self._reclaims = counter("machines_reclaimed", "machines that the market took back", "type", "zone")
        self._waits = Histogram(
            "goldrun_job_wait_seconds",
            "seconds that jobs waited for a runner",
            SET,
            buckets=WAITS,
            registry=self._registry,
        )

    def text(self) -> bytes:
        """Return the metrics as Prometheus reads them."""
        return generate_latest(self._registry)

    def begun(self, wanted: WantedSet) -> None:
        """See ``Observer``."""
        with self._lock:
            self._ticks[wanted] = self._clock.now()

    def ended(self, wanted: WantedSet) -> None:
        """See ``Observer``."""
        with self._lock:
            self._ticks.pop(wanted, None)

    def stuck(self) -> list[str]:
        """Return the scale sets whose worker has done nothing for minutes: the server is not healthy."""
        with self._lock:
            late = self._clock.now() - STUCK_SECONDS
            return [wanted.name for wanted, at in self._ticks.items() if at < late]

    def state(self, wanted: WantedSet, state: State) -> None:
        """See ``Observer``."""
        now = self._clock.now()
        with self._lock:
            if wanted in self._ticks:
                self._ticks[wanted] = now
        of = (wanted.name, str(wanted.scope))
        self._tick.labels(*of).set(now)
        self._leader.labels(*of).set(int(state.leads))
        for name, count in (("waiting", state.waiting), ("running", state.running)):
            self._jobs.labels(*of, name).set(count)
        for name in ("starting", "idle", "busy", "stopped"):
            self._machines.labels(*of, name).set(getattr(state, name))

    def job_started(self, wanted: WantedSet, event: JobEvent) -> None:
        """See ``Observer``."""
        self._waits.labels(wanted.name, str(wanted.scope)).observe(event.waited)

    def job_completed(self, wanted: WantedSet, event: JobEvent) -> None:
        """See ``Observer``."""
        self._ended.labels(wanted.name, str(wanted.scope), event.repository, event.result).inc()

    def launched(self, wanted: WantedSet, count: int) -> None:
        """See ``Observer``."""
        self._launches.labels(wanted.name, str(wanted.scope)).inc(count)

    def refused(self, wanted: WantedSet, reason: str) -> None:
        """See ``Observer``."""
        self._refusals.labels(wanted.name, str(wanted.scope), reason).inc()

    def reclaimed(self, wanted: WantedSet, instance_type: str, zone: str) -> None:
        """See ``Observer``."""
        self._reclaims.labels(wanted.name, str(wanted.scope), instance_type, zone).inc()
