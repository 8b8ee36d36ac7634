"""Throttling as the real API does it: an action that is throttled in one minute is open again in the next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import pytest
from msgspec.structs import replace as replaced

from goldrun.cloud.errors import ThrottledError
from goldrun.http.transport import HttpTransport
from goldrun.launch.acquire import acquire, find_offers
from goldrun.launch.launch import Launched
from local_cloud.errors import ApiFault
from local_cloud.limits import Limits
from local_cloud.records import Instance
from tests.conftest import NOW, Running
from tests.simulation.test_launch import launch_settings, set_market
from tests.virtual_time import Wall

MINUTE = 60.0


class Together:
    """A clock for many at once: its time moves on when all of them wait."""

    def __init__(self, wall: Wall, count: int) -> None:
        self.wall, self.busy = wall, count
        self.wakes: list[float] = []
        self.changed = threading.Condition()

    def now(self) -> float:
        return self.wall.value

    def sleep(self, seconds: float) -> None:
        with self.changed:
            wake = self.wall.value + seconds
            self.wakes.append(wake)
            self._rest()
            self.changed.wait_for(lambda: self.wall.value >= wake)
            self.wakes.remove(wake)
            self.busy += 1

    def run(self, work: Callable[[int], Launched], number: int) -> Launched:
        try:
            return work(number)
        finally:
            with self.changed:
                self._rest()

    def _rest(self) -> None:
        self.busy -= 1
        if self.busy == 0 and self.wakes:
            self.wall.value = max(self.wall.value, min(self.wakes))
            self.changed.notify_all()


def limit(running: Running, per_minute: int) -> None:
    running.cloud.store.put(replaced(running.cloud.store.settings(), calls_per_minute=per_minute))


def refused(limits: Limits, whose: tuple[str, str, str], now: float) -> bool:
    try:
        limits.admit(whose, 0.0, 3, now)
    except ApiFault as fault:
        return fault.code == "Throttling.User"
    return False


def test_limits_per_minute_count_by_account_region_and_action() -> None:
    limits = Limits()
    whose = ("1", "cn-hangzhou", "RunInstances")
    assert [refused(limits, whose, MINUTE + second) for second in (0, 30, 59, 59.5)] == [False, False, False, True]
    for other in (("2", *whose[1:]), ("1", "cn-beijing", whose[2]), (*whose[:2], "DescribeImages")):
        assert not refused(limits, other, MINUTE + 59.5)
    # Open again with the next minute of the clock, not sixty seconds later.
    assert not refused(limits, whose, 2 * MINUTE)


def test_a_throttled_call_outlasts_the_minute_by_default(frozen: Running) -> None:
    """Six tries were over after ten seconds."""
    limit(frozen, 1)
    frozen.wall.value = NOW - NOW % MINUTE
    client = frozen.client()
    client.call("DescribeRegions")
    client.call("DescribeRegions")
    assert MINUTE <= frozen.wall.value - (NOW - NOW % MINUTE) < 2 * MINUTE


def test_a_throttled_call_ends_with_the_time_that_the_user_sets(frozen: Running) -> None:
    limit(frozen, 1)
    frozen.wall.value = start = NOW - NOW % MINUTE
    client = frozen.client(timeout=20.0)
    client.call("DescribeRegions")
    with pytest.raises(ThrottledError, match=r"tried \d+ times") as caught:
        client.call("DescribeRegions")
    assert frozen.wall.value - start <= 20.0
    assert "GOLDRUN_TIMEOUT" in str(caught.value)


def test_two_hundred_launches_at_once_in_one_minute_succeed(frozen: Running) -> None:
    """Each a process of its own, that knows nothing of the others; 100 launches a minute are allowed."""
    set_market(frozen)
    frozen.wall.value = start = NOW - NOW % MINUTE + 5
    offers = tuple(islice(find_offers(frozen.client(), launch_settings(frozen)), 10))
    wanted = launch_settings(frozen, candidates=offers)
    limit(frozen, 100)
    clock = Together(frozen.wall, 200)

    def work(number: int) -> Launched:
        transport = HttpTransport({}, clock)
        frozen.transports.append(transport)
        client = frozen.client(clock=clock, transport=transport)
        (made,) = acquire(client, replace(wanted, key=f"job {number}"))
        return made

    with ThreadPoolExecutor(200) as pool:
        made = list(pool.map(lambda number: clock.run(work, number), range(200)))
    assert len({one.ids for one in made}) == 200
    assert sum(1 for _ in frozen.cloud.store.all(Instance)) == 200
    assert MINUTE <= frozen.wall.value - start <= 3 * MINUTE


def test_one_regions_calls_are_not_anothers(frozen: Running) -> None:
    limit(frozen, 1)
    client = frozen.client()
    client.call("DescribeImages")
    client.call("DescribeImages", region="cn-beijing")
    assert client.calls == 2
    client.call("DescribeImages")
    assert client.calls > 3
