"""Scale sets of one server share what there is: no job is forgotten, no machine lost for nothing, no limit passed."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from goldrun.errors import UnavailableError
from goldrun.github.scale_sets import JobEvent
from goldrun.serve.assembly import build_worker
from goldrun.serve.concurrency import Concurrency
from goldrun.serve.config import Cost, Limits, Profile
from goldrun.serve.observer import Observer
from goldrun.serve.scale_set_spec import ScaleSetSpec
from goldrun.serve.server import Steps
from local_cloud.records import SecurityGroup
from tests.conftest import Running
from tests.simulation.played import Played, open_github
from tests.simulation.serving import (
    Served,
    alive,
    all_done,
    common_of,
    conclusions,
    jobs_of,
    machines,
    promised,
    queue,
    refuse,
    scale_set_spec,
    serve,
    status_of,
    together,
)

HOUR = 3600.0
ZONE = ("cn-hangzhou-k",)


def job(kind: str, request: int) -> JobEvent:
    workflow = "octo-org/octo-repo/.github/workflows/ci.yml@main"
    runner = "" if kind == "JobAvailable" else "spot-1"
    return JobEvent(kind, request, "octo-org/octo-repo", "build", workflow, 1, "push", (), runner, "")


def test_a_message_that_comes_again_counts_no_job_that_has_ended(cloud: Running) -> None:
    """It was not acknowledged, a later one was, and the next session brings it again: the job counted for ever."""
    known = Concurrency(cloud.client(), Profile(image="any", per_repository=1))
    for _ in range(2):
        known.take(job("JobAssigned", 1))
        known.start(job("JobStarted", 1), "i-1")
        known.end(job("JobCompleted", 1))
        known.recall([], 0)
    known.take(job("JobAssigned", 1))
    known.start(job("JobStarted", 1), "i-1")
    assert known.reason(job("JobAvailable", 2)) == ""
    known.take(job("JobAssigned", 3))
    assert "1 jobs at once" in known.reason(job("JobAvailable", 2))
    known.release(job("JobAvailable", 3))
    known.take(job("JobAssigned", 3))
    assert "1 jobs at once" in known.reason(job("JobAvailable", 2))


def test_an_idle_machine_that_a_more_important_job_counts_on_gets_no_other_job(cloud: Running, played: Played) -> None:
    """The more important set's job was accepted for the idle machine's place; that machine then took a long job of its
    own set that came later, and the first one waited for its end."""
    played.idle, played.seconds = 1e9, 3300.0
    common, limits = common_of(), Limits(max_runners=2)
    more: dict[str, Any] = {"common": common, "limits": limits, "life": "8h", "longest_job": "1h"}
    low = serve(cloud, label="low", min_idle=2, **more)
    high = serve(cloud, label="high", priority=10, **more)
    together(100, low, high)
    assert len(alive(cloud)) == 2
    [number] = queue(cloud, 1, label="high")
    together(5, high, low)
    queue(cloud, 2, label="low")
    together(2400, high, low)
    assert status_of(cloud, number) == "in_progress", conclusions(cloud, [number])


def test_a_set_that_the_quota_never_holds_does_not_stop_the_others(cloud: Running, played: Played) -> None:
    """Its machines are larger than the account's whole quota: no less important set ever got a machine, and the jobs
    that those accepted were cancelled."""
    cloud.cloud.store.put(replace(cloud.cloud.store.settings(), cpu_quota=8))
    common = common_of()
    high = serve(cloud, common=common, label="high", priority=10, min_idle=1, types=("ecs.c7.4xlarge",), cpu="16")
    low = serve(cloud, common=common, label="low")
    together(60, high, low)
    [number] = queue(cloud, 1, label="low")
    together(3000, high, low, until=lambda: all_done(cloud))
    assert status_of(cloud, number) == "success", low.said[-5:]


def test_jobs_beyond_the_quota_wait_in_githubs_queue_though_the_set_is_more_important(
    cloud: Running, played: Played
) -> None:
    """Another set has a machine with a long job: all jobs of the more important one were accepted, and cancelled."""
    played.seconds = 1700.0
    cloud.cloud.store.put(replace(cloud.cloud.store.settings(), cpu_quota=2 * 8))
    common = common_of()
    low = serve(cloud, common=common, label="low")
    high = serve(cloud, common=common, label="high", priority=10)
    queue(cloud, 2, label="low")
    together(60, low, high)
    assert len(alive(cloud)) == 2
    numbers = queue(cloud, 6, label="high")
    together(int(3 * HOUR), low, high, until=lambda: all_done(cloud), pace=3)
    assert conclusions(cloud, numbers) == ["success"] * 6


def test_an_accepted_job_whose_launch_was_refused_once_gets_its_money_back_from_idle_machines(
    cloud: Running, played: Played
) -> None:
    """In the pause after one refusal a less important set's pool took the money, and kept it for an hour: the job
    waited."""
    played.idle = 1e9
    common, limits = common_of(), Limits(max_cost=Cost(day=0.4))
    more: dict[str, Any] = {"common": common, "limits": limits, "zones": ZONE, "life": "8h"}
    high = serve(cloud, label="high", priority=10, **more)
    low = serve(cloud, label="low", min_idle=2, **more)
    together(10, high)
    refuse(cloud, high, 1)
    [number] = queue(cloud, 1, label="high")
    together(3, high)
    together(2400, high, low, until=lambda: all_done(cloud))
    assert status_of(cloud, number) == "success", high.said[-5:]


def test_stopped_machines_make_no_room_and_stay(cloud: Running, played: Played) -> None:
    """A more important set was at the limit for a moment: the other's stopped machines, which count nowhere, were
    deleted and launched again."""
    played.seconds = 100.0
    common, limits = common_of(), Limits(max_runners=3)
    low = serve(cloud, common=common, limits=limits, label="low", min_stopped=3)
    high = serve(cloud, common=common, limits=limits, label="high", priority=10)
    together(400, low, high, until=lambda: len(low.worker.roster.aside) == 3 and not alive(cloud))
    together(60, low, high)
    before = {one.id for one in machines(cloud)}
    assert len(before) == 3
    queue(cloud, 6, label="high")
    together(600, low, high, until=lambda: all_done(cloud))
    assert before <= {one.id for one in machines(cloud)}, low.said[-5:]


def test_stopped_machines_are_started_within_the_limit_of_all(cloud: Running, played: Played) -> None:
    """A start asked no other set: more machines ran than [limits] max_runners allows."""
    played.idle, played.seconds = 1e9, 1000.0
    common, limits = common_of(), Limits(max_runners=2)
    low = serve(cloud, common=common, limits=limits, label="low", min_idle=1, min_stopped=1, life="8h")
    high = serve(cloud, common=common, limits=limits, label="high", life="8h")
    together(400, low, high, until=lambda: len(low.worker.roster.aside) == 1 and len(alive(cloud)) == 1)
    together(90, low, high)
    assert len(alive(cloud)) == 1
    queue(cloud, 1, label="high")
    together(60, high, low)
    queue(cloud, 1, label="low")
    most = 0
    for _ in range(300):
        together(1, low, high)
        most = max(most, len(alive(cloud)))
    assert most <= 2, low.said[-5:]


@pytest.mark.parametrize("status", [403, 500])
def test_housekeeping_that_fails_keeps_no_job_from_its_machine(cloud: Running, played: Played, status: int) -> None:
    """GitHub's list of runners, which serves to tidy up, did not answer: no machine was launched."""
    cloud.fault("error", "github:list-runners", times=None, status=status)
    server = serve(cloud)
    together(5, server)
    [number] = queue(cloud, 1)
    together(900, server, until=lambda: all_done(cloud))
    assert status_of(cloud, number) == "success", server.said[-5:]


