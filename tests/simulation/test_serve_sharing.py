"""Several scale sets, and several servers: what one has, or has lost, keeps nothing from the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from goldrun.errors import UnavailableError
from goldrun.serve.assembly import Common
from goldrun.serve.config import Cost, Limits
from goldrun.serve.observer import Observer
from goldrun.serve.quota import Quota
from goldrun.serve.scale_set_spec import ScaleSetSpec
from goldrun.serve.server import Server
from goldrun.serve.shares import Claim
from tests.conftest import Running
from tests.simulation.played import Played
from tests.simulation.serving import (
    alive,
    all_done,
    jobs_of,
    promised,
    queue,
    scale_set_spec,
    serve,
    together,
)

HOUR = 3600.0
ZONE = ("cn-hangzhou-k",)  # one place, one price


def test_jobs_beyond_the_limit_of_all_wait_in_githubs_queue(cloud: Running, played: Played) -> None:
    """They were accepted; GitHub ends a job that no runner takes after three assignments."""
    played.seconds = 900.0
    server = serve(cloud, limits=Limits(max_runners=2))
    queue(cloud, 8)
    server.run(3 * HOUR, until=lambda: all_done(cloud), pace=2.0)
    assert [one.conclusion for one in jobs_of(cloud)] == ["success"] * 8


def test_two_sets_that_launch_at_the_same_time_stay_within_their_budget(cloud: Running, played: Played) -> None:
    """Each read what is left before the other one's launch was in the ledger."""
    played.seconds = 1700.0
    common, limits = Common(Quota(lambda _: None)), Limits(max_cost=Cost(day=0.5))
    one = serve(cloud, common=common, limits=limits, zones=ZONE)
    two = serve(cloud, common=common, limits=limits, zones=ZONE, label="other")
    together(5, one, two)
    queue(cloud, 4)
    queue(cloud, 4, label="other")
    inner = one.worker.client._transport
    busy: list[bool] = []

    class Meanwhile:
        """The other set's thread is at work during a launch."""

        def send(self, endpoint: Any, method: str, target: str, headers: Mapping[str, str], *more: Any) -> Any:
            if headers.get("x-acs-action") == "RunInstances" and not busy:
                busy.append(True)
                two.free.clear()
                two.step()
            return inner.send(endpoint, method, target, headers, *more)

        def close(self) -> None:
            inner.close()

    one.worker.client._transport = Meanwhile()
    together(60, one, two)
    assert promised(cloud) <= 0.5


def test_two_servers_share_the_budget_of_all(cloud: Running, played: Played) -> None:
    """Each has the session of one set, as two copies of a server may; neither knew what the other had promised."""
    played.seconds = 1700.0
    limits = Limits(max_cost=Cost(day=0.5))
    one = serve(cloud, owner="one", limits=limits, zones=ZONE)
    two = serve(cloud, owner="two", limits=limits, zones=ZONE, label="other")
    queue(cloud, 4)
    queue(cloud, 4, label="other")
    together(150, one)  # its count is in the tag since two minutes
    together(200, one, two)
    assert promised(cloud) <= 0.5


@pytest.mark.parametrize("limits", [Limits(max_cost=Cost(day=0.4)), Limits(max_runners=2)])
def test_a_set_that_has_ended_keeps_nothing_from_the_others(cloud: Running, played: Played, limits: Limits) -> None:
    """Its machines' reservation and its claim stayed for ever: what it had at its last look."""
    played.idle = 1e9
    common = Common(Quota(lambda _: None))
    ends = serve(cloud, common=common, limits=limits, zones=ZONE, min_idle=2)
    other = serve(cloud, common=common, limits=limits, zones=ZONE, label="other")
    together(100, ends, other)
    assert len(alive(cloud)) == 2
    common.shares.leave(ends.worker.listener.spec)  # as Server.serve does
    ends.worker.retiring = True
    together(300, ends, other, until=lambda: ends.worker.retired)
    assert ends.worker.retired
    queue(cloud, 1, label="other")
    together(1800, other, until=lambda: all_done(cloud))
    assert all_done(cloud), other.said


