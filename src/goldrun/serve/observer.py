"""What a server is watched by: events and states, told by the workers as they happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from goldrun.cloud.instances import Instance
from goldrun.github.scale_sets import JobEvent
from goldrun.serve.scale_set_spec import ScaleSetSpec


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
        oldest: how long the oldest machine that is not stopped has run, in seconds.
    """

    leads: bool
    waiting: int
    running: int
    starting: int
    idle: int
    busy: int
    stopped: int
    oldest: float = 0.0


class Observer:
    """Receives what happens, and does nothing with it; each call returns at once."""

    def begun(self, spec: ScaleSetSpec) -> None:
        """A scale set is served from now on."""

    def ended(self, spec: ScaleSetSpec) -> None:
        """A scale set is not configured any more; it ends with its jobs."""

    def left(self, spec: ScaleSetSpec) -> None:
        """Nothing of a scale set is left at this server."""

    def state(self, spec: ScaleSetSpec, state: State) -> None:
        """The state after a tick."""

    def job_started(self, spec: ScaleSetSpec, event: JobEvent) -> None:
        """A job has a runner."""

    def job_completed(self, spec: ScaleSetSpec, event: JobEvent) -> None:
        """A job has ended."""

    def launched(self, spec: ScaleSetSpec, machines: Sequence[str]) -> None:
        """Machines were launched."""

    def resumed(self, spec: ScaleSetSpec, machines: Sequence[str]) -> None:
        """Stopped machines were started."""

    def configured(self, spec: ScaleSetSpec, machine: Instance) -> None:
        """A machine has its runner's configuration."""

    def gone(self, spec: ScaleSetSpec, machine: Instance) -> None:
        """A machine is gone, or will be soon."""

    def budget(self, spec: ScaleSetSpec, left: float) -> None:
        """So much may still be spent."""

    def runner_version(self, spec: ScaleSetSpec, ends: float) -> None:
        """GitHub stops giving jobs to the image's runner at that moment."""

    def called(self, api: str, call: str, result: str) -> None:
        """A request was sent to an API, ``aliyun`` or ``github``; result: ok, throttled, refused or failed."""

    def refused(self, spec: ScaleSetSpec, reason: str) -> None:
        """A launch was refused; ``reason`` is an error code, or the kind of error."""

    def cost(self, spec: ScaleSetSpec, event: JobEvent | None, amount: float) -> None:
        """A machine has cost something: for a job, or for none."""

    def reclaimed(self, spec: ScaleSetSpec, instance_type: str, zone: str) -> None:
        """The market took a machine back."""
