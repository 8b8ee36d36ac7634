"""Puts the worker of a scale set together."""

from __future__ import annotations

from dataclasses import dataclass, field

from goldrun import config as variables
from goldrun.cloud.client import EcsClient
from goldrun.cloud.market import Cache
from goldrun.config import Environment
from goldrun.github.actions_service import ActionsService
from goldrun.github.client import GitHub
from goldrun.report import Report
from goldrun.runners.environment import read_proxy
from goldrun.serve.admission import Admission
from goldrun.serve.best_offer import BestOffer
from goldrun.serve.breaker import Breaker
from goldrun.serve.budget import Budget
from goldrun.serve.cleanup import Cleanup
from goldrun.serve.concurrency import Concurrency
from goldrun.serve.config_delivery import ConfigDelivery
from goldrun.serve.endings import Endings
from goldrun.serve.fleet import Fleet
from goldrun.serve.intake import Intake
from goldrun.serve.launching import Launching
from goldrun.serve.ledger import Ledger
from goldrun.serve.listener import Listener
from goldrun.serve.notices import Notices
from goldrun.serve.observer import Observer
from goldrun.serve.orphan_registrations import OrphanRegistrations
from goldrun.serve.parking import Parking
from goldrun.serve.preparation import Preparation
from goldrun.serve.prices import Prices
from goldrun.serve.quota import Quota
from goldrun.serve.reruns import Reruns
from goldrun.serve.retries import Retries
from goldrun.serve.roster import Roster
from goldrun.serve.scale_set_spec import ScaleSetSpec
from goldrun.serve.shares import Shares
from goldrun.serve.worker import Worker


@dataclass(frozen=True)
class Common:
    """What all scale sets of a server share.

    Attributes:
        quota: what the account may run.
        breaker: offers that are left out.
        shares: what each scale set needs.
        ledger: what each spends.
        prices: what machines cost.
    """

    quota: Quota
    breaker: Breaker = field(default_factory=Breaker)
    shares: Shares = field(default_factory=Shares)
    ledger: Ledger = field(default_factory=Ledger)
    prices: Prices = field(default_factory=Prices)


def build_worker(
    client: EcsClient,
    github: GitHub,
    spec: ScaleSetSpec,
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
    listener = Listener(ActionsService(github, spec.scope), spec, owner, report)
    fleet = Fleet(client, spec)
    retries = Retries(spec.name, client.clock, report)
    hands = ConfigDelivery(client, listener.service, spec, observer, retries, read_proxy(env))
    roster = Roster(fleet, hands)
    prepare = Preparation(client, github, spec, env, report, observer)
    group = spec.network.security_group or variables.SECURITY_GROUP.read(env)
    best = BestOffer(client, prepare, cache)
    budget = Budget(client, roster, common.ledger, common.prices, observer, group, best)
    cleanup = Cleanup(client, listener.service, roster, prepare, report, best, common.prices, observer)
    concurrency = Concurrency(client, spec.profile)
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
            Admission(github, spec.profile),
            concurrency,
            Notices(github, spec.name, report),
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
        cleanup=cleanup,
        parking=Parking(client, roster, cleanup, prepare, report, observer),
        budget=budget,
        quota=common.quota,
        shares=common.shares,
        endings=Endings(client, roster, concurrency, cleanup, Reruns(github, report), common.breaker, observer, report),
        orphans=OrphanRegistrations(client, listener.service, spec, report),
        observer=observer,
        retries=retries,
    )
