"""Offers: ranges, ranking, price caps, sparklines."""

from __future__ import annotations

import math

import pytest

from goldrun.cli.spot import sparkline
from goldrun.cloud.network import VSwitch, zone_of_letter
from goldrun.errors import UsageError
from goldrun.launch.launch import price_limit
from goldrun.launch.offers import POLICIES, Offer, Span, parse_span, rank
from goldrun.launch.placement import by_zone

CHEAP = Offer("ecs.cheap", "z-a", 0.10, list_price=1.0, cpus=4, rate=0.20)
STEADY = Offer("ecs.steady", "z-a", 0.15, list_price=1.0, cpus=4, rate=0.03)
BIG = Offer("ecs.big", "z-a", 0.30, list_price=3.0, cpus=16, rate=0.10)


@pytest.mark.parametrize(
    ("text", "span"),
    [("8", Span(8, 8)), ("8..", Span(8)), ("..64", Span(0, 64)), ("8..64", Span(8, 64)), (" 0.5..2 ", Span(0.5, 2))],
)
def test_ranges(text: str, span: Span) -> None:
    assert parse_span(text, "vCPUs") == span


@pytest.mark.parametrize("text", ["", "..", "x", "8-64", "64..8", "-1", "0", "nan", "8...64", "1..2..3"])
def test_invalid_ranges(text: str) -> None:
    if text == "..":
        assert parse_span(text, "vCPUs") == Span()
        return
    with pytest.raises(UsageError, match="not a range"):
        parse_span(text, "vCPUs")


def test_a_range_holds_its_ends() -> None:
    assert 8 in Span(8, 16)
    assert 16 in Span(8, 16)
    assert 17 not in Span(8, 16)
    assert math.inf not in Span(0, 5)


@pytest.mark.parametrize(("policy", "best"), [("cheapest", CHEAP), ("steadiest", STEADY), ("balanced", BIG)])
def test_policies(policy: str, best: Offer) -> None:
    assert rank([BIG, STEADY, CHEAP], policy)[0] == best


def test_ties_go_to_the_lower_reclaim_rate_and_the_better_stock() -> None:
    risky = Offer("ecs.a", "z", 0.1, rate=0.3)
    safe = Offer("ecs.b", "z", 0.1, rate=0.03, stock="ClosedWithStock")
    plenty = Offer("ecs.c", "z", 0.1, rate=0.03)
    assert rank([risky, safe, plenty]) == [plenty, safe, risky]


def test_an_unknown_policy() -> None:
    with pytest.raises(UsageError, match="cheapest, balanced, steadiest"):
        rank([], "dearest")
    assert list(POLICIES) == ["cheapest", "balanced", "steadiest"]


@pytest.mark.parametrize(
    ("offer", "limit"),
    [
        (Offer("t", "z", 0.5, list_price=1.0), 0.6),
        (Offer("t", "z", 0.9, list_price=1.0), 1.0),
        (Offer("t", "z", 0.333, list_price=0.0), 0.4),
        (Offer("t", "z", 0.1234, list_price=0.1234), 0.124),
        (Offer("t", "z", 0.5, limit=0.77), 0.77),
        (Offer("t", "z", 1.0, spot=False), None),
    ],
)
def test_the_price_cap(offer: Offer, limit: float | None) -> None:
    assert price_limit(offer) == limit


@pytest.mark.parametrize(
    ("offer", "most", "limit"),
    [
        (Offer("t", "z", 0.19, list_price=1.0), 0.2, 0.2),
        (Offer("t", "z", 0.1, list_price=1.0), 0.2, 0.12),
        (Offer("t", "z", 0.5, limit=0.77), 0.7, 0.7),
        (Offer("t", "z", 0.5, limit=0.6), 0.7, 0.6),
        (Offer("t", "z", 0.0), 0.7, 0.7),
        (Offer("t", "z", 0.123, list_price=1.0), 0.1234567, 0.123),
        (Offer("t", "z", 1.0, spot=False), 0.5, None),
    ],
)
def test_a_highest_price_is_the_cap_too(offer: Offer, most: float, limit: float | None) -> None:
    """It only filtered offers: an instance could cost a fifth more."""
    assert price_limit(offer, most) == limit


def test_sparklines() -> None:
    assert sparkline((1.0, 2.0, 3.0)) == "▁▄█"
    assert sparkline((1.0, 1.0)) == "▄▄"
    assert sparkline(()) == ""


def test_zones_of_letters() -> None:
    assert zone_of_letter("cn-hangzhou", "K") == "cn-hangzhou-k"
    assert zone_of_letter("ap-southeast-1", "A") == "ap-southeast-1a"


def test_the_vswitch_with_most_free_addresses_represents_its_zone() -> None:
    some = [VSwitch("a", "z", free=5), VSwitch("b", "z", free=50), VSwitch("c", "y", free=1)]
    assert {zone: one.id for zone, one in by_zone(some).items()} == {"z": "b", "y": "c"}