def test_a_set_that_another_server_has_taken_over_keeps_nothing_from_the_others(cloud: Running, played: Played) -> None:
    played.seconds = 1200.0
    common, limits = Common(Quota(lambda _: None)), Limits(max_cost=Cost(day=0.7))
    lost = serve(cloud, common=common, limits=limits, zones=ZONE)
    other = serve(cloud, common=common, limits=limits, zones=ZONE, label="other")
    taker = serve(cloud, owner="two", limits=limits, zones=ZONE)
    queue(cloud, 3)
    together(100, lost, other)
    assert len(alive(cloud)) == 3
    together(200, taker, other)  # the first one's network pauses
    together(2000, lost, taker, other)
    assert all_done(cloud)
    assert not alive(cloud)
    assert not lost.worker.listener.leads
    queue(cloud, 1, label="other")
    together(1800, lost, taker, other, until=lambda: all_done(cloud))
    assert all_done(cloud), other.said


@pytest.mark.parametrize("why", [{"max_cost": Cost(day=0.001)}, {"max_price": 0.001}])
def test_a_set_that_cannot_launch_keeps_no_place_from_others(
    cloud: Running, played: Played, why: dict[str, Any]
) -> None:
    common, limits = Common(Quota(lambda _: None)), Limits(max_runners=4)
    low = serve(cloud, common=common, limits=limits, label="low")
    high = serve(cloud, common=common, limits=limits, label="high", priority=10, min_idle=4, **why)
    together(100, low, high)
    assert not alive(cloud)
    queue(cloud, 1, label="low")
    together(1800, low, high, until=lambda: all_done(cloud))
    assert all_done(cloud), low.said


def test_the_price_of_one_zone_does_not_stand_for_those_of_the_others(cloud: Running, played: Played) -> None:
    """Another set's launch made all prices of its type current: machines in other zones had none for ten minutes."""
    played.seconds = 1700.0
    first = serve(cloud, zones=("cn-hangzhou-j",), max_cost=Cost(day=5.0))
    queue(cloud, 3)
    first.run(60)
    assert len(alive(cloud)) == 3
    common = Common(Quota(lambda _: None))
    other = serve(cloud, owner="two", common=common, zones=ZONE, label="other")
    queue(cloud, 1, label="other")
    other.run(130)  # the first one's session ends
    second = serve(cloud, owner="two", common=common, zones=("cn-hangzhou-j",), max_cost=Cost(day=5.0))
    together(20, second, other)
    (key,) = (key for key in common.ledger._reserved if key.startswith("Spent.ubuntu-spot."))
    assert common.ledger._reserved[key] > 0.3


class Leavers(Observer):
    def __init__(self) -> None:
        self.left_so_far: list[ScaleSetSpec] = []

    def left(self, spec: ScaleSetSpec) -> None:
        self.left_so_far.append(spec)


@pytest.mark.parametrize("retries", [60.0, 0.1])
def test_a_set_that_has_changed_claims_nothing_after_its_end(monkeypatch: pytest.MonkeyPatch, retries: float) -> None:
    """Its last step was underway, or longer than it was waited for; its claim stayed for ever beside the new one."""
    monkeypatch.setattr("goldrun.serve.server.END_SECONDS", retries)
    began = threading.Event()

    def build(client: Any, github: Any, spec: Any, env: Any, *, common: Common, **more: Any) -> Any:
        def tick() -> None:
            began.set()
            time.sleep(0.3)  # it asks the cloud
            common.shares.claim(spec, Claim(2), 0.0)

        listener = SimpleNamespace(
            connected=True, waits=False, leads=True, spec=spec, poll=lambda _: None, close=lambda: None
        )
        return SimpleNamespace(tick=tick, listener=listener, capacity=1, retiring=False, retired=False)

    monkeypatch.setattr("goldrun.serve.server.build_worker", build)
    closing: Any = SimpleNamespace(close=lambda: None)
    watching = Leavers()
    server = Server(lambda _: (closing, closing), {}, owner="one", report=print, observer=watching)
    limits = Limits(max_runners=4)
    before, after = scale_set_spec(min_idle=1, limits=limits), scale_set_spec(min_idle=2, limits=limits)
    server.serve([before])
    assert began.wait(5)
    server.serve([after])
    time.sleep(0.5)
    server.tidy()
    claims = set(server._common.shares._claims)
    server.stop()
    assert claims == {after}
    assert watching.left_so_far == [before]


