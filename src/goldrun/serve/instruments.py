"""The metrics of a server: their names, kinds and labels, whoever collects them. All have the prefix ``goldrun_``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

SET = ("set", "scope")
_WAITS = (1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800)
_JOBS = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21600)


@dataclass(frozen=True)
class Instrument:
    """A metric.

    Attributes:
        kind: what is done with it.
        meaning: what it counts.
        labels: the names of its labels.
        buckets: the bounds of a histogram.
    """

    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = SET
    buckets: tuple[float, ...] = ()


INSTRUMENTS: dict[str, Instrument] = {
    "leader": Instrument("gauge", "1: this server has the scale set's session"),
    "jobs": Instrument("gauge", "jobs now: waiting, running", (*SET, "state")),
    "machines": Instrument("gauge", "instances now: starting, idle, busy, stopped", (*SET, "state")),
    "oldest_machine_seconds": Instrument("gauge", "how long its oldest running instance has run"),
    "last_tick_seconds": Instrument("gauge", "when the worker was last done, in seconds since 1970"),
    "job_wait_seconds": Instrument("histogram", "how long jobs waited for a runner", buckets=_WAITS),
    "job_run_seconds": Instrument("histogram", "how long jobs ran", buckets=_JOBS),
    "boot_seconds": Instrument("histogram", "from a launch, or start, to a configured runner", buckets=_WAITS),
    "jobs_completed": Instrument("counter", "jobs that have ended", (*SET, "repository", "result")),
    "machines_launched": Instrument("counter", "instances that were launched"),
    "machines_reclaimed": Instrument("counter", "instances that the market reclaimed", (*SET, "type", "zone")),
    "launches_refused": Instrument("counter", "launches that were refused, by error code", (*SET, "reason")),
    "cost": Instrument("counter", "what instances cost while they ran a job", (*SET, "repository", "workflow")),
    "idle_cost": Instrument("counter", "what instances cost while they ran none"),
    "budget_left": Instrument("gauge", "what may still be spent; absent without a budget"),
    "runner_version_ends_seconds": Instrument(
        "gauge", "when GitHub stops giving jobs to the image's runner, in seconds since 1970; absent if it does not say"
    ),
    "api_calls": Instrument(
        "counter",
        "requests to the cloud and to GitHub; result: ok, throttled, refused, failed",
        ("api", "call", "result"),
    ),
}


class Sink(Protocol):
    """Collects the values of the instruments, each under its name and with all of its labels."""

    def add(self, name: str, amount: float, labels: dict[str, str]) -> None:
        """Add to a counter."""

    def put(self, name: str, value: float, labels: dict[str, str]) -> None:
        """Set a gauge."""

    def forget(self, name: str, labels: dict[str, str]) -> None:
        """Show a gauge's value no longer."""

    def observe(self, name: str, value: float, labels: dict[str, str]) -> None:
        """Record a value of a histogram."""
