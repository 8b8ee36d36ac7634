"""The spot market: prices, stock and reclaim rates of every instance type in every zone, at every moment.

Everything is computed from a seed and the time: the same seed makes the same market, nothing runs in the background,
and the past can be read as well as the present. A scenario changes the market from its beginning.
"""

from __future__ import annotations

import math
from functools import lru_cache
from hashlib import blake2b
from typing import Literal, get_args

import msgspec

from local_cloud.instance_types import InstanceType

Scenario = Literal["calm", "stock-out", "price-spike", "reclaim-wave"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
PRICE_SECONDS = 3600.0  # prices change by the hour
STOCK_SECONDS = 1800.0
FLOOR = 0.1  # spot prices go down to a tenth of the list price
NOTICE_SECONDS = 300.0
PROTECTED_SECONDS = 3600.0  # SpotDuration=1
UNPROTECTED = 0.95  # the price with SpotDuration=0, as a share of the price with protection: assumed
PLENTY = 450  # instances of a type in a zone, without scarcity
HORIZON_HOURS = 96
NEVER = 9e15  # JSON has no infinity
# Upper bounds of the bands that DescribeSpotAdvice reports, and their share of all offers.
RATES = ((0.03, 0.55), (0.05, 0.75), (0.10, 0.9), (0.20, 0.97), (0.30, 1.0))


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """The market's settings.

    Attributes:
        seed: the seed of all random values.
        scarcity: the share of offers that are sold out at any time.
        phantoms: the share of offers that are reported in stock but are sold out.
        scenario: the scenario.
        since: when the scenario began.
        zones: the zones that it affects; empty: all.
    """

    seed: int = 1
    scarcity: float = 0.25
    phantoms: float = 0.03
    scenario: Scenario = "calm"
    since: float = 0.0
    zones: tuple[str, ...] = ()

    def chance(self, *words: object) -> float:
        """Return a number from 0 to 1 that is always the same for the same words."""
        return _chance(self.seed, *words)

    def affects(self, scenario: Scenario, zone: str, now: float) -> bool:
        """Return whether a scenario affects a zone."""
        return self.scenario == scenario and now >= self.since and (not self.zones or zone in self.zones)


@lru_cache(maxsize=200_000)
def _chance(*words: object) -> float:
    digest = blake2b(" ".join(map(str, words)).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


def sold_in(market: Market, kind: InstanceType, zone: str) -> bool:
    """Return whether a zone sells the type at all, in stock or not."""
    return market.chance("sold", kind.family, zone) < 0.8


def disks_in(market: Market, kind: InstanceType, zone: str) -> tuple[str, ...]:
    """Return the system disk categories that the type can have in the zone: not all of them everywhere."""
    kept = [disk for disk in kind.disks if market.chance("disk", disk, kind.family, zone) < 0.85]
    return tuple(kept) or kind.disks[:1]


def average_discount(market: Market, kind: InstanceType, zone: str) -> float:
    """Return the average spot price, as a share of the list price."""
    return FLOOR + 0.5 * market.chance("discount", kind.id, zone) ** 2


def spot_price(market: Market, kind: InstanceType, zone: str, now: float, *, protected: bool = True) -> float:
    """Return the price per hour, rounded to 0.001 CNY, as of the last full hour; less without a protected hour."""
    hour = now // PRICE_SECONDS
    mean = average_discount(market, kind, zone)
    swing = 0.35 * mean * market.chance("swing", kind.id, zone)
    phase = market.chance("phase", kind.id, zone)
    day = math.sin(2 * math.pi * (hour / 24 + phase))
    jitter = 2 * market.chance("jitter", kind.id, zone, hour) - 1
    discount = mean + swing * (0.6 * day + 0.4 * jitter)
    # Prices follow the previous hour: a scenario affects them from the next full hour.
    if market.affects("price-spike", zone, hour * PRICE_SECONDS):
        discount *= 2.5 + market.chance("spike", kind.id, zone)
    return round(kind.price * min(1.0, max(FLOOR, discount)) * (1.0 if protected else UNPROTECTED), 3)


def reported_stock(market: Market, kind: InstanceType, zone: str, now: float) -> int:
    """Return how many instances could be started, were none running, as DescribeAvailableResource reports it."""
    if not sold_in(market, kind, zone):
        return 0
    scarcity = max(market.scarcity, 0.93) if market.affects("stock-out", zone, now) else market.scarcity
    span = now // STOCK_SECONDS
    if market.chance("stock", kind.id, zone, span) < scarcity:
        return 0
    if not scarcity:
        return PLENTY
    return 2 + int(200 * market.chance("units", kind.id, zone, span) / max(1, kind.cpus / 8))


def spot_stock(market: Market, kind: InstanceType, zone: str, now: float) -> int:
    """Return the real stock: some of the reported stock does not exist."""
    phantom = market.chance("phantom", kind.id, zone, now // STOCK_SECONDS) < market.phantoms
    return 0 if phantom else reported_stock(market, kind, zone, now)


def on_demand_stock(market: Market, kind: InstanceType, zone: str, now: float) -> int:
    """Return the stock at the list price: rarely sold out, and never without scarcity."""
    sold_out = market.chance("on-demand", kind.id, zone, now // STOCK_SECONDS) < min(0.02, market.scarcity)
    return 0 if sold_out or not sold_in(market, kind, zone) else PLENTY


def reclaim_rate(market: Market, kind: InstanceType, zone: str) -> float:
    """Return the share of instances that are reclaimed within a day, as the upper bound of its band."""
    chance = market.chance("rate", kind.id, zone)
    return next(rate for rate, share in RATES if chance <= share)


def reclaim_moment(
    market: Market, kind: InstanceType, zone: str, instance_id: str, *, created: float, protected: bool, limit: float
) -> float:
    """Return when a spot instance is reclaimed; ``NEVER`` if not within the horizon.

    It is reclaimed at random, at the offer's rate; when the price rises above its limit; or in a wave.
    """
    earliest = created + (PROTECTED_SECONDS if protected else 0.0)
    rate = -math.log(1 - reclaim_rate(market, kind, zone)) / 86400.0
    by_chance = earliest - math.log(1 - market.chance("reclaim", instance_id)) / rate
    first = math.ceil(earliest / PRICE_SECONDS)
    by_price = next(
        (
            hour * PRICE_SECONDS + NOTICE_SECONDS
            for hour in range(first, first + HORIZON_HOURS if limit < kind.price else first)
            if spot_price(market, kind, zone, hour * PRICE_SECONDS, protected=protected) > limit
        ),
        NEVER,
    )
    by_wave = NEVER
    if market.scenario == "reclaim-wave" and (not market.zones or zone in market.zones) and created <= market.since:
        by_wave = max(earliest, market.since) + NOTICE_SECONDS + 600.0 * market.chance("wave", instance_id)
    return min(by_chance, by_price, by_wave)
