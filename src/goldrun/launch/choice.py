"""Chooses offers with few calls.

Prices take one call per type, so they cost the most. If there are only a few types, all are priced. For many, the
market's advice (one call for all) gives average prices; under ``cheapest`` the types are priced in that order, until
none of the rest can hold a cheaper offer than the best one found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from goldrun.cloud.market import Advice, Place, Priced, Size
from goldrun.launch.market import Market, parallel
from goldrun.launch.offers import ANY, DEFAULT_POLICY, Criteria, Offer, rank

PRICED_AT_ONCE = 3  # priced in parallel, before the rest is compared again
SIMPLY_PRICED = 6  # up to this many named types are priced without reading sizes and advice first
# Assumptions about unknown prices, on the safe side. Spot instances cost at least a tenth of the list price ("Spot
# instances" in the ECS documentation), and at least this share of their 30-day average; types of one family cost the
# same per vCPU; list prices per unit of size differ by less than this between families.
LOWEST_DISCOUNT = 0.1
LEAST_OF_AVERAGE = 0.7
LEAST_OF_UNIT = 0.8
WORTH_A_CALL = 1.05  # a saving below this factor is not worth a call


def choose(market: Market, criteria: Criteria, zones: Iterable[str], policy: str = DEFAULT_POLICY) -> Iterator[Offer]:
    """Yield the offers in these zones, best first.

    A caller that requests the next offer could not use the previous one, so types that were not worth pricing before
    may be now. Offers with the first disk category come first; the next category is read only when those are used up.
    """
    criteria = replace(
        criteria, zones=tuple(sorted(set(zones) & set(criteria.zones) if criteria.zones else set(zones)))
    )
    for disk in criteria.disks if criteria.zones else ():  # to the market, no zones are all of them
        for offer in _offers(market, criteria, market.stock(criteria, disk), policy):
            yield replace(offer, disks=(disk,))


def survey(market: Market, criteria: Criteria, policy: str = DEFAULT_POLICY) -> list[Offer]:
    """Return every offer of the region with everything known about it, best first, for people to read."""
    disks: dict[Place, tuple[str, ...]] = {}
    stock: dict[Place, str] = {}
    for disk, found in zip(
        criteria.disks, parallel(lambda disk: market.stock(criteria, disk), criteria.disks), strict=True
    ):
        for place, state in found.items():
            disks[place] = (*disks.get(place, ()), disk)
            stock[place] = state
    sizes = market.sizes(criteria)
    stock = {place: state for place, state in stock.items() if place[0] in sizes}
    if not stock:
        return []
    names = {name for name, _ in stock}
    advice = market.advice(sizes[name] for name in names)
    offers = _build(stock, sizes, market.prices(names), advice, criteria)
    return rank((replace(offer, disks=disks[offer.type, offer.zone]) for offer in offers), policy)


def _offers(market: Market, criteria: Criteria, stock: dict[Place, str], policy: str) -> Iterator[Offer]:
    sizes = market.sizes(criteria) if stock and _depends_on_size(criteria, policy) else None
    if sizes is not None:
        stock = {place: state for place, state in stock.items() if place[0] in sizes}
    names = {name for name, _ in stock}
    if not names:
        return
    if policy == "cheapest" and len(names) <= (PRICED_AT_ONCE if sizes else SIMPLY_PRICED):
        yield from rank(_build(stock, sizes or {}, market.prices(names), {}, criteria), policy)
        return
    sizes = sizes if sizes is not None else market.sizes(replace(criteria, types=tuple(sorted(names))))
    advice = market.advice(sizes[name] for name in names if name in sizes) if criteria.spot else {}
    if policy == "cheapest" or not criteria.spot:
        yield from _by_need(market, criteria, stock, sizes, advice)
    else:
        yield from rank(_build(stock, sizes, market.prices(names), advice, criteria), policy)


def _depends_on_size(criteria: Criteria, policy: str) -> bool:
    """Return whether the choice depends on sizes; named types need no check of their architecture."""
    return (criteria.cpus, criteria.memory) != (ANY, ANY) or not criteria.types or policy != "cheapest"


def _by_need(
    market: Market,
    criteria: Criteria,
    stock: Mapping[Place, str],
    sizes: Mapping[str, Size],
    advice: Mapping[Place, Advice],
) -> Iterator[Offer]:
    """Yield offers, cheapest first, each as soon as no unpriced type can hold a cheaper one."""
    shares: dict[str, float] = {}
    for name, zone in stock:
        known = advice.get((name, zone))
        share = max(LOWEST_DISCOUNT, LEAST_OF_AVERAGE * known.discount) if known else LOWEST_DISCOUNT
        shares[name] = min(share, shares.get(name, share)) if criteria.spot else 1.0
    unpriced = sorted(shares, key=lambda name: (shares[name] * _size(sizes, name).units, name))
    lists = _ListPrices()
    waiting: list[Offer] = []
    while unpriced or waiting:
        best = waiting[0].price if waiting else math.inf
        worth = [
            name for name in unpriced if WORTH_A_CALL * shares[name] * lists.least(name, _size(sizes, name)) < best
        ]
        if not worth:
            yield waiting.pop(0)
            continue
        batch = worth[:PRICED_AT_ONCE]
        unpriced = [name for name in unpriced if name not in batch]
        prices = market.prices(batch)
        for name in batch:
            for series in prices[name].zones.values():
                lists.learn(name, _size(sizes, name), series.list_price)
        there = {place: state for place, state in stock.items() if place[0] in batch}
        waiting = rank([*waiting, *_build(there, sizes, prices, advice, criteria)], "cheapest")


class _ListPrices:
    """Lower bounds of list prices, from those that are known."""

    def __init__(self) -> None:
        self._of_cpu: dict[str, float] = {}
        self._of_unit = math.inf

    def learn(self, name: str, size: Size, price: float) -> None:
        """Take a list price into account."""
        if size.cpus:
            self._of_cpu[_family(name)] = price / size.cpus
            self._of_unit = min(self._of_unit, price / size.units)

    def least(self, name: str, size: Size) -> float:
        """Return the lower bound of a type's list price; 0 while nothing is known."""
        if _family(name) in self._of_cpu:
            return self._of_cpu[_family(name)] * size.cpus
        return 0.0 if math.isinf(self._of_unit) else LEAST_OF_UNIT * self._of_unit * size.units


def _family(name: str) -> str:
    return name.rpartition(".")[0]


def _size(sizes: Mapping[str, Size], name: str) -> Size:
    return sizes.get(name, Size())


def _build(
    stock: Mapping[Place, str],
    sizes: Mapping[str, Size],
    prices: Mapping[str, Priced],
    advice: Mapping[Place, Advice],
    criteria: Criteria,
) -> Iterator[Offer]:
    """Yield the offers that have a price within the limit."""
    for (name, zone), state in stock.items():
        series = prices[name].zones.get(zone) if name in prices else None
        if series is None:
            continue
        price = series.prices[-1] if criteria.spot else series.list_price
        if criteria.max_price is not None and price > criteria.max_price:
            continue
        size = sizes.get(name, Size())
        known = advice.get((name, zone))
        yield Offer(
            type=name,
            zone=zone,
            price=price,
            list_price=series.list_price,
            currency=prices[name].currency,
            cpus=size.cpus,
            memory=size.memory,
            architecture=size.architecture,
            rate=known.rate if known and criteria.spot else None,
            stock=state,
            trend=series.prices if criteria.spot else (),
            spot=criteria.spot,
        )
