"""What a server is watched by: events and states, told by the workers as they happen."""

from __future__ import annotations

from dataclasses import dataclass

from goldrun.github.scale_sets import JobEvent
from goldrun.serve.wanted import WantedSet


@dataclass(frozen=True)
class State:
    """A scale set at a moment.

    Attributes:
        leads: whether this server has its session.
        waiting: jobs without a runner.
        running: jobs that run.
        starting: machines that have no configuration yet.
        idle: machines that wait for a job.
        busy: machines that run one.
        stopped: machines that are stopped, or will be.
    """

    leads: bool
    waiting: int
    running: int
    starting: int
    idle: int
    busy: int
    stopped: int


class Observer:
    """Receives what happens, and does nothing with it; each call returns at once."""

    def begun(self, wanted: WantedSet) -> None:
        """A scale set is served from now on."""

    def ended(self, wanted: WantedSet) -> None:
        """A scale set is not served any more."""

    def state(self, wanted: WantedSet, state: State) -> None:
        """The state after a tick."""

    def job_started(self, wanted: WantedSet, event: JobEvent) -> None:
        """A job has a runner."""

    def job_completed(self, wanted: WantedSet, event: JobEvent) -> None:
        """A job has ended."""

    def launched(self, wanted: WantedSet, count: int) -> None:
        """Machines were launched."""

    def refused(self, wanted: WantedSet, reason: str) -> None:
        """A launch was refused; ``reason`` is an error code, or the kind of error."""

    def cost(self, wanted: WantedSet, event: JobEvent | None, amount: float) -> None:
        """A machine has cost something: for a job, or for none."""

    def reclaimed(self, wanted: WantedSet, instance_type: str, zone: str) -> None:
        """The market took a machine back."""
