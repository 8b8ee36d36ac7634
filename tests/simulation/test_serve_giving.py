"""What less important scale sets give up helps whom it is for, and no more is given up than that."""

from __future__ import annotations

from typing import Any

import pytest

from goldrun.cloud import assistant
from goldrun.serve.config import Cost, Limits
from tests.conftest import Running
from tests.simulation.played import Played
from tests.simulation.serving import (
    alive,
    cap,
    common_of,
    conclusions,
    jobs_of,
    limit_quota,
    machines_of,
    queue,
    refuse,
    serve,
    status_of,
    together,
)

ZONE = ("cn-hangzhou-k",)


@pytest.mark.parametrize("pause", [240, 600])
def test_a_job_every_few_minutes_gets_an_idle_machine_each_time(cloud: Running, played: Played, pause: int) -> None:
    """What less important sets gave up has helped each time, and is called vain all the same: 300 s count from the
    first time on."""
    played.idle, played.seconds = 1e9, 20.0
    limit_quota(cloud, 2 * 8)
    common = common_of()
    low = serve(cloud, common=common, label="low", min_idle=2, life="8h")
    high = serve(cloud, common=common, label="high", priority=10)
    together(100, low, high)
    assert len(alive(cloud)) == 2
    took = []
    for _ in range(6):
        [number] = queue(cloud, 1, label="high")
        seconds = 0
        while status_of(cloud, number) != "success" and seconds < 3000:
            together(1, low, high)
            seconds += 1
        took.append(seconds)
        together(max(1, pause - seconds), low, high)
    assert max(took) < 240, took


