"""Machines of ``goldrun serve`` that wait stopped: started when jobs come, replaced, counted once, never leaked."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from goldrun.cloud import assistant
from goldrun.cloud.tags import CONFIGURED, PARKED, SERVED_RUNNER, STARTED
from goldrun.launch.offers import OfferKind
from goldrun.serve.config import Cost, Schedule
from goldrun.serve.plan import make_plan
from goldrun.sweep import find
from local_cloud.github.records import GitHubJob, GitHubRunner
from local_cloud.market import NEVER
from local_cloud.market import Market as LocalMarket
from local_cloud.records import Image, Instance
from tests.conftest import Running
from tests.simulation.dying import Crash, dying
from tests.simulation.played import Played, play
from tests.simulation.serving import Served, alive, all_done, jobs_of, machines, queue, serve, with_image

DAY = 86400.0


@pytest.fixture
def cloud(frozen: Running) -> Running:
    return with_image(frozen)


@pytest.fixture(autouse=True)
def played(cloud: Running) -> Played:
    return play(cloud)


def stopped(cloud: Running) -> list[Instance]:
    now = cloud.cloud.clock.now()
    return [one for one in machines(cloud) if one.status(now) == "Stopped" and one.saves]


def running(cloud: Running) -> list[Instance]:
    now = cloud.cloud.clock.now()
    return [one for one in machines(cloud) if one.status(now) == "Running"]


def filled(cloud: Running, count: int, **profile: Any) -> Served:
    server = serve(cloud, min_stopped=count, **profile)
    server.run(200, until=lambda: len(stopped(cloud)) == count)
    assert len(stopped(cloud)) == count, server.said
    return server


def wait_of(cloud: Running, server: Served) -> float:
    """Queue a job, and return how long it waits."""
    (number,) = queue(cloud)
    server.run(400, until=lambda: all_done(cloud))
    job = cloud.cloud.store.get(GitHubJob, number)
    assert job
    assert job.conclusion == "success", server.said
    return job.started - job.created


def test_a_stopped_pool_costs_its_disks_and_is_filled_once(cloud: Running) -> None:
    server = filled(cloud, 2)
    assert not running(cloud)
    assert not list(cloud.cloud.store.all(GitHubRunner)), "a stopped machine has no runner"
    for one in stopped(cloud):
        assert PARKED.key in one.tags
        assert one.auto_release - cloud.wall.value > 6 * DAY
    first = {one.id for one in stopped(cloud)}
    server.run(3 * 3600, pace=15.0)
    assert {one.id for one in stopped(cloud)} == first
    assert len(machines(cloud)) == 2
    state = server.worker._state()
    assert (state.stopped, state.idle, state.starting, state.busy) == (2, 0, 0, 0)


def test_the_plan_knows_stopped_machines(cloud: Running) -> None:
    server = filled(cloud, 2)
    spec, github = server.worker.listener.spec, server.worker.listener.service.github
    plan = make_plan(cloud.client(), github, spec, server.worker.launching.prepare)
    assert (plan.machines, plan.stopped, plan.launches, plan.deletions) == (0, 2, 0, 0)
    more = dataclasses.replace(spec, profile=replace(spec.profile, min_idle=3))
    plan = make_plan(cloud.client(), github, more, server.worker.launching.prepare)
    assert plan.launches == 1 + 2, "two are started, one is launched, and two take their place"


def test_a_job_is_run_by_a_stopped_machine_sooner_than_by_a_new_one(cloud: Running) -> None:
    cold = wait_of(cloud, serve(cloud, owner="cold"))
    cloud.wall.value += 100
    server = filled(cloud, 1)
    (parked,) = stopped(cloud)
    warm = wait_of(cloud, server)
    assert warm < cold - 10, (warm, cold)
    job = max(jobs_of(cloud), key=lambda one: one.created)
    assert job.runner_name == f"ubuntu-spot-{parked.id}"
    server.run(200, until=lambda: len(stopped(cloud)) == 1)
    (next_one,) = stopped(cloud)
    assert next_one.id != parked.id, "the one that ran a job is gone, and another waits"
    assert len(machines(cloud)) == 1


def test_a_started_machine_has_the_release_time_of_a_running_one(cloud: Running, played: Played) -> None:
    played.seconds = 400.0
    server = filled(cloud, 1)
    queue(cloud)
    server.run(200, until=lambda: bool(running(cloud)))
    server.run(120)
    (one,) = [one for one in running(cloud) if STARTED.key in one.tags]
    assert one.auto_release - cloud.wall.value < 2 * 3600 + 60


def test_more_jobs_than_stopped_machines_get_new_ones_too(cloud: Running) -> None:
    server = filled(cloud, 2)
    queue(cloud, 5)
    server.run(300, until=lambda: all_done(cloud))
    assert [job.conclusion for job in jobs_of(cloud)] == ["success"] * 5
    assert len({job.runner_name for job in jobs_of(cloud)}) == 5
    server.run(300, until=lambda: len(stopped(cloud)) == 2)
    assert len(machines(cloud)) == len(stopped(cloud)) == 2


def test_a_start_that_is_refused_for_stock_is_overtaken_by_a_new_machine(cloud: Running) -> None:
    server = filled(cloud, 1)
    cloud.fault("error", "StartInstances", times=1, status=403, code="OperationDenied.NoStock")
    wait_of(cloud, server)
    assert any("cannot be started" in words for words in server.said)
    # And one by one, as ECS answers for each machine.
    server.run(300, until=lambda: len(stopped(cloud)) == 1)
    (one,) = stopped(cloud)
    settings = cloud.cloud.store.settings()
    cloud.cloud.store.put(replace(settings, market=replace(settings.market, scarcity=0.0, scenario="stock-out")))
    (number,) = queue(cloud)
    server.run(10)
    assert any("OperationDenied.NoStock" in words for words in server.said), server.said
    cloud.cloud.store.put(settings)
    server.run(400, until=lambda: all_done(cloud))
    job = cloud.cloud.store.get(GitHubJob, number)
    assert job
    assert job.conclusion == "success"
    assert job.runner_name != f"ubuntu-spot-{one.id}"


def test_while_starts_fail_jobs_get_new_machines(cloud: Running) -> None:
    server = filled(cloud, 1)
    cloud.fault("error", "StartInstances", times=None)
    assert wait_of(cloud, server) < 120, server.said


def test_a_start_whose_answer_was_lost_is_not_repeated_beside_it(cloud: Running, played: Played) -> None:
    """The repetition is refused for the machine's state, and a second one was launched."""
    played.seconds = 400.0
    server = filled(cloud, 1)
    (parked,) = stopped(cloud)
    cloud.fault("error-after", "StartInstances", times=1)
    queue(cloud)
    server.run(60, until=lambda: bool(running(cloud)))
    server.run(60)
    assert parked.id in [one.id for one in running(cloud)], server.said
    (job,) = [one for one in jobs_of(cloud) if one.status == "in_progress"]
    assert job.runner_name == f"ubuntu-spot-{parked.id}"