def test_equal_sets_share_the_limit_of_all(cloud: Running, played: Played) -> None:
    """The one with a backlog took each place that became free: the other got none for hours."""
    played.seconds = 100.0
    common, limits = common_of(), Limits(max_runners=2)
    one = serve(cloud, common=common, limits=limits, label="one")
    two = serve(cloud, common=common, limits=limits, label="two")
    queue(cloud, 60, label="one")
    together(60, one, two)
    [number] = queue(cloud, 1, label="two")
    together(2400, one, two, until=lambda: status_of(cloud, number) == "success")
    assert status_of(cloud, number) == "success"


def test_a_small_shortage_costs_one_machine_of_the_pool(cloud: Running, played: Played) -> None:
    """The restarted server knew no price: it deleted the whole pool."""
    played.idle = 1e9
    first = serve(cloud, min_idle=3, zones=ZONE, life="8h", max_cost=Cost(day=0.62))
    together(120, first)
    assert len(alive(cloud)) == 3
    for _ in range(40):
        together(30, first)
        if first.worker.budget.ledger.left(first.worker.listener.spec, cloud.wall.value).amount < 0.005:
            break
    first.worker.listener.close()
    second = serve(cloud, owner="two", min_idle=3, zones=ZONE, life="8h", max_cost=Cost(day=0.62))
    least = 3
    for _ in range(300):
        together(1, second)
        least = min(least, len(alive(cloud)))
    assert least == 2, second.said


