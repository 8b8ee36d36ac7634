"""Chooses offers with few calls.

Prices are had one type a call, so they are what counts. Few types are simply priced. Of many, advice (one call for all)
tells what each cost on the average; under ``cheapest`` they are then priced in that order until no type that is left
could hold a cheaper offer than the best one seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from goldrun.cloud.market import Advice, Place, Priced, Size
from goldrun.launch.market import Market, parallel
from goldrun.launch.offers import ANY, DEFAULT_POLICY, Criteria, Offer, rank

PRICED_AT_ONCE = 3  # priced side by side between two looks at what is left
SIMPLY_PRICED = 6  # so few types that were named are priced without asking for sizes and advice first
# What is assumed of prices that are not known yet, on the safe side. Spot instances are sold for a tenth of the list
# price at least ("Spot instances" in the ECS documentation), and for this part of their 30-day average; types of one
# family cost the same for each vCPU; list prices for a unit of size differ by less than this from family to family.
LOWEST_DISCOUNT = 0.1
LEAST_OF_AVERAGE = 0.6
LEAST_OF_UNIT = 0.65
WORTH_A_CALL = 1.05  # an offer that can be cheaper by less is not asked for


def choose(market: Market, criteria: Criteria, zones: Iterable[str], policy: str = DEFAULT_POLICY) -> Iterator[Offer]:
    """What can be had in these zones, the best first.

    Whoever asks for the next offer could not have the one before: what was not worth pricing beside that one may be so
    beside the next. Offers with the first disk category come first; the market is asked for the next category only when
    those are used up.
    """
    criteria = replace(
        criteria, zones=tuple(sorted(set(zones) & set(criteria.zones) if criteria.zones else set(zones)))
    )
    for disk in criteria.disks:
        for offer in _offers(market, criteria, market.stock(criteria, disk), policy):
            yield replace(offer, disks=(disk,))


def survey(market: Market, criteria: Criteria, policy: str = DEFAULT_POLICY) -> list[Offer]:
    """Every offer of the region with all that is known of it, the best first: for people to look at."""
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
    sizes = market.sizes(criteria) if stock and _goes_by_size(criteria, policy) else None
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


def _goes_by_size(criteria: Criteria, policy: str) -> bool:
    """Whether sizes matter; types that a person has named need no check of their architecture."""
    return (criteria.cpus, criteria.memory) != (ANY, ANY) or not criteria.types or policy != "cheapest"


def _by_need(
    market: Market,
    criteria: Criteria,
    stock: Mapping[Place, str],
    sizes: Mapping[str, Size],
    advice: Mapping[Place, Advice],
) -> Iterator[Offer]:
    """The offers from the cheapest on, each as soon as no type that is not priced yet can hold a cheaper one."""
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
    """What list prices can be at least, from those that are known."""

    def __init__(self) -> None:
        self._of_cpu: dict[str, float] = {}
        self._of_unit = math.inf

    def learn(self, name: str, size: Size, price: float) -> None:
        """A list price becomes known."""
        if size.cpus:
            self._of_cpu[_family(name)] = price / size.cpus
            self._of_unit = min(self._of_unit, price / size.units)

    def least(self, name: str, size: Size) -> float:
        """The least that a type's list price can be; 0 while nothing is known."""
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
    """The offers that are priced, and not too dear."""
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
