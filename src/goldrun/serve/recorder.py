"""Turns what the workers tell into values of the instruments, for any number of sinks; and knows whether all work."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from goldrun.clock import Clock
from goldrun.cloud.instances import Instance
from goldrun.github.scale_sets import JobEvent
from goldrun.serve.concurrency import origin_of
from goldrun.serve.fleet import started_at
from goldrun.serve.instruments import Sink
from goldrun.serve.observer import Observer, State
from goldrun.serve.scale_set_spec import ScaleSetSpec

STUCK_SECONDS = 300.0  # a worker that has finished no tick for so long is stuck


class Tracer(Protocol):
    """Follows each job from its being queued to the end of its machine."""

    def configured(self, spec: ScaleSetSpec, machine: Instance, since: float, now: float) -> None:
        """A machine that was launched, or started, has its runner's configuration."""

    def job_completed(self, spec: ScaleSetSpec, event: JobEvent, /) -> None:
        """A job has ended."""

    def gone(self, spec: ScaleSetSpec, machine: Instance, now: float) -> None:
        """A machine is gone."""


class Recorder(Observer):
    """Records for the sinks, and for a tracer."""

    def __init__(self, clock: Clock, sinks: Sequence[Sink], tracer: Tracer | None = None) -> None:
        """Record; ``clock`` is the machine's."""
        self._clock, self._sinks, self._tracer = clock, sinks, tracer
        self._begun: dict[str, float] = {}  # machines that boot
        self._ticks: dict[ScaleSetSpec, float] = {}
        self._gauges: dict[ScaleSetSpec, dict[tuple[str, ...], dict[str, str]]] = {}  # the labels of those that are set
        self._lock = threading.Lock()

    def stuck(self) -> list[str]:
        """Return the scale sets whose worker has done nothing for minutes: the server is not healthy."""
        with self._lock:
            late = self._clock.now() - STUCK_SECONDS
            return [spec.name for spec, at in self._ticks.items() if at < late]

    def begun(self, spec: ScaleSetSpec) -> None:
        """See ``Observer``."""
        with self._lock:
            self._ticks[spec] = self._clock.now()

    def ended(self, spec: ScaleSetSpec) -> None:
        """See ``Observer``."""
        with self._lock:
            self._ticks.pop(spec, None)

    def left(self, spec: ScaleSetSpec) -> None:
        """See ``Observer``. Its last values would raise alarms for as long as the server runs."""
        with self._lock:
            gauges = self._gauges.pop(spec, {})
            # One that has changed goes on under its name.
            kept = {key for others in self._gauges.values() for key in others}
        for key in gauges.keys() - kept:
            for sink in self._sinks:
                sink.forget(key[0], gauges[key])

    def state(self, spec: ScaleSetSpec, state: State) -> None:
        """See ``Observer``."""
        now = self._clock.now()
        with self._lock:
            if spec in self._ticks:
                self._ticks[spec] = now
        self._put("last_tick_seconds", now, spec)
        self._put("leader", int(state.leads), spec)
        self._put("oldest_machine_seconds", state.oldest, spec)
        for name in ("waiting", "running"):
            self._put("jobs", getattr(state, name), spec, state=name)
        for name in ("starting", "idle", "busy", "stopped"):
            self._put("machines", getattr(state, name), spec, state=name)

    def job_started(self, spec: ScaleSetSpec, event: JobEvent) -> None:
        """See ``Observer``."""
        self._observe("job_wait_seconds", event.waited, spec)

    def job_completed(self, spec: ScaleSetSpec, event: JobEvent) -> None:
        """See ``Observer``."""
        self._add("jobs_completed", 1, spec, repository=event.repository, result=event.result)
        if event.started and event.finished:
            self._observe("job_run_seconds", event.finished - event.started, spec)
        if self._tracer:
            self._tracer.job_completed(spec, event)

    def launched(self, spec: ScaleSetSpec, machines: Sequence[str]) -> None:
        """See ``Observer``."""
        self._add("machines_launched", len(machines), spec)
        self.resumed(spec, machines)

    def resumed(self, spec: ScaleSetSpec, machines: Sequence[str]) -> None:
        """See ``Observer``."""
        del spec
        with self._lock:
            self._begun |= dict.fromkeys(machines, self._clock.now())

    def configured(self, spec: ScaleSetSpec, machine: Instance) -> None:
        """See ``Observer``."""
        now = self._clock.now()
        with self._lock:
            # ECS tells the minute alone; a machine that another server has launched is not measured.
            since = self._begun.pop(machine.id, None)
        if since is not None:
            self._observe("boot_seconds", now - since, spec)
        if self._tracer:
            self._tracer.configured(spec, machine, started_at(machine) if since is None else since, now)

    def gone(self, spec: ScaleSetSpec, machine: Instance) -> None:
        """See ``Observer``."""
        with self._lock:
            self._begun.pop(machine.id, None)
        if self._tracer:
            self._tracer.gone(spec, machine, self._clock.now())

    def refused(self, spec: ScaleSetSpec, reason: str) -> None:
        """See ``Observer``."""
        self._add("launches_refused", 1, spec, reason=reason)

    def cost(self, spec: ScaleSetSpec, event: JobEvent | None, amount: float) -> None:
        """See ``Observer``."""
        if event is None:
            self._add("idle_cost", amount, spec)
        else:
            repository, workflow = origin_of(event)
            self._add("cost", amount, spec, repository=repository, workflow=workflow)

    def budget(self, spec: ScaleSetSpec, left: float) -> None:
        """See ``Observer``."""
        self._put("budget_left", left, spec)

    def runner_version(self, spec: ScaleSetSpec, ends: float) -> None:
        """See ``Observer``."""
        self._put("runner_version_ends_seconds", ends, spec)

    def reclaimed(self, spec: ScaleSetSpec, instance_type: str, zone: str) -> None:
        """See ``Observer``."""
        self._add("machines_reclaimed", 1, spec, type=instance_type, zone=zone)

    def called(self, api: str, call: str, result: str) -> None:
        """See ``Observer``."""
        for sink in self._sinks:
            sink.add("api_calls", 1, {"api": api, "call": call, "result": result})

    def _add(self, name: str, amount: float, spec: ScaleSetSpec, **labels: str) -> None:
        for sink in self._sinks:
            sink.add(name, amount, {**_labels(spec), **labels})

    def _put(self, name: str, value: float, spec: ScaleSetSpec, **labels: str) -> None:
        found = {**_labels(spec), **labels}
        with self._lock:
            self._gauges.setdefault(spec, {})[name, *found.values()] = found
        for sink in self._sinks:
            sink.put(name, value, found)

    def _observe(self, name: str, value: float, spec: ScaleSetSpec) -> None:
        for sink in self._sinks:
            sink.observe(name, value, _labels(spec))


def _labels(spec: ScaleSetSpec) -> dict[str, str]:
    return {"set": spec.name, "scope": str(spec.scope)}