def test_a_profile_that_another_server_has_is_not_ended_here(cloud: Running, played: Played) -> None:
    """It was moved to that one's configuration; when that one was restarted, its set was ended under it."""
    played.seconds = 1700.0
    moved = serve(cloud, owner="two", min_idle=1)
    moved.run(60, until=lambda: len(alive(cloud)) == 1)
    old = serve(cloud, owner="one")
    together(20, moved, old)
    old.worker.retiring = True
    queue(cloud, 1)
    together(60, moved, old)
    assert jobs_of(cloud)[0].status == "in_progress"
    moved.worker.listener.close()  # it is restarted
    for _ in range(30):
        if not old.worker.retired:  # as Server.tidy does
            old.step()
        old.clock.sleep(1.0)
    again = serve(cloud, owner="two", min_idle=1)
    queue(cloud, 1)
    for _ in range(600):
        together(1, again, *[one for one in (old,) if not one.worker.retired])
    assert jobs_of(cloud)[1].status != "queued"


@pytest.mark.parametrize(("slow", "fast"), [(1, 1), (1, 5), (1, 9), (3, 1)])
def test_the_more_important_set_is_served_first_however_seldom_it_looks(
    cloud: Running, played: Played, slow: int, fast: int
) -> None:
    """The other one has a backlog, and looks every ``slow`` seconds; the more important one every ``fast`` ones."""
    played.seconds = 120.0
    common, limits = Common(Quota(lambda _: None)), Limits(max_runners=2)
    low = serve(cloud, common=common, limits=limits, label="low")
    high = serve(cloud, common=common, limits=limits, label="high", priority=10)
    most = 0

    def both(seconds: int, numbers: list[str]) -> list[float]:
        nonlocal most
        for second in range(seconds):
            if second % slow == 0:
                low.step()
            if second % fast == fast - 1:
                high.step()
            low.clock.sleep(1.0)
            most = max(most, len(alive(cloud)))
            found = [job.started for job in jobs_of(cloud) if job.id in numbers]
            if found and all(found):
                return found
        return []

    queue(cloud, 20, label="low")
    both(100, [])
    begin = cloud.wall.value
    started = both(3600, queue(cloud, 3, label="high"))
    assert started
    assert max(started) - begin < 400
    assert most <= 2


def test_what_the_quota_refuses_keeps_no_place_from_another_set(cloud: Running, played: Played) -> None:
    cloud.cloud.store.put(replace(cloud.cloud.store.settings(), cpu_quota=8))
    common, limits = Common(Quota(lambda _: None)), Limits(max_runners=2)
    large = serve(cloud, common=common, limits=limits, label="large", min_idle=2, types=("ecs.c7.4xlarge",), cpu="16")
    other = serve(cloud, common=common, limits=limits, label="other")
    together(60, large, other)
    queue(cloud, 1, label="other")
    together(1800, large, other, until=lambda: all_done(cloud))
    assert all_done(cloud), other.said


def test_idle_machines_give_way_to_a_more_important_set_within_a_common_budget(cloud: Running, played: Played) -> None:
    played.idle = 1e9
    common, limits = Common(Quota(lambda _: None)), Limits(max_runners=2, max_cost=Cost(day=0.35))
    low = serve(cloud, common=common, limits=limits, label="low", min_idle=2, zones=ZONE, life="8h")
    high = serve(cloud, common=common, limits=limits, label="high", priority=10, min_idle=1, zones=ZONE, life="8h")
    together(100, low)
    assert len(alive(cloud)) == 2
    together(900, low, high, until=lambda: bool(high.worker.fleet.machines))
    assert high.worker.fleet.machines


