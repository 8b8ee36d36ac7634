"""A request is held until it has helped, and ends if it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from goldrun.serve.yield_request import ASKED_SECONDS, VAIN_SECONDS, YieldRequest
from tests.virtual_time import FakeClock


@pytest.fixture
def clock(fake_clock: Callable[[], FakeClock]) -> FakeClock:
    return fake_clock()


def test_what_was_given_up_is_asked_for_until_it_is_launched(clock: FakeClock) -> None:
    asked = YieldRequest(clock)
    assert asked.demand(2, 0, 0, 2, for_quota=True) == 2
    assert asked.demand(2, 0, 0, 0, for_quota=True) == 2, "given up, and not launched yet"
    assert asked.demand(1, 0, 1, 0, for_quota=True) == 1
    asked.withdraw()
    assert asked.demand(1, 0, 1, 0, for_quota=True) == 0, "nobody has anything to give"


def test_in_vain_it_ends_for_an_hour(clock: FakeClock) -> None:
    asked = YieldRequest(clock)
    while asked.demand(1, 0, 3, 1, for_quota=True):
        clock.sleep(10.0)
    assert ASKED_SECONDS < clock.wall.value - 1_795_000_000.0 < ASKED_SECONDS + 20.0
    assert asked.vain
    clock.sleep(VAIN_SECONDS + 1)
    assert asked.demand(1, 0, 3, 1, for_quota=True) == 1


def test_one_that_helps_each_time_is_never_vain(clock: FakeClock) -> None:
    asked = YieldRequest(clock)
    for _ in range(20):
        assert asked.demand(1, 0, 0, 1, for_quota=True) == 1
        clock.sleep(100.0)
        asked.all_launched(1)
        asked.withdraw()
        clock.sleep(100.0)


def test_a_replacement_of_ones_own_machine_has_not_helped(clock: FakeClock) -> None:
    asked = YieldRequest(clock)
    for _ in range(40):
        asked.demand(2, 0, 4, 2, for_quota=True)
        clock.sleep(10.0)
        asked.all_launched(4)
    assert asked.vain


def test_after_a_type_was_sold_out_jobs_ask_and_the_pool_does_not(clock: FakeClock) -> None:
    asked = YieldRequest(clock)
    asked.sold_out()
    assert asked.demand(0, 2, 0, 2, for_quota=False) == 0
    assert asked.demand(1, 2, 0, 1, for_quota=False) == 1
    asked.launched()
    assert asked.demand(0, 2, 0, 2, for_quota=False) == 2


def test_it_says_whether_it_is_for_the_quota_alone(clock: FakeClock) -> None:
    asked = YieldRequest(clock)
    asked.demand(1, 0, 0, 1, for_quota=True)
    assert asked.for_quota
    asked.demand(3, 0, 0, 3, for_quota=False)
    assert not asked.for_quota
