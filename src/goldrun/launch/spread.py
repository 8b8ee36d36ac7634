"""Spreads instances of one kind over types and zones, so that one reclaim wave or one sold-out offer does not hit all.

Only the best offers take part, and only those that cost little more than the best one. Which of them comes first
depends on the instance's key alone: processes that launch at the same time need not know of each other, and a repeated
launch tries the offers in the same order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice

from goldrun.launch.offers import Offer

PLACES = 6
FACTOR = 1.5  # the most that spreading may cost, over the best price
LEAST = 5  # from this many instances on, spreading is worth its price


def spread(offers: Iterable[Offer], key: str) -> Iterator[Offer]:
    """Yield the offers with the best ``PLACES`` in another order, which ``key`` determines."""
    rest = iter(offers)
    near: list[Offer] = []
    for offer in islice(rest, PLACES):
        if near and offer.price > FACTOR * near[0].price:
            yield from _shuffled(near, key)
            yield offer
            break
        near.append(offer)
    else:
        yield from _shuffled(near, key)
    yield from rest


def _shuffled(offers: Iterable[Offer], key: str) -> list[Offer]:
    """Return the offers by rendezvous hashing: each key has its own order, and each place its share of the keys."""
    return sorted(offers, key=lambda offer: hashlib.sha256(f"{key} {offer.type} {offer.zone}".encode()).digest())
