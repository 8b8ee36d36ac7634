"""Acquires instances: finds the best offers for the settings, and launches them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from goldrun.cloud.client import EcsClient
from goldrun.cloud.market import Cache
from goldrun.errors import UsageError
from goldrun.launch.choice import choose
from goldrun.launch.launch import Deliver, Launched, launch
from goldrun.launch.market import Market
from goldrun.launch.offers import ANY, Criteria, Offer
from goldrun.launch.placement import by_zone, find_vswitches
from goldrun.launch.settings import LaunchSettings
from goldrun.launch.spread import spread
from goldrun.report import Report


def acquire(
    client: EcsClient,
    settings: LaunchSettings,
    *,
    first: Iterable[Offer] = (),
    cache: Cache | None = None,
    report: Report = lambda _: None,
    deliver: Deliver = lambda _: None,
) -> list[Launched]:
    """Launch the instances from the best offers.

    Args:
        client: the cloud.
        settings: what is launched.
        first: offers that are tried before the market is read.
        cache: of what the market has answered.
        report: receives what is being done.
        deliver: see ``launch``.

    Raises:
        UsageError: no wanted zone has a vSwitch.
        GoldrunError: see ``launch``.
    """
    offers = find_offers(client, settings, cache, first=first)
    return launch(client, settings, offers, report=report, deliver=deliver)


def find_offers(
    client: EcsClient, settings: LaunchSettings, cache: Cache | None = None, *, first: Iterable[Offer] = ()
) -> Iterator[Offer]:
    """Yield ``first`` and the offers that match, best first; no call is made before its answer is needed."""
    offers = chain(first, _all_offers(client, settings, cache))
    return (offer for offer in offers if offer.kind not in settings.avoid)


def _all_offers(client: EcsClient, settings: LaunchSettings, cache: Cache | None) -> Iterator[Offer]:
    if settings.candidates:
        yield from _candidates(client, settings)
        return
    network, criteria = settings.network, settings.criteria
    zones = dict(network.zones)
    if not zones or network.vswitches:
        found = find_vswitches(client, ids=network.vswitches, vpc=network.vpc, security_group=network.security_group)
        zones |= {zone: vswitch.id for zone, vswitch in by_zone(found).items()}
    if criteria.zones and not zones.keys() & set(criteria.zones):
        raise UsageError(
            f"There is no vSwitch with a free address in {', '.join(criteria.zones)}.",
            why=[f"there are vSwitches in {', '.join(sorted(zones)) or 'no zone'}."],
            fix=["name one of these zones, or create a vSwitch there: goldrun setup --zone ZONE."],
        )
    market = Market(client, protected=settings.protected)
    best = choose(replace(market, cache=cache), criteria, zones, settings.policy)
    yield from _placed(spread(best, settings.key) if settings.spread else best, zones)
    if cache:
        # The cached offers gave no instance; fresh ones may.
        yield from _placed(choose(market, criteria, zones, settings.policy), zones)
    if settings.on_demand_fallback:
        yield from _placed(choose(market, _at_list_price(settings), zones), zones)


def _candidates(client: EcsClient, settings: LaunchSettings) -> Iterator[Offer]:
    """Yield the user's offers; then, if that is allowed, the same types in the same places at the list price."""
    yield from settings.candidates
    vswitches = {(one.type, one.zone): one.vswitch for one in settings.candidates if one.vswitch}
    if not settings.on_demand_fallback or not vswitches:
        return
    types = tuple(sorted({type_id for type_id, _ in vswitches}))
    criteria = replace(_at_list_price(settings), types=types, zones=(), cpus=ANY, memory=ANY)
    for offer in choose(Market(client), criteria, {zone for _, zone in vswitches}):
        if vswitch := vswitches.get((offer.type, offer.zone)):
            yield replace(offer, vswitch=vswitch)


def _at_list_price(settings: LaunchSettings) -> Criteria:
    return replace(settings.criteria, spot=False, max_price=settings.most_on_demand)


def describe_launch(launched: Launched) -> str:
    """Return what was launched and its price, in words."""
    count = f"{len(launched.ids)} × " if len(launched.ids) > 1 else ""
    offer = launched.offer
    if offer is None:
        return f"{count}{', '.join(launched.ids[:3])}: created by an earlier run with this key."
    price = f"{offer.price:.3f} {offer.currency} an hour" if offer.price else "price not known"
    if launched.limit is not None:
        price = f"{price}, at most {launched.limit:.3f}"
    if offer.saving > 0:
        price = f"{price}, {offer.saving:.0%} below the list price"
    return f"{count}{offer.type} in {offer.zone}: {price}."


def describe_offer(launched: Launched) -> dict[str, str]:
    """Return the offer that was launched, as outputs of a step; what is not known is left out."""
    offer = launched.offer
    if offer is None:
        return {}
    values = {
        "INSTANCE_TYPE": offer.type,
        "ZONE_ID": offer.zone,
        "VSWITCH_ID": offer.vswitch,
        "SPOT_PRICE_LIMIT": "" if launched.limit is None else f"{launched.limit:.3f}",
        "CPU_CORES": str(offer.cpus or ""),
    }
    return {name: value for name, value in values.items() if value}


def _placed(offers: Iterable[Offer], zones: Mapping[str, str]) -> Iterator[Offer]:
    return (replace(offer, vswitch=zones[offer.zone]) for offer in offers)