def test_a_shortage_of_all_is_made_good_once(cloud: Running, played: Played) -> None:
    """Each set gave up a machine of its pool for the same shortage, the most important one too; and then they were
    launched again, every few minutes."""
    played.idle = 1e9
    common, limits = common_of(), Limits(max_cost=Cost(day=1.1))
    more: dict[str, Any] = {"common": common, "limits": limits, "zones": ZONE, "life": "8h"}
    sets = [serve(cloud, label=f"set-{number}", min_idle=2, priority=number, **more) for number in range(3)]
    together(150, *sets)
    before = len(alive(cloud))
    seen: set[str] = set()
    for _ in range(360):
        together(5, *sets)
        seen |= {one.id for one in alive(cloud)}
    assert len(seen) == before, [words for one in sets for words in one.said]


@pytest.mark.parametrize("why", ["session", "boots", "fails"])
def test_what_makes_no_room_is_not_counted_on(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """A dear set counted on the money of a machine that does not give way: one with a job that a new session does not
    know by name, one that boots for a job, one of a set whose steps fail. Nothing else was launched meanwhile."""
    if why == "boots":
        cloud.cloud.store.put(replace(cloud.cloud.store.settings(), boot_seconds=300.0))
    played.idle, played.seconds = 1e9, 3000.0
    common, limits = common_of(), Limits(max_cost=Cost(day=3.0))
    more: dict[str, Any] = {"common": common, "limits": limits, "zones": ZONE}
    pool = int(why == "fails")
    low = serve(cloud, label="low", life="8h", longest_job="4h", min_idle=pool, **more)
    small = serve(cloud, label="small", priority=5, life="2h", longest_job="10m", **more)
    high = serve(cloud, label="high", priority=10, min_idle=1, life="12h", longest_job="9h", **more)
    queue(cloud, 1 - pool, label="low")
    together(20 if why == "boots" else 100, low)
    assert len(alive(cloud)) == 1
    if why == "session":
        low.worker.listener.close()  # it is lost, and begun again
        together(30, low)
    if why == "fails":

        def fails() -> None:
            raise UnavailableError("the cloud does not answer")

        monkeypatch.setattr(low.worker, "_tick", fails)
    queue(cloud, 3, label="small")
    together(200 if why == "boots" else 1200, low, small, high)
    assert len(alive(cloud)) == 4, small.said[-5:]


@pytest.mark.parametrize("why", ["restart", "reload", "lost"])
def test_machines_of_a_set_that_is_not_back_yet_count(cloud: Running, played: Played, why: str) -> None:
    """After a restart, a reload of [limits], or while one set's session was begun anew, the others did not know of its
    machines: twice as many ran as [limits] max_runners allows."""
    played.seconds = 1500.0
    common, limits = common_of(), Limits(max_runners=3)
    busy = serve(cloud, common=common, limits=limits, label="busy")
    other = serve(cloud, common=common, limits=limits, label="other")
    together(5, busy, other)
    queue(cloud, 3, label="busy")
    together(100, busy, other)
    assert len(alive(cloud)) == 3
    busy.worker.listener.close()
    if why != "lost":
        other.worker.listener.close()
        for one in (busy, other):
            common.shares.leave(one.worker.listener.spec)
        common = common_of() if why == "restart" else common
        busy = serve(cloud, owner="two", common=common, limits=limits, label="busy")
        other = serve(cloud, owner="two", common=common, limits=limits, label="other")
        common.shares.know(one.worker.listener.spec for one in (busy, other))  # as Server.serve does
    queue(cloud, 3, label="other")
    most = 0
    for second in range(200):
        if second > 15:
            busy.step()
        elif why == "lost":
            busy.worker.tick()  # the other thread waits before it tries again
        together(1, other)
        most = max(most, len(alive(cloud)))
    assert most <= 3


def test_jobs_beyond_the_quota_wait_and_stop_nobody(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else uses the account's quota of spot instances: the more important set accepted jobs all the same,
    which were cancelled, and the other one, which pays the list price, got nothing."""
    played.seconds = 60.0
    common, limits = common_of(), Limits(max_runners=2)
    low = serve(cloud, common=common, limits=limits, label="low", on_demand_fallback=True)
    high = serve(cloud, common=common, limits=limits, label="high", priority=10)
    together(20, low, high)
    queue(cloud, 60, label="low")
    together(60, low, high)
    monkeypatch.setattr("goldrun.serve.quota.free_vcpus", lambda *_, **__: 0.0)
    together(120, low, high)
    numbers = queue(cloud, 3, label="high")
    before = sum(one.status == "completed" for one in jobs_of(cloud) if "low" in one.labels)
    together(2700, low, high)
    after = sum(one.status == "completed" for one in jobs_of(cloud) if "low" in one.labels)
    assert "cancelled" not in conclusions(cloud, numbers)
    assert after - before > 10


def test_what_ecs_refuses_for_its_quota_does_not_stop_the_others_for_ever(cloud: Running, played: Played) -> None:
    """A more important pool whose launches the quota always refuses: no other set launched anything, and the jobs that
    it had accepted were cancelled."""
    common = common_of()
    high = serve(cloud, common=common, label="high", priority=10, min_idle=1, on_demand_fallback=True)
    low = serve(cloud, common=common, label="low")
    refuse(cloud, high, 10**6, "QuotaExceed.ElasticQuota")
    together(60, high, low)
    [number] = queue(cloud, 1, label="low")
    together(3000, high, low, until=lambda: all_done(cloud))
    assert status_of(cloud, number) == "success", low.said[-5:]


def test_acquiring_that_fails_keeps_no_accepted_job_from_its_machine(cloud: Running, played: Played) -> None:
    """A job that could not be accepted stopped everything: what was accepted before got no runner."""
    server = serve(cloud)
    together(5, server)
    [first] = queue(cloud, 1)
    together(6, server)
    assert jobs_of(cloud)[0].assigned
    assert len(alive(cloud)) == 1
    cloud.fault("error", "github:acquire-jobs", times=None)
    queue(cloud, 1)
    together(900, server)
    assert status_of(cloud, first) == "success", server.said[-5:]


def test_a_tag_that_cannot_be_written_keeps_no_job_from_its_machine(cloud: Running, played: Played) -> None:
    """One machine had as many tags as it may have: the message of its job's start was read again for ever, and no other
    job got a machine."""
    played.idle, played.seconds = 1e9, 1500.0
    server = serve(cloud, per_repository=10, min_idle=1)
    together(60, server)
    [machine] = alive(cloud)
    more = {f"team-{number}": "x" for number in range(20 - len(machine.tags))}
    cloud.cloud.store.put(replace(machine, tags={**machine.tags, **more}))
    queue(cloud, 1)
    together(60, server, until=lambda: jobs_of(cloud)[0].status == "in_progress")
    [number] = queue(cloud, 1)
    together(900, server)
    assert status_of(cloud, number) == "in_progress", server.said[-5:]


@pytest.mark.parametrize("wait", [1200, 1500])
def test_a_pool_that_has_no_offer_keeps_no_job_waiting(cloud: Running, played: Played, wait: int) -> None:
    """All places were unfit for stopped machines: the pause after each vain launch for the pool held jobs up, too, for
    up to five minutes."""
    server = serve(cloud, types=("ecs.i4.2xlarge",), min_stopped=1)
    server.run(wait, pace=2.0)
    queue(cloud, 1)
    begin = cloud.wall.value
    server.run(600, until=lambda: all_done(cloud))
    assert cloud.wall.value - begin < 120, server.said[-6:]


def test_no_more_idle_machines_give_way_than_are_needed(cloud: Running, played: Played) -> None:
    """One place was missing: the whole pool of the less important set was deleted, and launched again."""
    played.idle, played.seconds = 1e9, 1000.0
    common, limits = common_of(), Limits(max_runners=6)
    low = serve(cloud, common=common, limits=limits, label="low", min_idle=5, life="8h")
    high = serve(cloud, common=common, limits=limits, label="high", priority=10, life="8h")
    together(100, low, high)
    assert len(alive(cloud)) == 5
    queue(cloud, 2, label="high")
    least = 5
    for _ in range(400):
        together(1, low, high)
        least = min(least, sum(one.id in low.worker.fleet.machines for one in alive(cloud)))
    assert least == 4


def sized(running: Running, owner: str, label: str, **profile: Any) -> Served:
    """A server of one size of a profile."""
    assert running.cloud._github
    running.cloud._github.poll_seconds = 0.0
    client, said = running.client(), list[str]()
    github = open_github(running.url, client)
    spec = dataclasses.replace(scale_set_spec(label, **profile), kind="profile")
    worker = build_worker(client, github, spec, {}, owner=owner, report=said.append)
    return Served(worker, Steps(worker, client.clock.machine, said.append), client.clock.machine, said)


def test_two_servers_share_the_budget_of_a_profile_with_sizes(cloud: Running, played: Played) -> None:
    """Each has the session of one size; what the other one announced was not read before a launch."""
    played.seconds = 1700.0
    one, two = (sized(cloud, name, f"profile-{name}", zones=ZONE, max_cost=Cost(day=0.5)) for name in ("a", "b"))
    for each in (one, two):  # as Server.serve does, with the same configuration
        each.worker.budget.ledger.know([one.worker.listener.spec, two.worker.listener.spec])
    together(150, one, two)
    queue(cloud, 4, label="profile-a")
    queue(cloud, 4, label="profile-b")
    together(300, one, two)
    assert promised(cloud) <= 0.5


def test_a_restarted_server_counts_accepted_jobs_whose_machine_still_boots(cloud: Running, played: Played) -> None:
    """They have no tag yet: twice as many jobs of a repository ran as per_repository allows."""
    cloud.cloud.store.put(replace(cloud.cloud.store.settings(), boot_seconds=120.0))
    played.seconds = 1000.0
    first = serve(cloud, per_repository=2)
    together(5, first)
    queue(cloud, 2)
    together(20, first)
    assert len(alive(cloud)) == 2
    first.worker.listener.close()
    second = serve(cloud, owner="two", per_repository=2)
    together(5, second)
    queue(cloud, 3)
    most = 0
    for _ in range(400):
        together(1, second)
        most = max(most, sum(one.status == "in_progress" for one in jobs_of(cloud)))
    assert most <= 2


def test_a_server_whose_clock_is_behind_tells_no_negative_cost(cloud: Running, played: Played) -> None:
    """Prometheus' counter refuses it: the worker's step failed as a defect, and a minute was lost."""

    class Costs(Observer):
        def cost(self, spec: ScaleSetSpec, event: JobEvent | None, amount: float) -> None:
            told.append(amount)

    told: list[float] = []
    first = serve(cloud, max_cost=Cost(day=5.0))
    queue(cloud, 2)
    together(61, first, until=lambda: all_done(cloud))
    (group,) = (one for one in cloud.cloud.store.all(SecurityGroup) if "Spent.ubuntu-spot" in str(one.tags))
    tags = {
        key: value.replace(value.split(" ")[0], "2027-01-01T00:00:00Z") if key.startswith("Spent.") else value
        for key, value in group.tags.items()
    }
    cloud.cloud.store.put(replace(group, tags=tags))
    first.worker.listener.close()
    together(60, serve(cloud, owner="two", max_cost=Cost(day=5.0), observer=Costs()))
    assert min(told, default=0.0) >= 0.0
