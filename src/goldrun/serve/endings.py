"""Looks into the ends of jobs and machines: who lost what to the market, and which jobs are to run again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import Instance, find_reclaim, was_reclaimed
from goldrun.github.scale_sets import JobEvent
from goldrun.report import Report
from goldrun.runners.bootstrap import NOTICE_SECONDS
from goldrun.serve.breaker import Breaker
from goldrun.serve.cleanup import Cleanup
from goldrun.serve.concurrency import Concurrency
from goldrun.serve.log import said
from goldrun.serve.observer import Observer
from goldrun.serve.reruns import Reruns
from goldrun.serve.roster import LOST_SECONDS, Roster

SLACK_SECONDS = 15.0  # by which GitHub's time and the cloud's may differ


@dataclass
class Endings:
    """What has ended in one scale set.

    Attributes:
        client: the cloud.
        roster: the machines, and what they do.
        concurrency: whose jobs run.
        cleanup: removes registrations.
        reruns: runs jobs again that lost their machine.
        breaker: leaves out offers that are reclaimed again and again.
        observer: is told what happens.
        report: receives a sentence about it.
    """

    client: EcsClient
    roster: Roster
    concurrency: Concurrency
    cleanup: Cleanup
    reruns: Reruns
    breaker: Breaker
    observer: Observer
    report: Report
    _gone: list[Instance] = field(default_factory=list)  # machines whose end is to be looked into
    _failed: dict[str, JobEvent] = field(default_factory=dict)  # jobs without success, by their machines
    _reclaimed: dict[str, float] = field(default_factory=dict)  # instances that the market reclaimed

    def note(self, gone: Iterable[Instance]) -> None:
        """Take note of machines that are gone."""
        self._gone += gone

    def complete(self, event: JobEvent, machine: str) -> None:
        """Take note of a job that has ended on a machine."""
        roster = self.roster
        roster.busy.pop(machine, None)
        if machine not in roster.ended:
            self.observer.job_completed(roster.fleet.spec, event)
        roster.ended[machine] = self.client.clock.now()
        roster.fleet.watch([machine])
        lost = roster.lost.pop(machine, None)
        if event.result != "succeeded":
            self._failed[machine] = event
        words = "; its instance was gone" if lost is not None and event.result != "succeeded" else ""
        self.report(
            said(
                f"{event.runner}: {event.name} of {event.repository} has {event.result}{words}.",
                set=roster.fleet.spec.name,
                repository=event.repository,
                run=event.run,
                job=event.name,
                runner=event.runner,
                result=event.result,
            )
        )

    def look(self) -> None:
        """Look into the ends of machines.

        Raises:
            GoldrunError: the cloud or GitHub fails; what was left undone is done at a later look.
        """
        while self._gone:
            self._forget(self._gone[0])
            del self._gone[0]
        self.roster.tidy(self.client.clock.now())
        now = self.client.clock.now()
        self._reclaimed = {one: at for one, at in self._reclaimed.items() if at > now - LOST_SECONDS}

    def _forget(self, gone: Instance) -> None:
        roster, machine = self.roster, gone.id
        self.observer.gone(self.roster.fleet.spec, gone)
        self.concurrency.forget(roster.name(machine))
        if (
            machine not in self._reclaimed  # counted before something failed here
            and (machine not in roster.ended or machine in self._failed)
            and gone.spot
            # One that has been given notice may end itself before it is taken.
            and (gone.reclaimed or was_reclaimed(self.client, machine))
        ):
            self._reclaimed[machine] = self.client.clock.now()
            self.observer.reclaimed(self.roster.fleet.spec, gone.type, gone.zone)
            if self.breaker.note((gone.type, gone.zone), self.client.clock.now()):
                self.report(f"{gone.type} in {gone.zone} is left out for a while: its instances are reclaimed.")
        if machine in roster.busy:
            # Its job has just ended, or GitHub notices in some minutes that its runner is silent.
            del roster.busy[machine]
            roster.lost[machine] = self.client.clock.now()
        elif machine not in roster.ended and not self.cleanup.remove_registration(machine):
            roster.lost[machine] = self.client.clock.now()  # GitHub still has it at work

    def run_again(self) -> None:
        """Have jobs run again that failed because the market took their machine.

        Raises:
            GoldrunError: the cloud or GitHub fails.
        """
        self.reruns.step()
        for machine in self._failed.keys() & self._reclaimed.keys():
            event = self._failed[machine]
            if event.result != "canceled" or self._was_shut_down(machine, event):
                self.reruns.add(event)
            del self._failed[machine], self._reclaimed[machine]
        # A job whose machine is still there, or has deleted itself, failed for its own reasons.
        self._failed = {machine: event for machine, event in self._failed.items() if machine in self.roster.ended}

    def _was_shut_down(self, machine: str, event: JobEvent) -> bool:
        """Return whether a job was cancelled by its runner, which is shut down some time after the market's notice.

        Before that, and when the machine is gone, a person has cancelled it, or a newer run.
        """
        reclaim = find_reclaim(self.client, machine)
        if reclaim is None:
            return False
        return reclaim.announced + NOTICE_SECONDS - SLACK_SECONDS <= event.finished <= reclaim.planned
