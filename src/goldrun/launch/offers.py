"""Offers: an instance type in a zone at a price; criteria that select them, policies that rank them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from goldrun.errors import UsageError


class Span(NamedTuple):
    """A range of numbers, both ends included."""

    low: float = 0.0
    high: float = math.inf

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int | float) and self.low <= number <= self.high


ANY = Span()
DISKS = ("cloud_essd", "cloud_auto", "cloud_ssd", "cloud_efficiency")


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which offers match.

    Attributes:
        architecture: ``amd64`` or ``arm64``; empty: any.
        cpus: vCPUs.
        memory: GiB.
        types: only these instance types; empty: any.
        zones: only these zones; empty: any.
        max_price: the maximum price per hour; None: any price.
        disks: system disk categories, the best first; each is tried when the previous one has no offers left.
        spot: False: instances at the list price.
    """

    architecture: str = ""
    cpus: Span = ANY
    memory: Span = ANY
    types: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    max_price: float | None = None
    disks: tuple[str, ...] = DISKS
    spot: bool = True


class OfferKind(NamedTuple):
    """What is sold out, reclaimed or priced, with any disk: an instance type in a zone, as a spot instance or not."""

    type: str
    zone: str
    spot: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """An instance type in a zone.

    Attributes:
        type: the instance type.
        zone: the zone.
        price: its price per hour, now.
        list_price: the price without the spot discount.
        currency: of both, e.g. ``CNY``.
        cpus: vCPUs; 0: not known.
        memory: GiB; 0: not known.
        architecture: ``amd64`` or ``arm64``; empty: not known.
        rate: the share of instances of it that are reclaimed; None: not known.
        stock: as DescribeAvailableResource reports it: ``WithStock``, or ``ClosedWithStock`` when little is left.
        disks: system disk categories that it can have, as far as they were read.
        trend: its prices of the last hours, oldest first.
        spot: False: at the list price.
        vswitch: where an instance would be placed; empty: not known yet.
        limit: the price limit per hour that the user set; None: computed from the price.
    """

    type: str
    zone: str
    price: float
    list_price: float = 0.0
    currency: str = "CNY"
    cpus: int = 0
    memory: float = 0.0
    architecture: str = ""
    rate: float | None = None
    stock: str = "WithStock"
    disks: tuple[str, ...] = ()
    trend: tuple[float, ...] = ()
    spot: bool = True
    vswitch: str = ""
    limit: float | None = None

    @property
    def kind(self) -> OfferKind:
        """What is sold out or reclaimed."""
        return OfferKind(self.type, self.zone, self.spot)

    @property
    def price_per_cpu(self) -> float:
        """The price of one vCPU per hour."""
        return self.price / self.cpus if self.cpus else 0.0

    @property
    def saving(self) -> float:
        """How far the price is below the list price, from 0 to 1."""
        return 1 - self.price / self.list_price if self.list_price else 0.0


Key = Callable[[Offer], tuple[float | str, ...]]


def _rate(offer: Offer) -> float:
    return 0.0 if offer.rate is None else offer.rate


def _cheapest(offer: Offer) -> tuple[float | str, ...]:
    return offer.price, _rate(offer), offer.stock != "WithStock", offer.type, offer.zone


def _steadiest(offer: Offer) -> tuple[float | str, ...]:
    return _rate(offer), offer.stock != "WithStock", offer.price, offer.type, offer.zone


def _balanced(offer: Offer) -> tuple[float | str, ...]:
    # A reclaimed job runs again: on average it is paid for 1 / (1 - rate) times.
    paid = (offer.price_per_cpu or offer.price) / max(0.05, 1 - _rate(offer))
    return paid, offer.stock != "WithStock", offer.price, offer.type, offer.zone


POLICIES: dict[str, Key] = {"cheapest": _cheapest, "balanced": _balanced, "steadiest": _steadiest}
DEFAULT_POLICY = "cheapest"


def rank(offers: Iterable[Offer], policy: str = DEFAULT_POLICY) -> list[Offer]:
    """Return the offers, the best first.

    Raises:
        UsageError: the policy is not valid.
    """
    if policy not in POLICIES:
        raise UsageError(f"{policy!r} is not a policy.", fix=[f"use one of: {', '.join(POLICIES)}"])
    return sorted(offers, key=POLICIES[policy])


@lru_cache  # serve asks for the same few in each of its steps
def parse_span(text: str, what: str) -> Span:
    """Parse ``8`` (exactly), ``8..`` (at least), ``..64`` (at most) or ``8..64``.

    Args:
        text: the range.
        what: what it is a range of, for the message.

    Raises:
        UsageError: it is not a range, or an empty one.
    """
    low, dots, high = text.strip().partition("..")
    try:
        span = Span(float(low or 0), float(high or math.inf) if dots else float(low))
    except ValueError:
        span = Span(1, 0)
    if not text.strip() or not 0 <= span.low <= span.high or span.high <= 0 or not math.isfinite(span.low):
        raise UsageError(f"{text!r} is not a range of {what}.", fix=["for example 8, 8.., ..64 or 8..64."])
    return span
