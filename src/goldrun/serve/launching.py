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
STARVED_SECONDS = 300.0  # less important sets give up idle machines for so long; if that is in vain, not again so soon
VAIN_SECONDS = 3600.0
KEPT_SECONDS = 120.0  # after a launch was refused, jobs keep their places for so long


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
    _unfit_until: float = 0.0  # a launch that is to avoid some offers was refused
    _over_quota: bool = False  # ECS has refused the last launch for the quota
    _refused_at: float = 0.0  # when a launch was refused first, since the last one that was not
    _asked: int = 0  # machines' worth that less important sets were asked for
    _starved_since: float = 0.0
    _starved_last: float = 0.0
    _starved_from: int = 0  # how many machines there were then
    _vain_until: float = 0.0
    _vain_pool_until: float = 0.0

    @property
    def paused(self) -> bool:
        """Whether a refused launch is waited out."""
        return self._now < self._paused_until

    @property
    def vain(self) -> bool:
        """Whether what less important sets give up has not helped: it is not asked for again for a while."""
        return self._now < self._vain_until

    @property
    def quota_room(self) -> int | None:
        """How many more machines the account's quota holds for this set; None: not known."""
        wanted = self.fleet.wanted
        return self.quota.room(wanted, self.shares.queued_above(wanted))

    @property
    def _now(self) -> float:
        return self.client.clock.now()

    def launch(self, claim: Claim, avoid: AbstractSet[Place] = frozenset()) -> None:
        """Launch what is missing, or as much of it as may be.

        Args:
            claim: what there is, and what is missing.
            avoid: types and zones that are not to be used.

        Raises:
            GoldrunError: a person has to do something about it: credentials, permissions, settings.
        """
        if avoid and self._now < self._unfit_until:
            claim = claim.within(0)
        possible, launches = self._possible(claim), not self.paused
        allowed = self.shares.claim(self.fleet.wanted, possible, self._now, launches=launches)
        while allowed > 0 and not self.paused:
            amount = min(allowed, self._batch)
            if not self._launch(amount, avoid):
                return
            allowed -= amount

    def _possible(self, claim: Claim) -> Claim:
        """Return the part of a claim that can be launched: what cannot keeps no place from the other sets.

        Raises:
            GoldrunError: what a machine would cost cannot be read.
        """
        wanted = self.fleet.wanted
        most = max(0, wanted.profile.max_runners - claim.alive)
        if not claim.missing:
            self._asked = 0
        if self.paused:
            kept = claim.within(min(most, claim.jobs) if self._now < self._refused_at + KEPT_SECONDS else 0)
            idle = self.shares.idle_below(wanted, spot=True) if self._over_quota else 0
            return replace(kept, offered=0, queued=0, starved=self._starved(claim, idle))
        quota, spot = self.quota_room, self.shares.idle_below(wanted, spot=True)
        wants = claim.within(most)
        given, room = 0, most
        if wants.missing:
            # What less important sets have idle they give up: of the common budget, and of the quota.
            wants = wants.within(self.budget.room(yielded=True))
            room = self.budget.room()
            given = min(max(0, wants.missing - room), self.shares.idle_below(wanted))
        if quota is not None:
            given = max(given, min(max(0, wants.missing - quota), spot))
            room = min(room, quota)
        found = wants.within(room)
        short = replace(claim, jobs=wants.jobs - found.jobs, pool=wants.pool - found.pool)
        starved = self._starved(short, given)
        places = most if quota is None else min(most, quota + spot)
        return replace(found, offered=min(claim.offered, max(0, places - found.missing)), starved=starved)

    def _starved(self, short: Claim, given: int) -> int:
        """Return for how many machines less important sets are to give up idle ones.

        What was asked for once is asked for until it is launched, so that it is not launched elsewhere meanwhile. But
        not for ever: if that has not helped after a while, they may have theirs again.

        Args:
            short: what jobs and the pool lack.
            given: for how many of them there are idle machines.
        """
        if self.vain:
            return 0
        lacks = short.jobs if self._now < self._vain_pool_until else short.missing
        self._asked = min(lacks, max(self._asked, given))
        helped = short.alive > self._starved_from
        if self._asked and (helped or self._now - self._starved_last > STARVED_SECONDS):
            self._starved_since, self._starved_from = self._now, short.alive  # anew
        if self._asked:
            self._starved_last = self._now
            if self._now - self._starved_since > STARVED_SECONDS:
                self._vain_until = self._vain_pool_until = self._now + VAIN_SECONDS
                self._asked = 0
        return self._asked

    def _launch(self, amount: int, avoid: AbstractSet[Place]) -> bool:
        """Launch so many machines; return whether they were.

        Raises:
            GoldrunError: a person has to do something about it.
        """
        try:
            # At the list price nothing is reclaimed.
            out = {(*place, True) for place in self.breaker.out(self._now)}
            out |= {(*place, spot) for place in avoid for spot in (True, False)}
            settings = replace(self.prepare(), amount=amount, key=new_key(), avoid=frozenset(out))
            settings = self.budget.cap(settings)
            offers = self._while_current(settings, find_offers(self.client, settings, self.cache))
            got = launch(self.client, settings, offers, report=self.report)
        except OutdatedError as error:
            self.report(error.what)
            return False
        except GoldrunError as error:
            if not error.unsure and self.leads():
                self.budget.withdraw()
            self._refused(error, amount, aside=bool(avoid))
            return False
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
        self._batch, self._pause, self._over_quota = min(BATCH, 2 * self._batch), PAUSE_SECONDS[0], False
        self._refused_at = 0.0
        if not self.vain:
            self._vain_pool_until = 0.0
        return True

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

    def _refused(self, error: GoldrunError, amount: int, *, aside: bool) -> None:
        """Try a smaller launch; after the smallest, wait, and tell GitHub to assign no more.

        Raises:
            GoldrunError: the error, if a person has to do something about it.
        """
        wanted, now = self.fleet.wanted, self._now
        self.observer.refused(wanted, error.code if isinstance(error, ApiError) else type(error).__name__)
        if error.exit_code in (EXIT_CREDENTIALS, EXIT_PERMISSION, EXIT_USAGE):
            self._paused_until, self._refused_at = now + self._pause, self._refused_at or now
            raise error
        self._over_quota = isinstance(error, ApiError) and error.code.startswith("QuotaExceed")
        if amount > 1:
            self._batch = max(1, amount // 4)
            return
        pause = PAUSE_SECONDS[1] if aside else self._pause
        self.report(failed(f"{wanted.name}: {error.what} Trying again in {pause:.0f} s.", error, set=wanted.name))
        if not self._over_quota:
            self._vain_pool_until = now + VAIN_SECONDS
        if aside:
            self._unfit_until = now + pause  # a job may have any offer
            return
        self._paused_until, self._refused_at = now + pause, self._refused_at or now
        self._pause = min(PAUSE_SECONDS[1], 2 * pause)
