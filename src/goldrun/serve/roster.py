"""Who does what: which runners of a scale set have a job, have had it, or have lost their machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from goldrun.cloud.instances import Instance
from goldrun.github.scale_sets import JobEvent, Statistics
from goldrun.serve.config_delivery import ConfigDelivery
from goldrun.serve.fleet import Fleet

LOST_SECONDS = 1800.0  # GitHub has noticed by then that a runner is gone
ENDED_SECONDS = 120.0  # a machine whose job has ended deletes itself within that time


@dataclass
class Roster:
    """The runners of one scale set, by their machines, as far as messages have told.

    Attributes:
        fleet: the machines.
        hands: knows which of them have their configuration.
        statistics: GitHub's last ones; None: none since this server leads.
        busy: runners with a job; None: one that is not known.
        ended: runners whose job has ended, and when.
        lost: those whose machine is gone while GitHub has them at work, and since when.
        aside: machines that are stopped, or will be: they have no runner.
    """

    fleet: Fleet
    hands: ConfigDelivery
    statistics: Statistics | None = None
    busy: dict[str, JobEvent | None] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    lost: dict[str, float] = field(default_factory=dict)
    aside: set[str] = field(default_factory=set)

    def name(self, machine: str) -> str:
        """Return the name of a machine's runner."""
        return self.fleet.spec.runner_name(machine)

    def begin(self, statistics: Statistics) -> None:
        """Begin a session: another server may have changed everything meanwhile."""
        self.statistics, self.busy, self.lost = statistics, {}, {}

    def tidy(self, now: float) -> None:
        """Forget what is over."""
        there = self.fleet.machines
        self.ended = {one: at for one, at in self.ended.items() if one in there or at > now - ENDED_SECONDS}
        self.lost = {one: at for one, at in self.lost.items() if at > now - LOST_SECONDS}

    def standing(self) -> dict[str, Instance]:
        """Return the machines that are not set aside."""
        return {one: machine for one, machine in self.fleet.machines.items() if one not in self.aside}

    @property
    def alive(self) -> int:
        """How many machines there are that run, or will soon, and have not had their job."""
        over = self.ended.keys() | self.aside
        return self.fleet.count - sum(one in self.fleet.machines for one in over)

    @property
    def working(self) -> int:
        """How many machines run a job.

        A new session knows no names, but GitHub's number; that one counts lost machines too, until GitHub notices.
        """
        running = self.statistics.running if self.statistics else 0
        known = sum(one in self.fleet.machines for one in self.busy)
        return min(self.alive, max(known, running - len(self.lost)))

    @property
    def free(self) -> int:
        """How many machines wait for a job, or will."""
        return self.alive - self.working

    @property
    def waiting(self) -> int:
        """How many jobs wait for a machine: one that runs needs none, wherever it runs."""
        return max(0, self.statistics.assigned - self.statistics.running) if self.statistics else 0

    def free_machines(self) -> list[Instance]:
        """Return the machines without a job: those that still boot first, then the oldest."""
        taken = self.busy.keys() | self.ended.keys() | self.aside
        free = [machine for one, machine in self.fleet.machines.items() if one not in taken]
        return sorted(free, key=lambda machine: (self.hands.is_done(machine), machine.created))
