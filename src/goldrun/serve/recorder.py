"""Turns what the workers tell into values of the instruments, for any number of sinks; and knows whether all work."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from goldrun.clock import Clock
from goldrun.cloud.instances import Instance
from goldrun.github.scale_sets import JobEvent
from goldrun.serve.fleet import begun
from goldrun.serve.instruments import Sink
from goldrun.serve.observer import Observer, State
from goldrun.serve.turns import origin_of
from goldrun.serve.wanted import WantedSet

STUCK_SECONDS = 300.0  # a worker that has finished no tick for so long is stuck


class Tracer(Protocol):
    """Follows each job from its being queued to the end of its machine."""

    def configured(self, wanted: WantedSet, machine: Instance, since: float, now: float) -> None:
        """A machine that was launched, or started, has its runner's configuration."""

    def job_completed(self, wanted: WantedSet, event: JobEvent, /) -> None:
        """A job has ended."""

    def gone(self, wanted: WantedSet, machine: Instance, now: float) -> None:
        """A machine is gone."""


class Recorder(Observer):
    """Records for the sinks, and for a tracer."""

    def __init__(self, clock: Clock, sinks: Sequence[Sink], tracer: Tracer | None = None) -> None:
        """Record; ``clock`` is the machine's."""
        self._clock, self._sinks, self._tracer = clock, sinks, tracer
        self._begun: dict[str, float] = {}  # machines that boot
        self._ticks: dict[WantedSet, float] = {}
        self._lock = threading.Lock()

    def stuck(self) -> list[str]:
        """Return the scale sets whose worker has done nothing for minutes: the server is not healthy."""
        with self._lock:
            late = self._clock.now() - STUCK_SECONDS
            return [wanted.name for wanted, at in self._ticks.items() if at < late]

    def begun(self, wanted: WantedSet) -> None:
        """See ``Observer``."""
        with self._lock:
            self._ticks[wanted] = self._clock.now()

    def ended(self, wanted: WantedSet) -> None:
        """See ``Observer``."""
        with self._lock:
            self._ticks.pop(wanted, None)

    def state(self, wanted: WantedSet, state: State) -> None:
        """See ``Observer``."""
        now = self._clock.now()
        with self._lock:
            if wanted in self._ticks:
                self._ticks[wanted] = now
        self._put("last_tick_seconds", now, wanted)
        self._put("leader", int(state.leads), wanted)
        self._put("oldest_machine_seconds", state.oldest, wanted)
        for name in ("waiting", "running"):
            self._put("jobs", getattr(state, name), wanted, state=name)
        for name in ("starting", "idle", "busy", "stopped"):
            self._put("machines", getattr(state, name), wanted, state=name)

    def job_started(self, wanted: WantedSet, event: JobEvent) -> None:
        """See ``Observer``."""
        self._observe("job_wait_seconds", event.waited, wanted)

    def job_completed(self, wanted: WantedSet, event: JobEvent) -> None:
        """See ``Observer``."""
        self._add("jobs_completed", 1, wanted, repository=event.repository, result=event.result)
        if event.started and event.finished:
            self._observe("job_run_seconds", event.finished - event.started, wanted)
        if self._tracer:
            self._tracer.job_completed(wanted, event)

    def launched(self, wanted: WantedSet, machines: Sequence[str]) -> None:
        """See ``Observer``."""
        self._add("machines_launched", len(machines), wanted)
        self.resumed(wanted, machines)

    def resumed(self, wanted: WantedSet, machines: Sequence[str]) -> None:
        """See ``Observer``."""
        del wanted
        with self._lock:
            self._begun |= dict.fromkeys(machines, self._clock.now())

    def configured(self, wanted: WantedSet, machine: Instance) -> None:
        """See ``Observer``."""
        now = self._clock.now()
        with self._lock:
            # ECS tells the minute alone; a machine that another server has launched is not measured.
            since = self._begun.pop(machine.id, None)
        if since is not None:
            self._observe("boot_seconds", now - since, wanted)
        if self._tracer:
            self._tracer.configured(wanted, machine, begun(machine) if since is None else since, now)

    def gone(self, wanted: WantedSet, machine: Instance) -> None:
        """See ``Observer``."""
        with self._lock:
            self._begun.pop(machine.id, None)
        if self._tracer:
            self._tracer.gone(wanted, machine, self._clock.now())

    def refused(self, wanted: WantedSet, reason: str) -> None:
        """See ``Observer``."""
        self._add("launches_refused", 1, wanted, reason=reason)

    def cost(self, wanted: WantedSet, event: JobEvent | None, amount: float) -> None:
        """See ``Observer``."""
        if event is None:
            self._add("idle_cost", amount, wanted)
        else:
            repository, workflow = origin_of(event)
            self._add("cost", amount, wanted, repository=repository, workflow=workflow)

    def budget(self, wanted: WantedSet, left: float) -> None:
        """See ``Observer``."""
        self._put("budget_left", left, wanted)

    def runner_version(self, wanted: WantedSet, ends: float) -> None:
        """See ``Observer``."""
        self._put("runner_version_ends_seconds", ends, wanted)

    def reclaimed(self, wanted: WantedSet, instance_type: str, zone: str) -> None:
        """See ``Observer``."""
        self._add("machines_reclaimed", 1, wanted, type=instance_type, zone=zone)

    def called(self, api: str, call: str, result: str) -> None:
        """See ``Observer``."""
        for sink in self._sinks:
            sink.add("api_calls", 1, {"api": api, "call": call, "result": result})

    def _add(self, name: str, amount: float, wanted: WantedSet, **labels: str) -> None:
        for sink in self._sinks:
            sink.add(name, amount, {**_labels(wanted), **labels})

    def _put(self, name: str, value: float, wanted: WantedSet, **labels: str) -> None:
        for sink in self._sinks:
            sink.put(name, value, {**_labels(wanted), **labels})

    def _observe(self, name: str, value: float, wanted: WantedSet) -> None:
        for sink in self._sinks:
            sink.observe(name, value, _labels(wanted))


def _labels(wanted: WantedSet) -> dict[str, str]:
    return {"set": wanted.name, "scope": str(wanted.scope)}
