"""Counts what a scale set's machines cost, and keeps it within its budgets.

The count is kept in a tag of the security group, because machines come and go. It is written every minute, with what
the machines cost an hour, and before a launch or a start that makes this more. The server that leads next continues it,
and counts until then what has ended in between. A machine is launched if the budget holds it and all others, each for
the longest job and at its price limit: so jobs that have been accepted do not exceed it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import Instance
from goldrun.cloud.network import group_tags
from goldrun.cloud.tagging import TOO_MANY_TAGS, tagging, untagging
from goldrun.errors import GoldrunError, RefusedError
from goldrun.github.scale_sets import JobEvent
from goldrun.launch.launch import LIMIT_FACTOR, Launched
from goldrun.launch.settings import LaunchSettings
from goldrun.serve import spent as amounts
from goldrun.serve.best_offer import BestOffer
from goldrun.serve.config import MAX_RUNNERS
from goldrun.serve.ledger import PREFIX, Ledger, has_budget, key_of
from goldrun.serve.observer import Observer
from goldrun.serve.prices import Prices
from goldrun.serve.roster import Roster
from goldrun.serve.spent import Spent

WRITE_SECONDS = 60.0
OLD_SECONDS = 24 * 3600.0  # more than clocks differ, and than the longest job takes


class OutdatedError(RefusedError):
    """What was decided does not hold any more."""


@dataclass(frozen=True)
class _Open:
    """A machine that costs money: counted until when, at which price, for which job."""

    until: float
    price: float
    event: JobEvent | None


@dataclass
class Budget:
    """The money of one scale set.

    Attributes:
        client: the cloud.
        roster: the machines, and what they do.
        ledger: what all scale sets spend.
        prices: what machines cost.
        observer: is told each amount.
        group: the security group whose tag keeps the count.
        best: returns the best offer.
    """

    client: EcsClient
    roster: Roster
    ledger: Ledger
    prices: Prices
    observer: Observer
    group: str
    best: BestOffer
    _open: dict[str, _Open] = field(default_factory=dict)
    _launched: dict[str, float] = field(default_factory=dict)  # what machines cost an hour that do not show yet
    _started: dict[str, float] = field(default_factory=dict)  # and those that are stopped still, as far as is known
    _since: float = 0.0  # machines that were there before are counted from here on
    _paid: float = 0.0  # what they cost an hour then
    _written: float = 0.0
    _recorded: float = 0.0  # what machines cost an hour, as it was written last
    _held: float = 0.0  # what is reserved for the launch, or the start, that is being made
    _price: float = 0.0  # the limit of the best offer, per hour

    @property
    def limited(self) -> bool:
        """Whether there is a budget."""
        return has_budget(self.roster.fleet.spec)

    @property
    def reason(self) -> str:
        """Why no machine may be launched, in words."""
        return f"{self.ledger.left(self.roster.fleet.spec, self._now).limit}, is used up"

    @property
    def _now(self) -> float:
        return self.client.clock.now()

    def begin(self) -> None:
        """Continue the count of the server that led before.

        Raises:
            GoldrunError: the security group's tags cannot be read.
        """
        self._open, self._since, self._paid, self._written, self._recorded = {}, self._now, 0.0, self._now, 0.0
        if self.limited:
            self._read()
            left = self.ledger.read(self.roster.fleet.spec)
            self._since, self._paid = left.until or self._now, left.paid

    def step(self, idle: int) -> None:
        """Count what the machines have cost since the last step.

        Args:
            idle: how many of them have no job, and get none for now.

        Raises:
            GoldrunError: the count cannot be written down.
        """
        spec, now = self.roster.fleet.spec, self._now
        machines = self.roster.fleet.machines
        spent = self._with_those_that_ended(self.ledger.read(spec)).at(now)
        since: dict[float, float] = {}  # what is paid an hour, by the moment since when
        for one in [one for one in self._open if one not in machines]:
            self._count(self._open.pop(one), now, since)  # it ended at some moment since
        may_cost = {one: self._tend(machine, now, since) for one, machine in machines.items()}
        for until, price in since.items():
            spent = spent.add(price, until, now)
        failed = bool(self._started.keys() & self.roster.aside)  # a start that had no effect
        self._forget_those_that_show()
        reserved = sum(may_cost.values()) + self._unseen * self._longest / 3600
        waiting = sorted(cost for one, cost in may_cost.items() if one not in self.roster.busy)
        self.ledger.write(spec, replace(spent, paid=self._hourly), reserved, sum(waiting[:idle]))
        if failed:
            self.withdraw()
        if self.limited:
            self.observer.budget(spec, self.ledger.left(spec, now).amount)
        if self.limited and now - self._written >= WRITE_SECONDS:
            self._write(self._hourly)
            self._written = now
            self._read()

    def _tend(self, machine: Instance, now: float, since: dict[float, float]) -> float:
        """Count what a machine has cost since it was counted last, and return what it may still cost."""
        one, stopped = machine.id, machine.status == "Stopped"
        hourly = 0.0 if stopped and one in self.roster.aside else self.prices.of(self.client, machine)
        if hourly is None:
            hourly = machine.limit or self._price  # the most that it may cost, until somebody says
        # One that was started counts from then on, and costs nothing before it runs.
        price = 0.0 if stopped else hourly
        last = self._open.get(one) or _Open(max(self.roster.fleet.start_time(machine), self._since), price, None)
        self._count(last, now, since)
        event = self.roster.busy.get(one)
        self._open[one] = _Open(now, price, event)
        ran = max(0.0, now - event.started) if event and event.started else 0.0
        return max(hourly, machine.limit) * max(0.0, self._longest - ran) / 3600 if hourly else 0.0

    def _forget_those_that_show(self) -> None:
        """Forget what was announced of machines that are counted by now."""
        fleet, aside = self.roster.fleet, self.roster.aside
        self._launched = {one: price for one, price in self._launched.items() if one in fleet.unseen}
        stopped = {one for one, machine in fleet.machines.items() if machine.status == "Stopped"} - aside
        self._started = {one: price for one, price in self._started.items() if one in stopped}

    def room(self, *, yielded: bool = False) -> int:
        """Return how many more machines the budget allows; ``yielded``: if less important sets had no idle ones.

        Raises:
            GoldrunError: what a machine would cost cannot be read.
        """
        if not self.limited:
            return MAX_RUNNERS
        offer = self.best()
        self._price = offer.price * LIMIT_FACTOR if offer else 0.0
        each = self._price * self._longest / 3600
        left = self.ledger.left(self.roster.fleet.spec, self._now, yielded=yielded).amount
        return max(0, min(MAX_RUNNERS, int(left // each))) if each else int(left > 0)

    def needed(self, count: int, idle: int) -> int:
        """Return how many of less important sets' ``idle`` machines are to be given up for ``count`` new ones.

        They are taken to cost the same, each.
        """
        if not self.limited:
            return 0
        spec, each = self.roster.fleet.spec, self._price * self._longest / 3600
        left = self.ledger.left(spec, self._now).amount
        held = self.ledger.left(spec, self._now, yielded=True).amount - left
        lacking = count * each - left
        return min(idle, math.ceil(lacking / held * idle)) if lacking > 0 and held > 0 else 0

    @property
    def short(self) -> int:
        """How many machines to give up: waiting costs too, and the budget is to hold the longest job of each."""
        if not self.limited or (left := self.ledger.left(self.roster.fleet.spec, self._now, first=True).amount) >= 0:
            return 0
        price = self._price or max((one.price for one in self._open.values()), default=0.0)
        return math.ceil(-left / (price * self._longest / 3600)) if price else 1

    def cap(self, settings: LaunchSettings) -> LaunchSettings:
        """Return a launch's settings with the price that the budget holds."""
        if not self.limited:
            return settings
        left = self.ledger.left(self.roster.fleet.spec, self._now).amount
        most = left * 3600 / self._longest / settings.amount
        price = min(most, settings.criteria.max_price or math.inf)
        return replace(
            settings,
            criteria=replace(settings.criteria, max_price=price),
            most_on_demand=most,
        )

    def announce(self, price: float, amount: int = 1) -> bool:
        """Write down what machines will cost an hour before they exist, and hold it: this process may die right after.

        Returns:
            Whether that took a call: what was written last may hold them already.

        Raises:
            OutdatedError: so much is not left any more.
            GoldrunError: it cannot be written down.
        """
        if not self.limited:
            return False
        spec, paid = self.roster.fleet.spec, self._hourly + price * amount
        if new := paid > self._recorded:
            self._write(paid)
            if self.ledger.is_shared(spec):
                self._read()  # two servers may announce at once: each writes, then reads
        amount_held = price * amount * self._longest / 3600
        self.release()
        if not self.ledger.hold(spec, amount_held, self._now):
            self.withdraw()
            raise OutdatedError(f"{spec.name}: {self.reason} meanwhile; it is decided anew.")
        self._held = amount_held
        return new

    def release(self) -> None:
        """Hold no longer what was announced: the machines are noted, or they will never be."""
        if self._held:
            self.ledger.reserve(self.roster.fleet.spec, -self._held)
        self._held = 0.0

    def note(self, launched: Launched) -> None:
        """Reserve what new machines may cost."""
        if launched.offer:
            self.prices.note(launched.offer)
            price = launched.limit or launched.offer.price
            self._launched |= dict.fromkeys(launched.ids, price)
            self.ledger.reserve(self.roster.fleet.spec, len(launched.ids) * price * self._longest / 3600)

    def withdraw(self) -> None:
        """Write down that what was announced does not exist. If that fails, the next minute's count says so."""
        if self.limited and self._recorded > self._hourly:
            with contextlib.suppress(GoldrunError):
                self._write(self._hourly)

    def announce_started(self, ready: Iterable[str]) -> None:
        """Reserve and write down, as ``announce``, what stopped machines may cost that are to be started.

        Raises:
            OutdatedError: so much is not left any more.
            GoldrunError: it cannot be written down.
        """
        if not self.limited:
            return  # nobody asks for their price
        most = {one: self._most(self.roster.fleet.machines[one]) for one in ready if one not in self._started}
        self.announce(sum(most.values()))
        self._started |= most
        self._held = 0.0  # reserved until the next step counts them

    def _most(self, machine: Instance) -> float:
        """Return what a machine may cost an hour."""
        return max(self.prices.of(self.client, machine) or 0.0, machine.limit)

    @property
    def _unseen(self) -> float:
        """What machines cost an hour that do not show yet."""
        return sum(self._launched.get(one, self._price) for one in self.roster.fleet.unseen)

    @property
    def _hourly(self) -> float:
        """What machines cost an hour, those included that were launched or started a moment ago."""
        return sum(one.price for one in self._open.values()) + self._unseen + sum(self._started.values())

    @property
    def _longest(self) -> float:
        return self.roster.fleet.spec.longest_job

    def _with_those_that_ended(self, spent: Spent) -> Spent:
        """Add what machines cost that ran when the last count was written and are gone: nobody knows since when.

        What was launched or started afterwards had been announced, at the most that it could cost.
        """
        paid, self._paid = self._paid, 0.0
        if not paid:
            return spent
        fleet = self.roster.fleet
        running = [one for one in fleet.machines.values() if one.status != "Stopped"]
        counted = sum(
            self._most(one) if fleet.start_time(one) > self._since else self.prices.of(self.client, one) or one.limit
            for one in running
        )
        paid = max(0.0, paid - counted)
        until = min(self._now, self._since + self._longest)
        self.observer.cost(fleet.spec, None, paid * max(0.0, until - self._since) / 3600)
        return spent.add(paid, self._since, until)

    def _count(self, last: _Open, now: float, since: dict[float, float]) -> None:
        amount = last.price * max(0.0, now - last.until) / 3600
        self.observer.cost(self.roster.fleet.spec, last.event, amount)
        since[last.until] = since.get(last.until, 0.0) + last.price

    def _write(self, paid: float) -> None:
        spec = self.roster.fleet.spec
        text = replace(self.ledger.read(spec), paid=paid).text()
        try:
            tagging("securitygroup", [self.group], {key_of(spec): text}).make(self.client)
        except ApiError as error:
            if error.code != TOO_MANY_TAGS:
                raise
            raise RefusedError(
                f"What instances cost cannot be written down: {self.group} has as many tags as it may have.",
                why=["nothing is launched that no budget counts."],
                fix=[f"remove tags from it: those of scale sets that you have renamed begin with {PREFIX}"],
            ) from error
        self._recorded = paid

    def _read(self) -> None:
        found = group_tags(self.client, self.group)
        spent = {key: amounts.parse(value) for key, value in found.items() if key.startswith(PREFIX)}
        # Nothing of last month counts any more. Who has such a tag still may write it again.
        if old := [key for key, one in spent.items() if one.until < amounts.month_begin(self._now) - OLD_SECONDS]:
            with contextlib.suppress(ApiError):  # a policy may not allow it; the tags take room, and nothing else
                untagging("securitygroup", [self.group], old).make(self.client)
        own = {key_of(self.roster.fleet.spec)} if self._open else ()
        self.ledger.learn(spent, own)
