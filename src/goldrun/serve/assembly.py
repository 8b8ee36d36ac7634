"""Puts the worker of a scale set together."""

from __future__ import annotations

from dataclasses import dataclass, field

from goldrun import config as variables
from goldrun.cloud.client import EcsClient
from goldrun.cloud.market import Cache
from goldrun.config import Environment
from goldrun.github.actions_service import ActionsService
from goldrun.github.client import GitHub
from goldrun.launch.launch import Report
from goldrun.runners.environment import read_proxy
from goldrun.serve.admission import Admission
from goldrun.serve.best_offer import BestOffer
from goldrun.serve.books import Books
from goldrun.serve.breaker import Breaker
from goldrun.serve.budget import Budget
from goldrun.serve.endings import Endings
from goldrun.serve.fleet import Fleet
from goldrun.serve.hand_over import HandOver
from goldrun.serve.intake import Intake
from goldrun.serve.launching import Launching
from goldrun.serve.leftovers import Leftovers
from goldrun.serve.listener import Listener
from goldrun.serve.notices import Notices
from goldrun.serve.observer import Observer
from goldrun.serve.parking import Parking
from goldrun.serve.patience import Patience
from goldrun.serve.preparation import Preparation
from goldrun.serve.prices import Prices
from goldrun.serve.quota import Quota
from goldrun.serve.reruns import Reruns
from goldrun.serve.roster import Roster
from goldrun.serve.shares import Shares
from goldrun.serve.tending import Tending
from goldrun.serve.turns import Turns
from goldrun.serve.wanted import WantedSet
from goldrun.serve.worker import Worker


@dataclass(frozen=True)
class Common:
    """What all scale sets of a server share.

    Attributes:
        quota: what the account may run.
        breaker: offers that are left out.
        shares: what each scale set needs.
        books: what each spends.
        prices: what machines cost.
    """

    quota: Quota
    breaker: Breaker = field(default_factory=Breaker)
    shares: Shares = field(default_factory=Shares)
    books: Books = field(default_factory=Books)
    prices: Prices = field(default_factory=Prices)


def build_worker(
    client: EcsClient,
    github: GitHub,
    wanted: WantedSet,
    env: Environment,
    *,
    owner: str,
    report: Report,
    cache: Cache | None = None,
    common: Common | None = None,
    observer: Observer | None = None,
) -> Worker:
    """Return the worker of a scale set; it asks nothing yet."""
    observer, common = observer or Observer(), common or Common(Quota(report))
    listener = Listener(ActionsService(github, wanted.scope), wanted, owner, report)
    fleet = Fleet(client, wanted)
    patience = Patience(wanted.name, client.clock, report)
    hands = HandOver(client, listener.service, wanted, observer, patience, read_proxy(env))
    roster = Roster(fleet, hands)
    prepare = Preparation(client, github, wanted, env, report, observer)
    group = wanted.network.security_group or variables.SECURITY_GROUP.read(env)
    best = BestOffer(client, prepare, cache)
    budget = Budget(client, roster, common.books, common.prices, observer, group, best)
    tending = Tending(client, listener.service, roster, prepare, report, best, common.prices, observer)
    turns = Turns(client, wanted.profile)
    return Worker(
        client=client,
        listener=listener,
        report=report,
        fleet=fleet,
        roster=roster,
        hands=hands,
        intake=Intake(
            client.clock,
            listener,
            Admission(github, wanted.profile),
            turns,
            Notices(github, wanted.name, report),
        ),
        launching=Launching(
            client=client,
            fleet=fleet,
            prepare=prepare,
            report=report,
            breaker=common.breaker,
            shares=common.shares,
            budget=budget,
            quota=common.quota,
            observer=observer,
            leads=lambda: listener.leads,
            cache=cache,
        ),
        tending=tending,
        parking=Parking(client, roster, tending, prepare, report, observer),
        budget=budget,
        quota=common.quota,
        shares=common.shares,
        endings=Endings(client, roster, turns, tending, Reruns(github, report), common.breaker, observer, report),
        leftovers=Leftovers(client, listener.service, wanted, report),
        observer=observer,
        patience=patience,
    )
