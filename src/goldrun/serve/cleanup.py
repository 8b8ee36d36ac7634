"""Deletes machines that serve nobody: too slow, silent, too many, outdated, or still there after their job.

GitHub is asked first: it keeps the registration of a runner that has just got a job, and then the machine stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.tags import is_parked
from goldrun.errors import GoldrunError
from goldrun.github import scale_sets
from goldrun.github.actions_service import ActionsService
from goldrun.github.runners import find_registrations
from goldrun.report import Report
from goldrun.serve.best_offer import BestOffer
from goldrun.serve.log import said
from goldrun.serve.observer import Observer
from goldrun.serve.preparation import Prepare
from goldrun.serve.prices import Prices
from goldrun.serve.roster import ENDED_SECONDS, Roster

SURPLUS_SECONDS = 60.0  # a machine that nobody needs waits so long for a job
SILENT_SECONDS = 120.0  # a configured machine whose runner is not online after that is asked about at GitHub
ASK_SECONDS = 60.0  # between two questions about it
DEAR_FACTOR = 1.5  # a machine that waits is replaced if it costs so many times as much as a new one
DEAR_SECONDS = 3600.0  # before that it is not: what seemed cheaper when it was launched could not be had


@dataclass
class Cleanup:
    """Tends the machines of one scale set.

    Attributes:
        client: the cloud.
        service: GitHub's service.
        roster: the machines, and what they do.
        prepare: returns the settings of a new machine.
        report: receives a sentence about each deletion.
        best: returns the best offer.
        prices: what machines cost.
        observer: is told about each deletion.
    """

    client: EcsClient
    service: ActionsService
    roster: Roster
    prepare: Prepare
    report: Report
    best: BestOffer
    prices: Prices
    observer: Observer
    _asked: dict[str, float] = field(default_factory=dict)  # when GitHub was last asked about a machine
    _surplus_since: float | None = None

    @property
    def _now(self) -> float:
        return self.client.clock.now()

    def drop_useless(self) -> None:
        """Delete machines that will not serve a job.

        Raises:
            GoldrunError: the cloud or GitHub fails.
        """
        roster, spec = self.roster, self.roster.fleet.spec
        self._asked = {one: at for one, at in self._asked.items() if one in roster.fleet.machines}
        for one, machine in list(roster.fleet.machines.items()):
            age = self._now - roster.fleet.start_time(machine)
            if one in roster.aside or is_parked(machine.tags):
                continue  # whether it was started is not for here to say
            if one in roster.ended:
                if self._now - roster.ended[one] > ENDED_SECONDS:
                    self.delete(one, "its job has ended, and it did not delete itself")
            elif machine.status in ("Stopping", "Stopped") and age > SURPLUS_SECONDS:
                self.delete(one, f"it is {machine.status.lower()}")
            elif not roster.hands.is_done(machine):
                if age > spec.boot_seconds:
                    self.delete(one, f"it does not answer after {age:.0f} s")
            elif one not in roster.busy and age > SILENT_SECONDS and self._is_silent(one, age):
                self.delete(one, "its runner is not online")

    def renew_pool(self, needed: int) -> None:
        """Replace a machine of the pool that boots from an older image, or costs much more than a new one would.

        One at a look, so that a pool is left.

        Raises:
            GoldrunError: the cloud or GitHub fails.
        """
        roster = self.roster
        if roster.fleet.spec.min_idle(self._now) == 0 or roster.free < needed or roster.fleet.restless:
            return
        try:
            image, best = self.prepare().image_id, self.best()
        except GoldrunError:
            return  # the next launch reports it
        for one in roster.free_machines():
            if image and one.image_id and one.image_id != image:
                self.delete(one.id, "its image is not the newest")
                return
            if self._now - roster.fleet.start_time(one) < DEAR_SECONDS:
                continue
            price = self.prices.of(self.client, one)
            if best and price and price > DEAR_FACTOR * best.price:
                self.delete(one.id, f"{best.type} in {best.zone} costs {best.price:.3f} an hour, and it {price:.3f}")
                return

    def retire_surplus(self, needed: int) -> None:
        """Delete what has waited for nothing.

        Raises:
            GoldrunError: the cloud or GitHub fails.
        """
        surplus = self.roster.free - needed
        if self.roster.statistics is None or surplus <= 0:
            self._surplus_since = None
            return
        if self._surplus_since is None:
            self._surplus_since = self._now
        if self._now - self._surplus_since < SURPLUS_SECONDS:
            return
        for machine in self.roster.free_machines()[:surplus]:
            self.delete(machine.id, "no job needs it")
        self._surplus_since = self._now

    def has_runner(self, machine: str) -> bool:
        """Return whether GitHub knows a machine's runner.

        Raises:
            GoldrunError: GitHub fails.
        """
        return scale_sets.find_runner(self.service, self.roster.name(machine)) is not None

    def remove_registration(self, machine: str) -> bool:
        """Remove a machine's registration; return whether there is none any more.

        Raises:
            GoldrunError: GitHub fails.
        """
        number = scale_sets.find_runner(self.service, self.roster.name(machine))
        return number is None or scale_sets.remove_runner(self.service, number)

    def delete(self, machine: str, reason: str) -> None:
        """Delete a machine, unless its runner has a job: GitHub says so when its registration is to be removed.

        Raises:
            GoldrunError: the cloud or GitHub fails.
        """
        if not self.remove_registration(machine):
            self.roster.busy.setdefault(machine, None)
            return
        name = self.roster.fleet.spec.name
        self.report(said(f"{machine} is deleted: {reason}.", set=name, instance=machine, reason=reason))
        self.observer.gone(self.roster.fleet.spec, self.roster.fleet.machines[machine])
        self.roster.fleet.delete(machine)

    def _is_silent(self, machine: str, age: float) -> bool:
        """Return whether GitHub says that a machine's runner is not online, and it had time enough."""
        if self._now - self._asked.get(machine, 0.0) < ASK_SECONDS:
            return False
        self._asked[machine] = self._now
        spec = self.roster.fleet.spec
        found = find_registrations(self.service.github, spec.scope, self.roster.name(machine))
        if any(runner.online or runner.busy for runner in found):
            self._asked[machine] = float("inf")  # from now on the machine watches itself
            return False
        return age > spec.boot_seconds or not found
