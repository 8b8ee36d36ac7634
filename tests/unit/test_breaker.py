"""Which offers are left out, and for how long."""

from __future__ import annotations

from goldrun.serve.breaker import OUT_SECONDS, WITHIN_SECONDS, Breaker

PLACE, OTHER = ("ecs.c7.2xlarge", "cn-hangzhou-k"), ("ecs.c7.2xlarge", "cn-hangzhou-j")


def test_two_reclaims_within_a_quarter_of_an_hour_put_an_offer_out_for_half_an_hour() -> None:
    breaker = Breaker()
    assert not breaker.note(PLACE, 0.0)
    assert breaker.out(0.0) == frozenset()
    assert breaker.note(PLACE, WITHIN_SECONDS)
    assert breaker.out(WITHIN_SECONDS) == {PLACE}
    assert not breaker.note(PLACE, WITHIN_SECONDS + 1), "it is out already"
    assert breaker.out(WITHIN_SECONDS + OUT_SECONDS) == {PLACE}
    assert breaker.out(WITHIN_SECONDS + OUT_SECONDS + 2) == frozenset()


def test_reclaims_far_apart_or_of_different_offers_do_not_count_together() -> None:
    breaker = Breaker()
    assert not breaker.note(PLACE, 0.0)
    assert not breaker.note(PLACE, WITHIN_SECONDS + 1)
    assert not breaker.note(OTHER, WITHIN_SECONDS + 2)
    assert breaker.out(WITHIN_SECONDS + 3) == frozenset()