def test_an_idle_machine_at_the_list_price_is_not_given_up_for_the_spot_quota(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The least important set's machines hold nothing of the quota; it gives them up one by one, and the set that has
    what is needed gives up nothing, because the other one is first. After 300 s that was in vain."""
    played.idle = 1e9
    common = common_of()
    least = serve(cloud, common=common, label="least", on_demand_fallback=True, min_idle=6, life="8h")
    low = serve(cloud, common=common, label="low", priority=1, min_idle=1, life="8h")
    high = serve(cloud, common=common, label="high", priority=10)

    def free(*_: object, **__: object) -> float:
        return 8.0 * (1 - len(machines_of(cloud, low)) - len(machines_of(cloud, high)))

    monkeypatch.setattr("goldrun.serve.quota.free_vcpus", free)
    together(150, least, low, high)
    assert len(alive(cloud)) == 7
    [number] = queue(cloud, 1, label="high")
    least_left = 6
    for _ in range(1200):
        together(1, least, low, high)
        least_left = min(least_left, len(machines_of(cloud, least)))
    assert (status_of(cloud, number), least_left) == ("success", 6)


def test_small_idle_machines_make_room_for_a_large_one(cloud: Running, played: Played) -> None:
    """Each counts as much as a large one: one at a minute is given up, and after 300 s that was in vain."""
    played.idle = 1e9
    limit_quota(cloud, 16)
    common = common_of()
    high = serve(cloud, common=common, label="high", priority=10, types=("ecs.c7.4xlarge",), cpu="16")
    low = serve(cloud, common=common, label="low", types=("ecs.c7.large",), cpu="2", min_idle=8, life="8h")
    together(100, high, low)
    assert len(alive(cloud)) == 8
    [number] = queue(cloud, 1, label="high")
    together(3000, high, low, until=lambda: status_of(cloud, number) in ("success", "cancelled"))
    assert status_of(cloud, number) == "success", len(machines_of(cloud, low))


def test_a_large_job_that_no_idle_machines_hold_is_not_accepted(cloud: Running, played: Played) -> None:
    """One small idle machine counts as room for a large one: jobs are accepted, and cancelled."""
    played.idle = 1e9
    limit_quota(cloud, 14)
    common = common_of()
    high = serve(cloud, common=common, label="high", priority=10, types=("ecs.c7.4xlarge",), cpu="16")
    low = serve(cloud, common=common, label="low", types=("ecs.c7.large",), cpu="2", min_idle=3, life="8h")
    together(100, high, low)
    numbers = queue(cloud, 2, label="high")
    seen: set[str] = set()
    for _ in range(1500):
        together(10, high, low, pace=5)
        seen |= {one.id for one in machines_of(cloud, low)}
    assert (conclusions(cloud, numbers), len(seen)) == (["queued"] * 2, 3)


@pytest.mark.parametrize("priority", [10, 5])
@pytest.mark.parametrize("what", ["quota", "money"])
def test_two_sets_do_not_count_on_the_same_idle_machine(
    cloud: Running, played: Played, priority: int, what: str
) -> None:
    """Both accept a job for it; one of them is cancelled."""
    played.idle, played.seconds = 1e9, 3300.0
    common = common_of()
    more: dict[str, Any] = {"common": common, "life": "8h"}
    if what == "quota":
        limit_quota(cloud, 8)
    else:
        more |= {"zones": ZONE, "limits": Limits(max_cost=Cost(day=0.4))}
    low = serve(cloud, label="low", min_idle=1, **more)
    one = serve(cloud, label="one", priority=10, **more)
    two = serve(cloud, label="two", priority=priority, **more)
    together(100, low, one, two)
    before = len(alive(cloud))
    numbers = [*queue(cloud, 1, label="one"), *queue(cloud, 1, label="two")]
    together(1800, low, one, two, until=lambda: "cancelled" in conclusions(cloud, numbers))
    assert "cancelled" not in conclusions(cloud, numbers), (before, conclusions(cloud, numbers))
    assert "in_progress" in conclusions(cloud, numbers)


def test_a_refusal_of_long_ago_costs_no_accepted_job(cloud: Running, played: Played) -> None:
    """The two minutes in which a refused launch keeps its place count from a refusal hours ago, whose job was
    cancelled: nothing was launched since."""
    played.seconds = 3300.0
    common, limits = common_of(), Limits(max_runners=1)
    high = serve(cloud, common=common, limits=limits, label="high", priority=10, zones=ZONE)
    low = serve(cloud, common=common, limits=limits, label="low")
    together(5, high, low)
    refuse(cloud, high, 1)
    [first] = queue(cloud, 1, label="high")
    together(5, high, low)
    [job] = [one for one in jobs_of(cloud) if one.id == first]
    cloud.cloud.jobs.end(job, "cancelled")
    together(1800, high, low, pace=2)
    assert not alive(cloud)
    refuse(cloud, high, 1)
    [number] = queue(cloud, 1, label="high")
    together(5, high, low)
    queue(cloud, 1, label="low")
    together(900, high, low, until=lambda: status_of(cloud, number) != "queued")
    assert status_of(cloud, number) == "in_progress"


def test_a_restart_while_ecs_does_not_answer_keeps_to_the_limit_of_all(cloud: Running, played: Played) -> None:
    """For a minute and a half after the start, ECS does not answer: nobody has seen the machines, and the set whose
    steps fail says that it has none."""
    played.seconds = 3000.0
    common, limits = common_of(), Limits(max_runners=3)
    busy = serve(cloud, common=common, limits=limits, label="busy")
    other = serve(cloud, common=common, limits=limits, label="other")
    together(5, busy, other)
    queue(cloud, 3, label="busy")
    together(100, busy, other)
    assert len(alive(cloud)) == 3
    for one in (busy, other):
        one.worker.listener.close()
    common = common_of()
    busy = serve(cloud, owner="two", common=common, limits=limits, label="busy")
    other = serve(cloud, owner="two", common=common, limits=limits, label="other")
    common.shares.know(one.worker.listener.spec for one in (busy, other))
    queue(cloud, 3, label="other")
    cloud.fault("error", "DescribeInstances", times=None, status=503, code="ServiceUnavailable")
    together(100, other, busy)
    cloud.cloud.gateway.faults._armed.clear()
    most = 0
    for _ in range(200):
        together(1, other, busy)
        most = max(most, len(alive(cloud)))
    assert most <= 3, (other.said[-3:], busy.said[-3:])


def test_a_quota_that_cannot_be_read_any_more_stops_no_launches(cloud: Running, played: Played) -> None:
    """What was read last holds: each launch is subtracted, and nothing is ever added. After as many launches as the
    quota holds, none follows."""
    played.seconds = 60.0
    limit_quota(cloud, 3 * 8)
    server = serve(cloud)
    together(10, server)
    cloud.fault("error", "DescribeAccountAttributes", times=None, status=503, code="ServiceUnavailable")
    numbers: list[str] = []
    for _ in range(10):
        numbers += queue(cloud, 1)
        together(600, server)
    assert conclusions(cloud, numbers) == ["success"] * 10, server.said[-3:]


def test_while_github_fails_one_step_takes_no_longer_for_many_machines(cloud: Running, played: Played) -> None:
    """Each machine's configuration is asked for in turn, with all retries: nothing else happens meanwhile."""
    server = serve(cloud)
    together(5, server)
    queue(cloud, 20)
    together(12, server)
    cloud.fault("error", "github:generate-set-jitconfig", times=None, status=503)
    longest = 0.0
    for _ in range(60):
        before = cloud.wall.value
        together(1, server)
        longest = max(longest, cloud.wall.value - before)
    assert longest < 60, (longest, len(alive(cloud)), server.said[-2:])


def test_patience_forgets_machines(cloud: Running, played: Played) -> None:
    server = serve(cloud)
    together(5, server)
    cloud.fault("error", "SendFile", times=None, code="InvalidParameter.Targets", status=400)
    for _ in range(3):
        queue(cloud, 5)
        together(1500, server, pace=3)
    retries = server.worker.retries
    there = server.worker.fleet.machines.keys()
    left = [
        one
        for one in {**retries._until, **retries._pauses}
        if one.startswith("configure ") and one.split()[1] not in there
    ]
    assert not left, len(left)


def test_why_a_job_waits_in_a_pause(cloud: Running, played: Played) -> None:
    """A launch was refused: people are told that the profile has as many runners as it may, and it has none."""
    server = serve(cloud, zones=ZONE)
    told: list[str] = []
    server.worker.intake.notices.post = lambda _, reason: told.append(reason)  # type: ignore[method-assign,assignment]
    together(5, server)
    refuse(cloud, server, 10**6)
    queue(cloud, 1)
    together(10, server)
    queue(cloud, 1)
    together(10, server)
    assert not [one for one in told if "runners at once" in one], told[:1]


def test_what_is_given_up_is_tried_before_it_is_called_vain(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ECS refuses for a quota that nobody tells, with pauses of 300 s: what less important sets give up meanwhile is
    called vain before it is tried."""
    played.idle, played.seconds = 1e9, 3300.0
    monkeypatch.setattr("goldrun.serve.quota.free_vcpus", lambda *_, **__: None)
    common = common_of()
    low = serve(cloud, common=common, label="low", life="8h", min_idle=1)
    high = serve(cloud, common=common, label="high", priority=10)
    together(100, low, high)
    cap(cloud, high, 1)
    [number] = queue(cloud, 1, label="high")
    together(3000, low, high, until=lambda: status_of(cloud, number) in ("in_progress", "cancelled"))
    assert status_of(cloud, number) == "in_progress"


def test_an_accepted_job_comes_before_less_important_ones_when_the_quota_is_free_again(
    cloud: Running, played: Played
) -> None:
    """Its type was sold out for three minutes, and the other set took the quota. Since then that one takes it again
    each time a job ends: what an accepted job lacks is kept only if the quota holds it at that moment."""
    played.seconds = 60.0
    limit_quota(cloud, 8)
    common = common_of()
    high = serve(cloud, common=common, label="high", priority=10, zones=ZONE)
    low = serve(cloud, common=common, label="low")
    together(5, high, low)
    refusing = refuse(cloud, high, 10**6)
    [number] = queue(cloud, 1, label="high")
    together(60, high, low)
    queue(cloud, 60, label="low")
    together(120, high, low)
    refusing.times = 0
    together(1800, high, low, until=lambda: status_of(cloud, number) in ("success", "cancelled"))
    assert status_of(cloud, number) == "success", [one.conclusion for one in jobs_of(cloud)]


def test_an_equal_set_does_not_take_what_was_given_up(cloud: Running, played: Played) -> None:
    """A less important set gives up a machine; before the launch, an equal set's job comes and takes the quota. The
    accepted job is cancelled."""
    played.idle, played.seconds = 1e9, 3300.0
    limit_quota(cloud, 8)
    common = common_of()
    low = serve(cloud, common=common, label="low", min_idle=1, life="8h")
    one = serve(cloud, common=common, label="one", priority=10)
    two = serve(cloud, common=common, label="two", priority=10)
    together(100, low, two, one)
    [number] = queue(cloud, 1, label="one")
    together(600, low, two, one, until=lambda: not machines_of(cloud, low))
    queue(cloud, 1, label="two")
    together(600, two, low, one)
    assert status_of(cloud, number) == "in_progress"


@pytest.mark.parametrize("later", [200, 260, 440])
def test_a_machine_that_becomes_idle_late_is_tried(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch, later: int
) -> None:
    played.idle, played.seconds = 1e9, float(later)
    monkeypatch.setattr("goldrun.serve.quota.free_vcpus", lambda *_, **__: None)
    common = common_of()
    low = serve(cloud, common=common, label="low", life="8h", min_idle=1, max_runners=1)
    high = serve(cloud, common=common, label="high", priority=10)
    together(100, low, high)
    cap(cloud, high, 1)
    cap(cloud, low, 1)
    queue(cloud, 1, label="low")
    together(10, low, high)
    [number] = queue(cloud, 1, label="high")
    together(3000, low, high, until=lambda: status_of(cloud, number) in ("in_progress", "success", "cancelled"))
    assert status_of(cloud, number) == "in_progress"


def test_a_delivery_that_cannot_be_read_holds_up_no_other(cloud: Running, played: Played) -> None:
    """The machines whose configuration has arrived are not marked, for as long as one's delivery cannot be read."""
    server = serve(cloud)
    together(5, server)
    queue(cloud, 4)
    read = assistant.read_delivery
    bad: list[str] = []

    def refused(client: Any, invocation: str) -> Any:
        bad[:] = bad or [invocation]
        if invocation == bad[0]:
            cloud.fault("error", "DescribeSendFileResults", times=1, code="InvalidInvokeId", status=400)
        return read(client, invocation)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assistant, "read_delivery", refused)
        together(150, server)
        worker = server.worker
        unmarked = [one.id for one in alive(cloud) if not worker.hands.is_done(worker.fleet.machines[one.id])]
    done = sum(job.conclusion == "success" for job in jobs_of(cloud))
    assert len(unmarked) <= 1, (done, len(unmarked), server.said[-2:])


def test_a_pool_does_not_flap_for_one_job_more_than_ecs_allows(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quota of a family, which nobody tells, holds four machines; there are always five jobs."""
    played.idle, played.seconds = 1e9, 200.0
    monkeypatch.setattr("goldrun.serve.quota.free_vcpus", lambda *_, **__: None)
    common = common_of()
    high = serve(cloud, common=common, label="high", priority=10)
    low = serve(cloud, common=common, label="low", min_idle=2, types=("ecs.g7.2xlarge",), life="8h")
    together(60, high, low)
    cap(cloud, high, 4, own=True)
    seen: set[str] = set()
    for _ in range(720):
        open_jobs = sum(one.status != "completed" for one in jobs_of(cloud))
        queue(cloud, 5 - open_jobs, label="high")
        together(10, high, low, pace=5)
        seen |= {one.id for one in machines_of(cloud, low)}
    assert len(seen) <= 8


def test_cheap_idle_machines_make_room_for_a_dear_job(cloud: Running, played: Played) -> None:
    """The budget would hold the job if all idle machines were given up: one a minute is, and after 300 s that was in
    vain."""
    played.idle, played.seconds = 1e9, 100.0
    common, limits = common_of(), Limits(max_cost=Cost(day=1.3))
    more: dict[str, Any] = {"common": common, "limits": limits, "zones": ZONE}
    low = serve(cloud, label="low", life="8h", longest_job="30m", min_idle=8, **more)
    high = serve(cloud, label="high", priority=10, life="8h", longest_job="3h", **more)
    together(100, low, high)
    before = len(alive(cloud))
    [number] = queue(cloud, 1, label="high")
    together(3000, low, high, until=lambda: status_of(cloud, number) in ("success", "cancelled"))
    assert status_of(cloud, number) == "success", (before, len(machines_of(cloud, low)), high.said[-3:])


def test_a_scope_that_github_refuses_stops_no_other_for_long(cloud: Running, played: Played) -> None:
    """One set never connects; another one's session is lost for three minutes every ten: how long others wait."""
    played.seconds = 20.0
    common, limits = common_of(), Limits(max_runners=5)
    good = serve(cloud, common=common, limits=limits, label="good")
    lost = serve(cloud, common=common, limits=limits, label="lost")
    never = serve(cloud, common=common, limits=limits, label="never", token="ghp_wrong")
    common.shares.know(one.worker.listener.spec for one in (good, lost, never))
    together(300, good, lost, never)
    took = []
    for _ in range(4):
        lost.worker.listener.close()
        lost.free["listen"] = cloud.wall.value + 180.0
        for _ in range(6):
            [number] = queue(cloud, 1, label="good")
            seconds = 0
            while status_of(cloud, number) != "success" and seconds < 600:
                together(1, good, lost, never)
                seconds += 1
            took.append(seconds)
            together(max(1, 100 - seconds), good, lost, never)
    assert max(took) < 150, took


def test_a_set_with_a_fallback_does_not_take_the_place_that_was_given_up(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds nothing of the quota that a more important set waits for; but the place that is given up for it."""
    played.idle, played.seconds = 1e9, 3300.0
    more: dict[str, Any] = {"common": common_of(), "limits": Limits(max_runners=2), "life": "8h"}
    low = serve(cloud, label="low", min_idle=1, **more)
    listed = serve(cloud, label="listed", on_demand_fallback=True, **more)
    high = serve(cloud, label="high", priority=10, **more)

    def free(*_: object, **__: object) -> float:
        return 8.0 * (1 - len(machines_of(cloud, low)) - len(machines_of(cloud, high)))

    monkeypatch.setattr("goldrun.serve.quota.free_vcpus", free)
    together(60, low, listed, high)
    queue(cloud, 1, label="listed")
    together(100, low, listed, high)
    assert len(alive(cloud)) == 2
    [number] = queue(cloud, 1, label="high")
    together(5, low, listed, high)
    queue(cloud, 5, label="listed")
    together(2400, low, listed, high, until=lambda: status_of(cloud, number) in ("in_progress", "cancelled"))
    assert status_of(cloud, number) == "in_progress"


def test_a_quota_that_was_refused_once_is_read_again(cloud: Running, played: Played) -> None:
    """One refusal, a policy that was being changed perhaps, and it was not known until the server's end."""
    played.seconds = 3300.0
    limit_quota(cloud, 2 * 8)
    server = serve(cloud)
    together(5, server)
    cloud.fault("error", "DescribeAccountAttributes", times=1, status=403, code="Forbidden.RAM")
    together(200, server)
    numbers = queue(cloud, 6)
    together(2600, server, until=lambda: "cancelled" in conclusions(cloud, numbers), pace=2)
    assert "cancelled" not in conclusions(cloud, numbers)


def test_a_quota_that_cannot_be_read_cancels_no_jobs(cloud: Running, played: Played) -> None:
    """After ten minutes it counted as unknown, and all jobs were accepted."""
    played.seconds = 3300.0
    limit_quota(cloud, 2 * 8)
    server = serve(cloud)
    together(5, server)
    numbers = queue(cloud, 6)
    together(200, server)
    cloud.fault("error", "DescribeAccountAttributes", times=None, status=503, code="ServiceUnavailable")
    together(2600, server, until=lambda: "cancelled" in conclusions(cloud, numbers), pace=2)
    assert "cancelled" not in conclusions(cloud, numbers)
