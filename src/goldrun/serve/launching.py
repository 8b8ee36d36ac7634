"""Launches machines for one scale set: as many as its limits, its budget, the quota and the other sets allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import is_over_quota
from goldrun.cloud.market import Cache, Place
from goldrun.errors import EXIT_CREDENTIALS, EXIT_PERMISSION, EXIT_USAGE, GoldrunError
from goldrun.launch.acquire import describe_launch, find_offers
from goldrun.launch.launch import launch, price_limit
from goldrun.launch.offers import Offer, OfferKind
from goldrun.launch.settings import LaunchSettings, new_key
from goldrun.report import Report
from goldrun.serve.breaker import Breaker
from goldrun.serve.budget import Budget, OutdatedError
from goldrun.serve.fleet import Fleet
from goldrun.serve.log import failed, said
from goldrun.serve.observer import Observer
from goldrun.serve.preparation import Prepare
from goldrun.serve.quota import Quota
from goldrun.serve.scale_set_spec import ScaleSetSpec
from goldrun.serve.shares import Claim, Queued, Shares
from goldrun.serve.yield_request import YieldRequest

BATCH = 20  # machines of one launch
PAUSE_SECONDS = (30.0, 300.0)  # after a launch that was refused: the first pause and the longest
GIVEN_SECONDS = 10.0  # what was given up is launched so long after, though launches are paused
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
    _peak: int = 1  # the most machines that there have been
    _over_quota: bool = False  # ECS has refused the last launch for the quota
    _refused_at: float = 0.0  # when a launch was refused first, since the last one that was not

    def __post_init__(self) -> None:
        """Begin with nothing asked for."""
        self.yield_request = YieldRequest(self.client.clock)

    @property
    def paused(self) -> bool:
        """Whether a refused launch is waited out."""
        return self._now < self._paused_until

    @property
    def quota_room(self) -> int | None:
        """How many more machines the account's quota holds for this set; None: not known."""
        return self._quota(self._queued, ())

    @property
    def quota_reach(self) -> int | None:
        """How many it holds if less important sets give up machines without a job."""
        return self._reach(self._queued, self.shares.spot_below(self.fleet.spec))

    @property
    def _queued(self) -> list[Queued]:
        return self.shares.queued_above(self.fleet.spec)

    def _reach(self, before: Iterable[Queued], spot: Iterable[tuple[ScaleSetSpec, int]]) -> int | None:
        return self._quota(before, () if self.yield_request.vain else spot)

    def _quota(self, before: Iterable[Queued], idle: Iterable[tuple[ScaleSetSpec, int]]) -> int | None:
        spec = self.fleet.spec
        room = self.quota.room(spec, before, idle)
        if room is None and self.quota.blind and not spec.profile.on_demand_fallback:
            return max(0, self._peak - self.fleet.count)  # it has held so many
        return room

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
        self._peak = max(self._peak, claim.alive)
        possible, launches = self._possible(claim), not self.paused
        allowed = self.shares.claim(self.fleet.spec, possible, self._now, launches=launches)
        all_of_it = 0 < allowed == claim.missing
        while allowed > 0 and not self.paused:
            amount = min(allowed, self._batch)
            if not self._launch(amount, avoid):
                return
            allowed -= amount
        if all_of_it and not allowed:
            self.yield_request.all_launched(claim.alive + claim.missing)

    def _possible(self, claim: Claim) -> Claim:
        """Return the part of a claim that can be launched: what cannot keeps no place from the other sets.

        Raises:
            GoldrunError: what a machine would cost cannot be read.
        """
        spec = self.fleet.spec
        most = max(0, spec.profile.max_runners - claim.alive)
        if not claim.missing:
            self.yield_request.withdraw()
        if self.paused:
            return self._kept(claim, most)
        before, spot = self._queued, self.shares.spot_below(spec)
        quota, reach = self._quota(before, ()), self._reach(before, spot)
        wants = claim.within(most)
        to_give, room = 0, most
        if wants.missing:
            # What less important sets have idle they give up: of the common budget, and of the quota.
            wants = wants.within(self.budget.room(yielded=True))
            room = self.budget.room()
            to_give = self.budget.needed(wants.missing, self.shares.idle_below(spec))
        for_quota = not to_give
        if quota is not None:
            to_give = max(to_give, self.quota.needed(spec, wants.missing, before, spot))
            room = min(room, quota)
        found = wants.within(room)
        jobs, pool = wants.jobs - found.jobs, wants.pool - found.pool
        starved = self.yield_request.demand(jobs, pool, claim.alive, to_give, for_quota=for_quota)
        offered = min(claim.offered, max(0, (most if reach is None else min(most, reach)) - found.missing))
        return replace(found, offered=offered, starved=starved, spot=self.yield_request.for_quota)

    def _kept(self, claim: Claim, most: int) -> Claim:
        """Return what keeps its place while a refused launch is waited out: accepted jobs, for a while."""
        kept = claim.within(min(most, claim.jobs) if self._now < self._refused_at + KEPT_SECONDS else 0)
        spot = self.shares.spot_below(self.fleet.spec) if self._over_quota else []
        idle = sum(number for _, number in spot)
        starved = self.yield_request.demand(
            claim.jobs, claim.pool, claim.alive, min(claim.missing, idle), for_quota=True
        )
        if starved and self._over_quota and not idle:  # all of it was given up
            self._paused_until = min(self._paused_until, self._now + GIVEN_SECONDS)
        return replace(kept, offered=0, queued=0, starved=starved, spot=self.yield_request.for_quota)

    def _launch(self, amount: int, avoid: AbstractSet[Place]) -> bool:
        """Launch so many machines; return whether they were.

        Raises:
            GoldrunError: a person has to do something about it.
        """
        try:
            # At the list price nothing is reclaimed.
            out = {OfferKind(*place, spot=True) for place in self.breaker.out(self._now)}
            out |= {OfferKind(*place, spot=spot) for place in avoid for spot in (True, False)}
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
                self.quota.note(self.fleet.spec, len(launched.ids))
                self.budget.note(launched)
                self.observer.launched(self.fleet.spec, launched.ids)
                name, ids = self.fleet.spec.name, ",".join(launched.ids)
                self.report(said(f"{name}: {describe_launch(launched)}", set=name, instances=ids))
        finally:
            self.budget.release()  # what there is now has been noted
        self._batch, self._pause, self._over_quota = min(BATCH, 2 * self._batch), PAUSE_SECONDS[0], False
        self._paused_until = 0.0
        self.yield_request.launched()
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
                f"{self.fleet.spec.name}: another server was at work while a launch was prepared; it is decided anew."
            )

    def _refused(self, error: GoldrunError, amount: int, *, aside: bool) -> None:
        """Try a smaller launch; after the smallest, wait, and tell GitHub to assign no more.

        Raises:
            GoldrunError: the error, if a person has to do something about it.
        """
        spec, now = self.fleet.spec, self._now
        self.observer.refused(spec, error.code if isinstance(error, ApiError) else type(error).__name__)
        if error.exit_code in (EXIT_CREDENTIALS, EXIT_PERMISSION, EXIT_USAGE):
            self._rest(self._pause)
            raise error
        self._over_quota = is_over_quota(error)
        if amount > 1:
            self._batch = max(1, amount // 4)
            return
        pause = PAUSE_SECONDS[1] if aside else self._next_pause()
        self.report(failed(f"{spec.name}: {error.what} Trying again in {pause:.0f} s.", error, set=spec.name))
        if not self._over_quota:
            self.yield_request.sold_out()
        if aside:
            self._unfit_until = now + pause  # a job may have any offer
            return
        self._rest(pause)
        self._pause = min(PAUSE_SECONDS[1], 2 * pause)

    def _next_pause(self) -> float:
        """Return how long to wait after a refusal: as after the first one if the last pause is over for long."""
        return PAUSE_SECONDS[0] if self._is_new else self._pause

    def _rest(self, pause: float) -> None:
        """Launch nothing for a while; what is lacking keeps its place for a part of it, from the first refusal on."""
        if self._is_new:
            self._refused_at = self._now
        self._paused_until = self._now + pause

    @property
    def _is_new(self) -> bool:
        """Whether a refusal now has nothing to do with the last one."""
        return self._now - self._paused_until > KEPT_SECONDS