def test_machines_of_another_server_count_with_the_longest_job_of_their_own_set(cloud: Running, played: Played) -> None:
    played.seconds = 500.0
    limits = Limits(max_cost=Cost(day=3.0))
    short = serve(cloud, owner="one", limits=limits, label="short", zones=ZONE, longest_job="10m")
    queue(cloud, 4, label="short")
    together(130, short)
    long = serve(cloud, owner="two", limits=limits, label="long", zones=ZONE, longest_job="5h", life="8h")
    for one in (long, short):  # as Server.serve does, with the same configuration
        one.worker.budget.ledger.know([long.worker.listener.spec, short.worker.listener.spec])
    [number] = queue(cloud, 1, label="long")
    together(200, long, short)
    assert next(job.started for job in jobs_of(cloud) if job.id == number), long.said


@pytest.mark.parametrize("priority", [-10, 0, 10])
def test_a_set_whose_machines_the_common_budget_does_not_hold_keeps_no_place_from_others(
    cloud: Running, played: Played, priority: int
) -> None:
    """Each claim was granted, and counted as machines, though none was launched."""
    common, limits = Common(Quota(lambda _: None)), Limits(max_runners=2, max_cost=Cost(day=0.5))
    other = serve(cloud, common=common, limits=limits, label="other", zones=ZONE)
    more: dict[str, Any] = {"priority": priority, "min_idle": 2, "longest_job": "5h", "life": "8h"}
    dear = serve(cloud, common=common, limits=limits, label="dear", zones=ZONE, **more)
    together(60, dear, other)
    assert not alive(cloud)
    queue(cloud, 1, label="other")
    together(1800, dear, other, until=lambda: all_done(cloud))
    assert all_done(cloud), other.said


def test_offered_jobs_keep_no_more_places_than_their_profile_may_have(cloud: Running, played: Played) -> None:
    """The server was full for a while, and GitHub offers one more at each poll meanwhile."""
    played.seconds = 120.0
    common, limits = Common(Quota(lambda _: None)), Limits(max_runners=4)
    low = serve(cloud, common=common, limits=limits, label="low")
    high = serve(cloud, common=common, limits=limits, label="high", priority=10, max_runners=1)
    queue(cloud, 30, label="low")
    together(60, low, high)
    queue(cloud, 12, label="high")
    together(300, low, high)
    at_once = []
    for _ in range(600):
        together(1, low, high)
        at_once.append(len(alive(cloud)))
    assert sum(at_once) / len(at_once) > 2.5


def finished(cloud: Running, label: str) -> int:
    return sum(job.status == "completed" for job in jobs_of(cloud) if label in job.labels)


def test_offered_jobs_keep_no_place_while_their_set_cannot_launch(cloud: Running, played: Played) -> None:
    played.seconds = 60.0
    common, limits = Common(Quota(lambda _: None)), Limits(max_runners=2)
    low = serve(cloud, common=common, limits=limits, label="low")
    high = serve(cloud, common=common, limits=limits, label="high", priority=10, max_price=0.001)
    queue(cloud, 40, label="low")
    together(60, low, high)
    queue(cloud, 12, label="high")
    together(100, low, high)
    before = finished(cloud, "low")
    together(500, low, high)
    assert finished(cloud, "low") - before >= 6, high.said[-5:]


def test_a_set_whose_steps_fail_keeps_no_place_for_what_was_offered(cloud: Running, played: Played) -> None:
    played.seconds = 60.0
    common, limits = Common(Quota(lambda _: None)), Limits(max_runners=2)
    low = serve(cloud, common=common, limits=limits, label="low")
    high = serve(cloud, common=common, limits=limits, label="high", priority=10, max_cost=Cost(day=50.0))
    queue(cloud, 40, label="low")
    together(60, low, high)
    queue(cloud, 6, label="high")
    together(10, low, high)
    cloud.fault("error", "TagResources", times=None, code="NumberExceed.Tags", status=400)
    together(200, low, high)
    before = finished(cloud, "low")
    together(900, low, high)
    assert finished(cloud, "low") - before >= 6, high.said[-5:]


