"""Launches machines for one scale set: as many as its limits, its budget, the quota and the other sets allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.market import Cache
from goldrun.errors import EXIT_CREDENTIALS, EXIT_PERMISSION, EXIT_USAGE, GoldrunError
from goldrun.launch.acquire import describe_launch, find_offers
from goldrun.launch.launch import Report, launch, price_limit
from goldrun.launch.offers import Offer
from goldrun.launch.settings import LaunchSettings, new_key
from goldrun.serve.breaker import Breaker, Place
from goldrun.serve.budget import Budget, OutdatedError
from goldrun.serve.fleet import Fleet
from goldrun.serve.log import failed, said
from goldrun.serve.observer import Observer
from goldrun.serve.preparation import Prepare
from goldrun.serve.quota import Quota
from goldrun.serve.shares import Claim, Shares

BATCH = 20  # machines of one launch
PAUSE_SECONDS = (30.0, 300.0)  # after a launch that was refused: the first pause and the longest
VAIN_SECONDS = 3600.0  # after such a launch other sets keep their idle machines for so long: it may be refused again


@dataclass
class Launching:
    """Launches for one scale set.

    Attributes:
        client: the cloud.
        fleet: the machines.
        prepare: returns the settings of a new machine, its image looked up.
        report: receives a sentence about each launch.
        breaker: leaves out offers that are reclaimed again and again.
        shares: what the other scale sets need.
        budget: what may be spent.
        quota: what the account may run.
        observer: is told what happens.
        leads: whether this server has the scale set's session.
        cache: cached answers about the market.
    """

    client: EcsClient
    fleet: Fleet
    prepare: Prepare
    report: Report
    breaker: Breaker
    shares: Shares
    budget: Budget
    quota: Quota
    observer: Observer
    leads: Callable[[], bool]
    cache: Cache | None = None
    _batch: int = BATCH
    _pause: float = PAUSE_SECONDS[0]
    _paused_until: float = 0.0
    _starved: bool = False
    _vain_until: float = 0.0

    @property
    def paused(self) -> bool:
        """Whether a refused launch is waited out."""
        return self.client.clock.now() < self._paused_until

    def launch(self, claim: Claim, avoid: AbstractSet[Place] = frozenset()) -> None:
        """Launch what is missing, or as much of it as may be.

        Args:
            claim: what there is, and what is missing.
            avoid: types and zones that are not to be used.

        Raises:
            GoldrunError: a person has to do something about it: credentials, permissions, settings.
        """
        wanted = self.fleet.wanted
        # What cannot be launched keeps no place from the other sets.
        most = 0 if self.paused else max(0, wanted.profile.max_runners - claim.alive)
        missing = max(0, min(claim.missing, most))
        missing = min(missing, self.budget.room(yielded=True)) if missing else 0
        self._starved = self._starved and (claim.missing if self.paused else missing) > 0
        if missing:
            # What idle machines of less important sets hold of the common budget they give up, as with the quota.
            room, quota = self.budget.room(), self.quota.room(wanted)
            room = room if quota is None else min(room, quota)
            vain = self.client.clock.now() < self._vain_until and (quota is None or quota >= missing)
            if quota is not None or room < missing:
                self._starved = room < missing and not vain
            missing = min(missing, room)
        offered = min(claim.offered, most - missing)
        allowed = self.shares.claim(wanted, replace(claim, missing=missing, offered=offered, starved=self._starved))
        while allowed > 0 and not self.paused:
            amount = min(allowed, self._batch)
            try:
                # At the list price nothing is reclaimed.
                out = {(*place, True) for place in self.breaker.out(self.client.clock.now())}
                out |= {(*place, spot) for place in avoid for spot in (True, False)}
                settings = replace(self.prepare(), amount=amount, key=new_key(), avoid=frozenset(out))
                settings = self.budget.cap(settings)
                offers = self._while_current(settings, find_offers(self.client, settings, self.cache))
                got = launch(self.client, settings, offers, report=self.report)
            except OutdatedError as error:
                self.report(error.what)
                return
            except GoldrunError as error:
                if not error.unsure and self.leads():
                    self.budget.withdraw()
                self._refused(error, amount)
                return
            else:
                for launched in got:
                    self.fleet.add(launched.ids)
                    self.quota.note(self.fleet.wanted, len(launched.ids))
                    self.budget.note(launched)
                    self.observer.launched(self.fleet.wanted, launched.ids)
                    name, ids = self.fleet.wanted.name, ",".join(launched.ids)
                    self.report(said(f"{name}: {describe_launch(launched)}", set=name, instances=ids))
            finally:
                self.budget.release()  # what there is now has been noted
            self._batch, self._pause, self._starved = min(BATCH, 2 * self._batch), PAUSE_SECONDS[0], False
            self._vain_until = 0.0
            allowed -= amount

    def _while_current(self, settings: LaunchSettings, offers: Iterable[Offer]) -> Iterator[Offer]:
        """Yield the offers, each right before it is launched from and announced, as long as the launch is still wanted.

        Raises:
            OutdatedError: another server has the session, or has launched.
        """
        for offer in offers:
            self._require_current()
            most = price_limit(offer, settings.criteria.max_price) or offer.list_price or offer.price
            if self.budget.announce(most, settings.amount):
                self._require_current()
            yield offer

    def _require_current(self) -> None:
        if not self.leads() or not self.fleet.is_current():
            raise OutdatedError(
                f"{self.fleet.wanted.name}: another server was at work while a launch was prepared; it is decided anew."
            )

    def _refused(self, error: GoldrunError, amount: int) -> None:
        """Try a smaller launch; after the smallest, wait, and tell GitHub to assign no more.

        Raises:
            GoldrunError: the error, if a person has to do something about it.
        """
        wanted, now = self.fleet.wanted, self.client.clock.now()
        self.observer.refused(wanted, error.code if isinstance(error, ApiError) else type(error).__name__)
        if error.exit_code in (EXIT_CREDENTIALS, EXIT_PERMISSION, EXIT_USAGE):
            self._paused_until = now + self._pause
            raise error
        self._starved = isinstance(error, ApiError) and error.code.startswith("QuotaExceed")
        if amount > 1:
            self._batch = max(1, amount // 4)
            return
        self._paused_until = now + self._pause
        self._vain_until = 0.0 if self._starved else now + VAIN_SECONDS
        words = f"{wanted.name}: {error.what} Trying again in {self._pause:.0f} s."
        self.report(failed(words, error, set=wanted.name))
        self._pause = min(PAUSE_SECONDS[1], 2 * self._pause)
