"""Spreading: which offers take part, and how evenly they are chosen."""

from __future__ import annotations

import itertools
from collections import Counter

from goldrun.launch.offers import Offer
from goldrun.launch.spread import FACTOR, PLACES, spread

NEAR = [Offer(f"ecs.t{number}", zone, 1.0 + number / 100) for number in range(2) for zone in ("z-a", "z-b")]
FAR = [Offer("ecs.far", "z-a", FACTOR + 0.01), Offer("ecs.farther", "z-a", 3.0)]


def test_every_offer_near_the_best_price_comes_first_for_its_share_of_the_keys() -> None:
    first = Counter(next(spread(NEAR + FAR, f"key {number}")) for number in range(400))
    assert set(first) == set(NEAR)
    assert min(first.values()) > 400 / len(NEAR) / 2


def test_the_same_key_gives_the_same_order_and_no_offer_is_lost() -> None:
    offers = list(spread(NEAR + FAR, "one"))
    assert offers == list(spread(NEAR + FAR, "one"))
    assert set(offers) == {*NEAR, *FAR}
    assert offers[len(NEAR) :] == FAR, "the dear ones keep their places"


def test_only_the_best_places_are_asked_for() -> None:
    """A price costs a call."""
    asked: list[int] = []

    def offers() -> object:
        for number in itertools.count():
            asked.append(number)
            yield Offer("ecs.t", f"z-{number}", 1.0)

    next(spread(offers(), "one"))  # type: ignore[arg-type]
    assert len(asked) == PLACES


def test_a_key_keeps_its_offer_while_another_one_sells_out() -> None:
    """Of a repeated launch, only one may have to move."""
    keys = [f"key {number}" for number in range(100)]
    before = {key: next(spread(NEAR, key)) for key in keys}
    after = {key: next(spread(NEAR[1:], key)) for key in keys}
    assert all(after[key] == before[key] for key in keys if before[key] != NEAR[0])


def test_no_offers_are_no_offers() -> None:
    assert list(spread([], "one")) == []