@pytest.mark.parametrize("every", [1, 5, 9])
def test_offered_jobs_keep_their_place_when_the_common_budget_is_full_too(
    cloud: Running, played: Played, every: int
) -> None:
    """Busy machines of a less important set held the places and the money; what was offered kept neither."""
    played.seconds = 120.0
    common, limits = Common(Quota(lambda _: None)), Limits(max_runners=2, max_cost=Cost(day=0.4))
    low = serve(cloud, common=common, limits=limits, label="low", zones=ZONE)
    high = serve(cloud, common=common, limits=limits, label="high", priority=10, zones=ZONE)
    queue(cloud, 20, label="low")
    together(100, low, high)
    assert len(alive(cloud)) == 2
    begin = cloud.wall.value
    [number] = queue(cloud, 1, label="high")
    for second in range(1500):
        together(1, low, *([high] if second % every == every - 1 else []))
        if started_at(cloud, number):
            break
    assert started_at(cloud, number)
    assert started_at(cloud, number) - begin < 400, high.said[-3:]


def started_at(cloud: Running, number: str) -> float:
    return next(job.started for job in jobs_of(cloud) if job.id == number)


def test_a_set_whose_launches_are_refused_does_not_end_idle_pools_again_and_again(
    cloud: Running, played: Played
) -> None:
    """Each attempt had the idle machines in the budget deleted; when it had failed they were launched again."""
    played.idle = 1e9
    common, limits = Common(Quota(lambda _: None)), Limits(max_cost=Cost(day=3.0))
    more: dict[str, Any] = {"common": common, "limits": limits, "zones": ZONE, "life": "8h", "longest_job": "5h"}
    low = serve(cloud, label="low", min_idle=2, **more)
    high = serve(cloud, label="high", priority=10, min_idle=1, **more)
    together(100, low)
    assert len(alive(cloud)) == 2
    inner = high.worker.client._transport

    class NoStock:
        """The more important set's launches are refused."""

        def send(self, endpoint: Any, method: str, target: str, headers: Mapping[str, str], *rest: Any) -> Any:
            if headers.get("x-acs-action") == "RunInstances":
                cloud.fault("error", "RunInstances", times=1, code="OperationDenied.NoStock", status=403)
            return inner.send(endpoint, method, target, headers, *rest)

        def close(self) -> None:
            inner.close()

    high.worker.client._transport = NoStock()
    seen: set[str] = set()
    for _ in range(1800):
        together(1, low, high)
        seen |= {one.id for one in alive(cloud)}
    assert len(seen) <= 4, low.said[-5:]


def test_a_running_job_in_the_common_budget_does_not_stop_the_other_sets(cloud: Running, played: Played) -> None:
    """A dear set would fit only without it: nothing else was launched until it ended, and the pool was lost."""
    played.idle, played.seconds = 1e9, 3000.0
    common, limits = Common(Quota(lambda _: None)), Limits(max_cost=Cost(day=3.0))
    more: dict[str, Any] = {"common": common, "limits": limits, "zones": ZONE}
    low = serve(cloud, label="low", min_idle=1, life="8h", longest_job="4h", **more)
    small = serve(cloud, label="small", priority=5, life="2h", longest_job="10m", **more)
    high = serve(cloud, label="high", priority=10, min_idle=1, life="12h", longest_job="9h", **more)
    queue(cloud, 1, label="low")
    together(100, low)
    assert len(alive(cloud)) == 2
    numbers = queue(cloud, 3, label="small")
    together(900, low, small, high)
    assert [job.status for job in jobs_of(cloud) if job.id in numbers] == ["in_progress"] * 3
    assert len(low.worker.fleet.machines) == 2


def test_a_moments_failure_does_not_give_a_more_important_sets_place_away(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.seconds = 600.0
    common, limits = Common(Quota(lambda _: None)), Limits(max_runners=1)
    low = serve(cloud, common=common, limits=limits, label="low")
    high = serve(cloud, common=common, limits=limits, label="high", priority=10)
    queue(cloud, 5, label="low")
    together(100, low, high)
    [running] = [job for job in jobs_of(cloud) if job.status == "in_progress"]
    end = running.started + 600.0
    [number] = queue(cloud, 1, label="high")
    tick = high.worker._tick

    def fails() -> None:
        if end - 3 < cloud.wall.value < end + 12:
            raise UnavailableError("the cloud does not answer")
        tick()

    monkeypatch.setattr(high.worker, "_tick", fails)
    together(3000, low, high, until=lambda: started_at(cloud, number) > 0)
    assert 0 < started_at(cloud, number) - end < 300