def test_a_machine_whose_state_forbids_its_start_holds_no_job_up(
    cloud: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = filled(cloud, 1, max_runners=1)
    starts: list[int] = []

    def start(_: object, ids: Sequence[str]) -> dict[str, str]:
        starts.append(len(ids))
        return dict.fromkeys(ids, "IncorrectInstanceStatus")

    monkeypatch.setattr("goldrun.serve.parking.start_instances", start)
    assert wait_of(cloud, server) < 300, server.said
    assert len(starts) <= 3
    assert any("has not started; it rests" in words for words in server.said)


def test_reads_from_before_do_not_stop_a_machine_whose_start_was_not_answered(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.seconds = 400.0
    server = filled(cloud, 1)
    server.run(30)
    (parked,) = stopped(cloud)
    fleet = server.worker.fleet
    before = fleet.machines[parked.id]
    cloud.fault("error-after", "StartInstances", times=1)
    queue(cloud)
    server.run(60, until=lambda: any(job.status == "in_progress" for job in jobs_of(cloud)))
    describe, reads = fleet._describe, itertools.count(1)

    def read(**wanted: Any) -> dict[str, Any]:
        found = describe(**wanted)
        if parked.id in found and (number := next(reads)) <= 2:
            found[parked.id] = before if number == 1 else dataclasses.replace(found[parked.id], tags=before.tags)
        return found

    monkeypatch.setattr(fleet, "_describe", read)
    fleet.watch([parked.id])
    server.run(20)
    assert [one.status(cloud.wall.value) for one in machines(cloud) if one.id == parked.id] == ["Running"]


def test_a_type_that_goes_on_costing_is_told_deleted_and_not_tried_again(cloud: Running) -> None:
    server = serve(cloud, types=("ecs.i4.2xlarge",), min_stopped=1)
    server.run(3600, pace=5.0)
    told = [words for words in server.said if "ecs.i4.2xlarge costs as much when it is stopped" in words]
    zones = {zone for _, zone in server.worker.parking.unfit}
    assert len(told) == len(zones) > 0, "once in each zone"
    assert machines(cloud) == []


def test_stopped_machines_follow_their_image_one_at_a_time(cloud: Running) -> None:
    server = filled(cloud, 3)
    store = cloud.cloud.store
    (old,) = (image for image in store.all(Image) if image.id == "m-runner")
    store.put(replace(old, name="fam-amd64-old"))
    cloud.image("fam-amd64-latest", id="m-newer", family="fam-amd64")
    least = 3
    for _ in range(1500):
        server.run(1)
        least = min(least, len(stopped(cloud)))
        if {one.image for one in stopped(cloud)} == {"m-newer"} and len(stopped(cloud)) == 3:
            break
    assert {one.image for one in stopped(cloud)} == {"m-newer"}, server.said
    assert least == 2


def test_too_many_stopped_machines_of_an_older_image_are_deleted_once(cloud: Running) -> None:
    """Fewer are wanted, and their image is not the newest, at the same look (a story found it)."""
    filled(cloud, 2)
    store = cloud.cloud.store
    (old,) = (image for image in store.all(Image) if image.id == "m-runner")
    store.put(replace(old, name="fam-amd64-old"))
    cloud.image("fam-amd64-latest", id="m-newer", family="fam-amd64")
    cloud.wall.value += 100.0  # the first server's session ends
    fewer = serve(cloud, owner="two", min_stopped=0)
    fewer.run(300, until=lambda: machines(cloud) == [])
    assert machines(cloud) == []
    assert len([words for words in fewer.said if "is deleted" in words]) == 2, fewer.said


def test_a_machine_that_was_stopped_for_long_is_replaced(cloud: Running) -> None:
    server = filled(cloud, 1, stopped_life="3h")
    (first,) = stopped(cloud)
    server.run(3 * 3600, pace=15.0)
    (second,) = stopped(cloud)
    assert first.id != second.id
    assert any("stopped for as long as the profile allows" in words for words in server.said)


def test_a_schedule_has_its_own_number_and_too_many_are_deleted(cloud: Running) -> None:
    night = Schedule(hours="00:00-24:00", min_idle=0, min_stopped=1)
    filled(cloud, 3)
    cloud.wall.value += 100
    server = serve(cloud, owner="two", min_stopped=3, schedules=(night,))
    server.run(300, until=lambda: len(machines(cloud)) == 1)
    assert len(machines(cloud)) == len(stopped(cloud)) == 1


def test_an_idle_runner_that_has_become_dear_is_replaced(cloud: Running, played: Played) -> None:
    """Not within its first hour: what seemed cheaper when it was launched could not be had."""
    played.idle = 1e9
    server = serve(cloud, min_idle=2, life="8h")
    server.run(3700, pace=10.0)
    dear, other = server.worker.fleet.machines.values()
    known = server.worker.budget.prices._known
    known[OfferKind(dear.type, dear.zone, spot=True)] *= 3
    known.setdefault(OfferKind(other.type, other.zone, spot=True), 0.1)
    server.run(300, until=lambda: dear.id not in {one.id for one in machines(cloud)}, pace=5.0)
    assert dear.id not in {one.id for one in machines(cloud)}, server.said
    server.run(120)
    assert len(running(cloud)) == 2


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_pool_survives_a_death_at_any_call_and_is_counted_once(cloud: Running, after: bool) -> None:
    """From an empty pool over a job to a full pool again."""
    extra = []
    quick = {"boot_seconds": 4.0, "start_seconds": 2.0, "stop_seconds": 2.0}
    store = cloud.cloud.store
    store.put(replace(store.settings(), **quick))
    before = {instance.id for instance in store.all(Instance)}
    begin_again = cloud.checkpoint()
    for at in itertools.count(1):
        begin_again()
        client = cloud.client()
        transport = dying(client, at, after=after)
        first = serve(cloud, client=client, min_stopped=1)
        with contextlib.suppress(Crash):
            first.run(150, until=lambda: len(stopped(cloud)) == 1)
            queue(cloud)
            first.run(150, until=lambda: all_done(cloud) and len(stopped(cloud)) == 1)
        if not list(store.all(GitHubJob)):
            queue(cloud)
        second = serve(cloud, owner="two", min_stopped=1)
        second.run(700, lambda: all_done(cloud) and len(stopped(cloud)) == 1 == len(machines(cloud)), pace=2.0)
        words = f"after the death at call {at}: {second.said}"
        assert [job.conclusion for job in jobs_of(cloud)] == ["success"], words
        assert len(machines(cloud)) == len(stopped(cloud)) == 1, words
        assert cloud.cloud.jobs.runners("octo-org/octo-repo") == [], words
        if len({instance.id for instance in store.all(Instance)} - before) > 2:
            extra.append(at)
        if transport.sent < at:
            break
    assert at > 25
    assert len(extra) <= 2, f"a machine more than needed was launched after deaths at {extra}"


def test_a_sweep_knows_stopped_machines_of_a_pool(cloud: Running) -> None:
    server = filled(cloud, 1)
    (one,) = stopped(cloud)
    assert SERVED_RUNNER in one.tags.values()
    server.run(3600, pace=5.0)
    assert find(cloud.client()) == []
    cloud.cloud.store.put(replace(one, saves=False))
    assert [finding.id for finding in find(cloud.client())] == [one.id], "it goes on costing"
    cloud.cloud.store.put(replace(one, tags={**one.tags, STARTED.key: "2026-11-23T08:00:00Z"}))
    assert [finding.id for finding in find(cloud.client())] == [one.id], "it was started, and is stopped"
    cloud.cloud.store.put(replace(one, auto_release=NEVER, created=one.created - 5 * 3600))
    assert [finding.reason for finding in find(cloud.client())] == ["it has no release time"]


def test_an_idle_runner_is_not_replaced_by_the_same_again_and_again(cloud: Running, played: Played) -> None:
    """The best offer is shown in stock, and is not: each runner at list price was deleted as soon as it was ready."""
    played.idle = 1e9
    market = LocalMarket(seed=11, phantoms=1.0, scarcity=0.0)
    cloud.cloud.store.put(replace(cloud.cloud.store.settings(), market=market))
    server = serve(cloud, min_idle=1, life="8h", on_demand_fallback=True)
    seen: set[str] = set()
    for _ in range(1800):
        server.run(2)
        seen |= {one.id for one in machines(cloud)}
    assert len(seen) <= 2


def test_what_is_unfit_for_the_pool_runs_jobs(cloud: Running, played: Played) -> None:
    """No zone was left for jobs either, until the server was started anew."""
    server = serve(cloud, types=("ecs.i4.2xlarge",), min_stopped=1)
    server.run(1200, pace=5.0)
    queue(cloud, 1)
    server.run(1800, until=lambda: all_done(cloud), pace=2.0)
    assert all_done(cloud), server.said


class DiesBeforeTheTag:
    """A server that dies when a machine has its configuration, and not the tag ``Configured`` yet."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.dead = inner, False

    def send(self, endpoint: Any, method: str, target: str, headers: Mapping[str, str], *more: Any) -> Any:
        if self.dead or (headers.get("x-acs-action") == "TagResources" and "Configured" in target):
            self.dead = True
            raise Crash
        return self.inner.send(endpoint, method, target, headers, *more)

    def close(self) -> None:
        self.inner.close()


def test_a_machine_whose_server_died_before_it_was_tagged_is_not_stopped_with_its_job(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.seconds = 1500.0
    real, slow = assistant.read_result, [True]
    monkeypatch.setattr(assistant, "read_result", lambda *given: None if slow[0] else real(*given))
    begin_again = cloud.checkpoint()
    for _ in range(8):  # one of two machines is chosen, by its id
        begin_again()
        slow[0] = True  # the other machine's script still runs when the server dies
        client = cloud.client()
        client._transport = DiesBeforeTheTag(client._transport)
        first = serve(cloud, client=client, min_stopped=1)
        queue(cloud, 1)
        with contextlib.suppress(Crash):
            first.run(200)
        assert [one.status for one in jobs_of(cloud)] == ["in_progress"]
        cloud.wall.value += 90.0
        slow[0] = False
        second = serve(cloud, owner="two", min_stopped=1)
        second.run(400)
        (job,) = jobs_of(cloud)
        assert job.status == "in_progress", job.note


def stale(
    cloud: Running, server: Served, machine: str, tags: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let a server's reads of the first 20 seconds show a machine's older tags."""
    fleet, end = server.worker.fleet, cloud.wall.value + 20.0
    describe = fleet._describe

    def read(**wanted: Any) -> dict[str, Any]:
        found = describe(**wanted)
        if machine in found and cloud.wall.value < end:
            found[machine] = dataclasses.replace(found[machine], tags=tags)
        return found

    monkeypatch.setattr(fleet, "_describe", read)


def test_after_a_restart_a_machine_with_a_job_is_not_made_one_of_the_pool(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.seconds, played.idle = 1500.0, 1e9
    first = serve(cloud, min_idle=1)
    first.run(100)
    queue(cloud, 1)
    first.run(60, until=lambda: sum(CONFIGURED.key in one.tags for one in alive(cloud)) == 2)
    first.run(3)
    (job,) = jobs_of(cloud)
    busy = job.runner_name.removeprefix("ubuntu-spot-")
    (machine,) = (one for one in machines(cloud) if one.id == busy)
    first.worker.listener.close()
    second = serve(cloud, owner="two", min_stopped=1)
    stale(
        cloud, second, busy, {key: value for key, value in machine.tags.items() if key != CONFIGURED.key}, monkeypatch
    )
    second.run(300)
    (job,) = jobs_of(cloud)
    assert job.status == "in_progress", job.note


def test_after_a_restart_a_started_machine_is_not_stopped_with_its_job(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.seconds = 1500.0
    store = cloud.cloud.store
    store.put(replace(store.settings(), boot_seconds=40.0, start_seconds=2.0))
    first = serve(cloud, min_stopped=1)
    first.run(200, until=lambda: len(first.worker.roster.aside) == 1 and not alive(cloud))
    first.run(60)
    (parked,) = machines(cloud)
    queue(cloud, 1)
    first.run(60, until=lambda: jobs_of(cloud)[0].status == "in_progress")
    first.run(5)
    assert jobs_of(cloud)[0].runner_name == f"ubuntu-spot-{parked.id}"
    first.worker.listener.close()
    second = serve(cloud, owner="two", min_stopped=1)
    stale(cloud, second, parked.id, parked.tags, monkeypatch)
    second.run(300)
    (job,) = jobs_of(cloud)
    assert job.status == "in_progress", job.note


def test_machines_that_cannot_be_prepared_are_not_launched_again_and_again(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``park.sh`` fails: two hundred machines an hour were launched and deleted."""
    real = assistant.read_result

    def read(*given: Any) -> Any:
        result = real(*given)
        return dataclasses.replace(result, exit_code=1) if result and not result.running else result

    monkeypatch.setattr(assistant, "read_result", read)
    server = serve(cloud, min_stopped=1)
    seen: set[str] = set()
    for _ in range(1800):
        server.run(2)
        seen |= {one.id for one in machines(cloud)}
    assert len(seen) < 10


def test_a_stopped_machine_that_costs_too_much_rests_for_a_while(cloud: Running) -> None:
    """Its own price limit is higher than the best offer's: it was refused at every step, with two tags written."""
    zones = ("cn-hangzhou-k",)
    first = serve(cloud, min_stopped=1, zones=zones)
    first.run(300, until=lambda: len(first.worker.roster.aside) == 1 and not alive(cloud))
    (parked,) = machines(cloud)
    cloud.wall.value += 100.0  # its session ends
    cloud.cloud.store.put(replace(parked, limit=parked.price * 3))  # prices were higher when it was launched
    server = serve(cloud, owner="two", min_stopped=1, zones=zones, max_cost=Cost(day=parked.price))
    cloud.fault("error", "RunInstances", times=None, code="OperationDenied.NoStock", status=403)
    server.run(30)
    queue(cloud, 1)
    server.run(120)
    assert sum("meanwhile" in words for words in server.said) == 1


def test_a_pool_that_cannot_be_filled_keeps_what_it_has(cloud: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(cloud, min_stopped=1)
    server.run(300, until=lambda: len(server.worker.roster.aside) == 1 and not alive(cloud))
    server.run(90)
    (parked,) = machines(cloud)
    server.worker.parking._broken = cloud.wall.value  # the next one could not be prepared

    def start(_: object, ids: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(ids, "IncorrectInstanceStatus")  # and a start has no effect

    monkeypatch.setattr("goldrun.serve.parking.start_instances", start)
    queue(cloud, 1)
    server.run(400)
    assert parked.id in {one.id for one in machines(cloud)}


def test_a_server_that_could_not_fill_the_pool_keeps_what_another_one_has_added(
    cloud: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, fails = assistant.read_result, [True]

    def read(*given: Any) -> Any:
        result = real(*given)
        return dataclasses.replace(result, exit_code=1) if fails[0] and result and not result.running else result

    monkeypatch.setattr(assistant, "read_result", read)
    one = serve(cloud, min_stopped=2)
    one.run(200)
    assert one.worker.parking.broken
    fails[0] = False
    one.worker.listener.close()
    two = serve(cloud, owner="two", min_stopped=2)
    two.run(300, until=lambda: len(two.worker.roster.aside) == 2 and not alive(cloud))
    two.run(30)
    before = {machine.id for machine in machines(cloud)}
    assert len(before) == 2
    two.worker.listener.close()
    one.run(120)
    assert before <= {machine.id for machine in machines(cloud)}
