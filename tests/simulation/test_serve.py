"""``goldrun serve`` in virtual time: jobs by label, and what is left after crashes, outages and reclaims."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from goldrun.clock import StoppableClock
from goldrun.cloud import assistant
from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import was_reclaimed
from goldrun.errors import UsageError
from goldrun.launch.acquire import acquire
from goldrun.launch.settings import new_key
from goldrun.serve import fleet as fleets
from goldrun.serve import server as servers
from goldrun.serve import watching
from goldrun.serve.config import Cost
from goldrun.serve.metrics import Metrics
from goldrun.serve.recorder import Recorder
from local_cloud import lifecycle
from local_cloud.faults import Kind
from local_cloud.github.records import GitHubJob, GitHubMessage, GitHubRunner, GitHubScaleSet
from local_cloud.records import Image, Instance, Interruption, Invocation
from tests.conftest import NOW, Running
from tests.simulation.dying import Crash, dying
from tests.simulation.played import Played, play
from tests.simulation.serving import (
    Served,
    alive,
    all_done,
    jobs_of,
    limit_quota,
    machines,
    queue,
    scale_set_spec,
    serve,
)
from tests.simulation.watching import meanwhile
from tests.virtual_time import FakeClock, Wall

ZONE = ("cn-hangzhou-k",)  # one place, one price


@pytest.fixture(autouse=True)
def played(cloud: Running) -> Played:
    return play(cloud)


def test_jobs_get_a_runner_each_and_nothing_is_left(cloud: Running) -> None:
    server = serve(cloud)
    queue(cloud, 3)
    server.run(400, until=lambda: all_done(cloud))
    assert [job.conclusion for job in jobs_of(cloud)] == ["success"] * 3, server.said
    assert len({job.runner_name for job in jobs_of(cloud)}) == 3
    server.run(200, until=lambda: not machines(cloud))
    assert machines(cloud) == []


def test_a_burst_is_served_within_the_limit(cloud: Running) -> None:
    server = serve(cloud, max_runners=7)
    queue(cloud, 30)
    most = 0
    for _ in range(900):
        server.run(1)
        most = max(most, len(machines(cloud)))
        if all_done(cloud):
            break
    assert [job.conclusion for job in jobs_of(cloud)] == ["success"] * 30, server.said
    assert most <= 8, "one that has just had its job may still be there"
    server.run(200, until=lambda: not machines(cloud))
    assert machines(cloud) == []


def test_a_pool_waits_and_is_filled_up_again(cloud: Running) -> None:
    server = serve(cloud, min_idle=2)
    server.run(120)
    assert server.worker.roster.statistics
    assert (len(machines(cloud)), server.worker.fleet.count) == (2, 2)
    queue(cloud)
    begun = cloud.wall.value
    server.run(60, until=lambda: any(job.started for job in jobs_of(cloud)))
    assert jobs_of(cloud)[0].started - begun < 5, "no boot was waited for"
    server.run(150)
    assert all_done(cloud)
    assert len(machines(cloud)) == 2, server.said


def test_what_no_job_needs_any_more_is_deleted(cloud: Running) -> None:
    server = serve(cloud)
    queue(cloud, 3)
    server.run(20, until=lambda: len(machines(cloud)) == 3)
    jobs = cloud.cloud.jobs
    jobs.cancel(jobs.run("octo-org/octo-repo", jobs_of(cloud)[0].run))
    server.run(200, until=lambda: not machines(cloud))
    assert machines(cloud) == [], server.said
    assert cloud.cloud.jobs.runners("octo-org/octo-repo") == [], "nor is a registration left"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_server_that_dies_at_any_call_is_replaced_by_another(cloud: Running, after: bool) -> None:
    """Each job is done once, no machine is launched twice, and nothing is left on either side."""
    doubled = []
    before = {instance.id for instance in cloud.cloud.store.all(Instance)}
    begin_again = cloud.checkpoint()
    for at in itertools.count(1):
        begin_again()
        (job,) = queue(cloud)
        client = cloud.client()
        transport = dying(client, at, after=after)
        first = serve(cloud, client=client)
        with contextlib.suppress(Crash):
            first.run(200, until=lambda: all_done(cloud))
        second = serve(cloud, owner="two")
        second.run(700, until=lambda: all_done(cloud) and not machines(cloud))
        words = f"after the death at call {at}: {second.said}"
        done = cloud.cloud.store.get(GitHubJob, job)
        assert done, words
        assert (done.conclusion, done.assignments) == ("success", 1), words
        assert machines(cloud) == [], words
        assert cloud.cloud.jobs.runners("octo-org/octo-repo") == [], words
        launched = {instance.id for instance in cloud.cloud.store.all(Instance)} - before
        if len(launched) > 1:
            doubled.append(at)
        if transport.sent < at:
            break
    assert at > 15
    assert doubled == []


def in_trouble(cloud: Running, client: EcsClient, act: Callable[[], object]) -> None:
    """Let the market's prices come a minute late, and something happen meanwhile."""

    def late() -> None:
        cloud.wall.value += 60.0
        act()

    meanwhile(client, "DescribeSpotPriceHistory", late)


def test_a_launch_that_took_long_to_decide_looks_again_before_it_costs_money(cloud: Running) -> None:
    """Two servers at a take-over: the one that led has launched after the other one has looked."""
    client = cloud.client()
    server = serve(cloud, client=client)
    settings = dataclasses.replace(server.worker.launching.prepare(), key=new_key())
    in_trouble(cloud, client, lambda: acquire(cloud.client(), settings))
    queue(cloud)
    server.run(30)
    assert len(machines(cloud)) == 1, server.said
    assert any("decided anew" in line for line in server.said)
    server.run(400, until=lambda: all_done(cloud))
    assert all_done(cloud), server.said


def test_a_machine_that_has_shown_once_is_not_replaced_when_a_read_goes_back(cloud: Running) -> None:
    """But one that has vanished for good is, a minute after its launch."""
    store = cloud.cloud.store
    store.put(replace(store.settings(), boot_seconds=600.0))
    server = serve(cloud)
    queue(cloud)
    server.run(60, until=lambda: bool(server.worker.fleet.machines))
    (machine,) = machines(cloud)
    store.remove(machine)
    server.run(10)
    assert machines(cloud) == [], server.said
    store.put(machine)
    server.run(60)
    assert machines(cloud) == [machine], server.said
    store.remove(machine)
    server.run(10)
    assert len(machines(cloud)) == 1, server.said


def test_a_server_that_has_lost_its_session_launches_nothing_more(cloud: Running) -> None:
    client = cloud.client()
    server = serve(cloud, client=client)
    in_trouble(cloud, client, server.worker.listener.close)
    queue(cloud)
    server.run(30)
    assert machines(cloud) == [], server.said


def test_of_two_servers_one_works_and_the_other_takes_over(cloud: Running) -> None:
    first, second = serve(cloud, owner="one"), serve(cloud, owner="two")
    first.step()
    second.step()
    assert second.said == ["ubuntu-spot: another server has the session; waiting until it ends."]
    queue(cloud, 2)
    for _ in range(150):
        first.step()
        second.step()
        first.clock.sleep(1.0)
    assert all_done(cloud)
    assert not second.worker.fleet.machines, "it did nothing"
    # The first one dies without a word.
    queue(cloud, 1)
    dead = cloud.wall.value
    second.run(200, until=lambda: second.worker.listener.leads)
    assert cloud.wall.value - dead < 75, "GitHub ends a session that does not poll after a minute"
    second.run(200, until=lambda: all_done(cloud))
    assert all_done(cloud), second.said


def test_a_server_that_ends_properly_is_replaced_at_once(cloud: Running) -> None:
    first, second = serve(cloud, owner="one"), serve(cloud, owner="two")
    first.step()
    first.worker.listener.close()
    second.step()
    assert second.worker.listener.leads


def test_a_server_that_was_suspended_does_nothing_before_it_has_a_session_again(cloud: Running) -> None:
    first = serve(cloud, owner="one", min_idle=1)
    first.run(60)
    second = serve(cloud, owner="two", min_idle=1)
    cloud.wall.value += 600  # the first one's machine sleeps; the pool's runner goes on
    second.run(30)
    assert second.worker.listener.leads
    calls = dict(cloud.cloud.gateway.calls)
    first.worker.tick()
    assert cloud.cloud.gateway.calls == calls
    first.step()
    assert not first.worker.listener.leads
    assert len(machines(cloud)) == 1, "and the pool was not counted twice"


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("github:*", "error"),
        ("github:*", "timeout"),
        ("*", "throttle"),
        ("RunInstances", "error"),
        ("SendFile", "error"),
        ("github:get-message", "error-after"),
    ],
)
def test_an_outage_loses_no_job(cloud: Running, action: str, kind: Kind) -> None:
    server = serve(cloud)
    queue(cloud, 1)
    server.run(15)
    cloud.fault(kind, action, times=None, seconds=0.0)
    queue(cloud, 2)
    # Not one second of it in more than a few attempts.
    server.run(300)
    cloud.cloud.gateway.faults.clear()
    server.run(900, until=lambda: all_done(cloud) and not machines(cloud))
    assert [job.conclusion for job in jobs_of(cloud)] == ["success"] * 3, server.said
    assert machines(cloud) == []


@pytest.mark.parametrize(
    "action",
    [
        "RunInstances",
        "SendFile",
        "TagResources",
        "github:create-scale-set",
        "github:create-session",
        "github:acquire-jobs",
        "github:generate-set-jitconfig",
        "github:delete-message",
        "github:delete-agent",
    ],
)
@pytest.mark.parametrize("kind", ["timeout-after", "error-after"])
def test_an_answer_that_is_lost_is_not_an_effect_that_is_lost(cloud: Running, action: str, kind: Kind) -> None:
    server = serve(cloud)
    cloud.fault(kind, action, times=2, seconds=0.0)
    queue(cloud, 2)
    server.run(900, until=lambda: all_done(cloud) and not machines(cloud))
    assert [job.conclusion for job in jobs_of(cloud)] == ["success"] * 2, server.said
    assert machines(cloud) == []
    assert cloud.cloud.jobs.runners("octo-org/octo-repo") == []


def test_tokens_end_in_the_middle(cloud: Running) -> None:
    server = serve(cloud, min_idle=1)
    server.run(60)
    cloud.fault("error", "github:get-message", times=1, status=401)
    server.run(3700)
    queue(cloud, 1)
    server.run(100, until=lambda: all_done(cloud))
    assert all_done(cloud), server.said
    assert not [words for words in server.said if "Trying again" in words], server.said


def test_a_scale_set_that_was_deleted_at_github_is_created_again(cloud: Running) -> None:
    server = serve(cloud)
    server.run(10)
    cloud.cloud.store.remove(*cloud.cloud.store.all(GitHubScaleSet))
    queue(cloud, 1)
    server.run(300, until=lambda: all_done(cloud))
    assert all_done(cloud), server.said


def test_sold_out_is_waited_for_and_told_to_github(cloud: Running) -> None:
    settings = cloud.cloud.store.settings()
    cloud.cloud.store.put(replace(settings, market=replace(settings.market, scenario="stock-out")))
    server = serve(cloud)
    queue(cloud, 5)
    server.run(200)
    (made,) = cloud.cloud.store.all(GitHubScaleSet)
    assert made.capacity == 0, "no more jobs are assigned to it"
    assert not machines(cloud)
    assert any("Trying again in" in words for words in server.said)
    cloud.cloud.store.put(settings)
    server.run(1200, until=lambda: all_done(cloud))
    assert [job.conclusion for job in jobs_of(cloud)] == ["success"] * 5, server.said


def test_machines_that_are_taken_back_are_replaced(cloud: Running) -> None:
    server = serve(cloud)
    queue(cloud, 3)
    server.run(30, until=lambda: len(server.worker.fleet.machines) == 3)
    store = cloud.cloud.store
    for instance in machines(cloud):
        lifecycle.release(store, store.settings().market, [instance], cloud.cloud.clock.now())
    server.run(600, until=lambda: all_done(cloud) and not machines(cloud))
    assert [job.conclusion for job in jobs_of(cloud)] == ["success"] * 3, server.said


def test_a_machine_that_is_lost_with_its_job_is_not_replaced_for_nothing(cloud: Running) -> None:
    """GitHub goes on counting the job for minutes, and gives it to nobody."""
    server = serve(cloud)
    queue(cloud, 1)
    server.run(100, until=lambda: jobs_of(cloud)[0].status == "in_progress")
    server.run(3)
    (instance,) = machines(cloud)
    lifecycle.release(cloud.cloud.store, cloud.cloud.store.settings().market, [instance], cloud.cloud.clock.now())
    queue(cloud, 1)
    server.run(15)
    assert server.worker.roster.statistics
    assert server.worker.roster.statistics.running == 1
    assert len(machines(cloud)) == 1, "the second job's alone"
    server.run(300, until=lambda: all_done(cloud))
    assert [job.conclusion for job in jobs_of(cloud)] == ["failure", "success"]
    server.run(30)
    assert any("its instance was gone" in words for words in server.said)
    assert not machines(cloud)


def test_a_new_server_does_not_count_busy_machines_as_free(cloud: Running) -> None:
    first = serve(cloud)
    queue(cloud, 2)
    first.run(100, until=lambda: all(job.status == "in_progress" for job in jobs_of(cloud)))
    first.worker.listener.close()
    second = serve(cloud, owner="two")
    queue(cloud, 1)
    second.run(10)
    assert len(machines(cloud)) == 3, second.said


def test_a_machine_that_never_answers_is_replaced(cloud: Running) -> None:
    server = serve(cloud, boot="5m")
    settings = cloud.cloud.store.settings()
    cloud.cloud.store.put(replace(settings, boot_seconds=10_000.0))
    queue(cloud, 1)
    server.run(200)
    cloud.cloud.store.put(settings)
    server.run(900, until=lambda: all_done(cloud) and not machines(cloud))
    assert all_done(cloud), server.said
    assert any("does not answer after" in words for words in server.said)


def test_a_runner_that_never_comes_online_is_replaced(cloud: Running) -> None:
    played = play(cloud)
    played.silent = True
    server = serve(cloud, boot="3m")
    queue(cloud, 1)
    server.run(250)
    played.silent = False
    server.run(900, until=lambda: all_done(cloud) and not machines(cloud))
    assert all_done(cloud), server.said
    assert any("its runner is not online" in words for words in server.said)


def test_a_machine_is_asked_for_before_the_message_is_acknowledged(cloud: Running) -> None:
    """And at once: what was accepted counts before GitHub's statistics have it."""
    server = serve(cloud)
    server.step()
    queue(cloud, 2)
    server.clock.sleep(2.0)
    client = server.worker.client
    asked = dying(client, 10**6, after=False)
    server.step()
    assert asked.sent > 3
    assert len(machines(cloud)) == 2, server.said
    server.run(300, until=lambda: all_done(cloud))
    server.run(10)
    assert not list(cloud.cloud.store.all(GitHubMessage)), "every message was acknowledged"


def test_a_message_whose_machines_were_not_asked_for_comes_again(cloud: Running) -> None:
    cloud.fault("error", "DescribeInstances", times=None)
    server = serve(cloud)
    queue(cloud, 1)
    server.run(20)
    assert not machines(cloud)
    assert [one for one in cloud.cloud.store.all(GitHubMessage) if one.number], "it is still there for another server"
    cloud.cloud.gateway.faults.clear()
    server.run(100)
    assert not list(cloud.cloud.store.all(GitHubMessage)), server.said


def test_machines_that_do_not_delete_themselves_are_deleted(cloud: Running) -> None:
    played = play(cloud)
    played.lingers = True
    server = serve(cloud, max_runners=1)
    queue(cloud, 1)
    server.run(300, until=lambda: all_done(cloud))
    queue(cloud, 1)
    server.run(60)
    assert len(machines(cloud)) == 2, "a machine whose job has ended does not count"
    server.run(400, until=lambda: not machines(cloud))
    assert not machines(cloud), server.said
    assert any("did not delete itself" in words for words in server.said)


def test_a_deletion_without_effect_is_repeated(cloud: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(cloud, min_idle=1)
    server.run(60)
    asked: list[str] = []
    monkeypatch.setattr(fleets, "delete_instances", lambda _, ids: asked.extend(ids))
    server.worker.fleet.delete(next(iter(server.worker.fleet.machines)))
    server.run(100)
    assert len(asked) > 1


def test_a_machine_whose_tag_could_not_be_written_is_not_read_every_second(cloud: Running) -> None:
    """It was not written again, and without it a machine seemed to boot for as long as it lived."""
    server = serve(cloud, min_idle=1)
    server.run(13)
    cloud.fault("error", "TagResources", times=1, status=403, code="Forbidden.RAM")
    server.run(60)
    assert any("TagResources" in words for words in server.said)
    [machine] = machines(cloud)
    assert "Configured" in machine.tags
    calls = cloud.cloud.gateway.calls["DescribeInstances"]
    server.run(300)
    assert cloud.cloud.gateway.calls["DescribeInstances"] - calls < 20


def test_a_configuration_that_did_not_arrive_is_sent_again(cloud: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(cloud)
    failed: list[str] = []
    read = assistant.read_delivery

    def fail_once(client: EcsClient, invocation: str) -> assistant.Result | None:
        if not failed:
            failed.append(invocation)
            store = cloud.cloud.store
            store.remove(*store.all(Invocation))
            return assistant.Result("Failed", 0, "", "")
        return read(client, invocation)

    monkeypatch.setattr(assistant, "read_delivery", fail_once)
    queue(cloud, 1)
    server.run(400, until=lambda: all_done(cloud))
    assert failed
    assert all_done(cloud), server.said


def test_a_runner_that_a_dead_server_has_configured_stays(cloud: Running) -> None:
    client = cloud.client()
    first = serve(cloud, client=client, min_idle=1)
    cloud.fault("error", "TagResources", times=None)
    first.run(40)
    (runner,) = cloud.cloud.jobs.runners("octo-org/octo-repo")
    assert runner.seen
    cloud.cloud.gateway.faults.clear()
    second = serve(cloud, owner="two", min_idle=1)
    second.run(400)
    assert [one.id for one in cloud.cloud.jobs.runners("octo-org/octo-repo")] == [runner.id], second.said
    assert len(machines(cloud)) == 1


def test_a_machine_that_is_gone_before_it_is_tagged_keeps_no_other(cloud: Running) -> None:
    """A job of a second: ECS tags all machines of a call or none."""
    server = serve(cloud)
    machine = cloud.cloud.store
    queue(cloud, 2)
    server.run(60, until=lambda: len(server.worker.hands._sent) == 2)
    gone, other = sorted(server.worker.hands._sent)
    instance = machine.get(Instance, gone)
    assert instance
    server.clock.sleep(2.0)
    lifecycle.release(machine, machine.settings().market, [instance], cloud.cloud.clock.now())
    server.worker.hands._mark([gone, other])
    kept = machine.get(Instance, other)
    assert kept
    assert "Configured" in kept.tags


def reclaim(cloud: Running, instance: Instance) -> None:
    """Let the market take an instance back."""
    cloud.cloud.store.put(replace(instance, reclaimed=cloud.cloud.clock.now()))


def test_a_job_whose_machine_is_reclaimed_is_run_again(cloud: Running) -> None:
    server = serve(cloud)
    queue(cloud, 1)
    server.run(100, until=lambda: jobs_of(cloud)[0].status == "in_progress")
    server.run(3)
    (instance,) = machines(cloud)
    reclaim(cloud, instance)
    server.run(600, until=lambda: len(jobs_of(cloud)) == 2 and all_done(cloud))
    assert [(job.attempt, job.conclusion) for job in jobs_of(cloud)] == [(1, "failure"), (2, "success")], server.said
    assert any("is run again" in words for words in server.said)
    server.run(200, until=lambda: not machines(cloud))
    assert not machines(cloud)


def test_a_job_that_fails_by_itself_is_not_run_again(cloud: Running) -> None:
    played = play(cloud)
    played.conclusion = "failure"
    server = serve(cloud)
    queue(cloud, 1)
    server.run(600)
    assert [(job.attempt, job.conclusion) for job in jobs_of(cloud)] == [(1, "failure")]


def test_many_jobs_of_one_run_that_are_reclaimed_are_all_run_again(cloud: Running, played: Played) -> None:
    """GitHub reruns one job at a time, and each is a new attempt of the run: after two of them the others were told to
    have been tried three times, and stayed failed."""
    played.seconds = 60.0
    server = serve(cloud)
    queue(cloud, 5)
    server.run(100, until=lambda: all(job.status == "in_progress" for job in jobs_of(cloud)))
    server.run(3)
    for instance in machines(cloud):
        reclaim(cloud, instance)
    server.run(3000, until=lambda: max(job.attempt for job in jobs_of(cloud)) == 6 and all_done(cloud))
    last = [job.conclusion for job in jobs_of(cloud) if job.attempt == 6]
    assert last == ["success"] * 5, server.said[-5:]


def test_a_job_is_run_again_three_times_at_most(cloud: Running) -> None:
    server = serve(cloud)
    queue(cloud, 1)
    for attempt in (1, 2, 3):
        server.run(
            300,
            until=lambda number=attempt: any(  # type: ignore[misc]
                job.attempt == number and job.status == "in_progress" for job in jobs_of(cloud)
            ),
        )
        server.run(3)
        reclaim(cloud, machines(cloud)[0])
        server.run(300, until=lambda number=attempt: len(jobs_of(cloud)) > number)  # type: ignore[misc]
    server.run(300)
    assert [(job.attempt, job.conclusion) for job in jobs_of(cloud)] == [(n, "failure") for n in (1, 2, 3)]
    assert any("job-0 was tried 3 times" in words for words in server.said)


def test_an_offer_that_is_reclaimed_twice_is_left_out(cloud: Running) -> None:
    server = serve(cloud, types=(), cpu="8", min_idle=2)
    server.run(60)
    first = {(one.type, one.zone) for one in machines(cloud)}
    assert len(first) == 1, "both are of one launch"
    for instance in machines(cloud):
        reclaim(cloud, instance)
    server.run(120)
    assert any("is left out for a while" in words for words in server.said), server.said
    assert len(machines(cloud)) == 2
    assert not first & {(one.type, one.zone) for one in machines(cloud)}


def test_one_reclaim_counts_once_though_github_fails(cloud: Running) -> None:
    """Each time that its registration could not be removed it counted again, and the offer was left out."""
    server = serve(cloud, types=(), cpu="8", min_idle=1)
    server.run(100)
    (instance,) = machines(cloud)
    cloud.fault("error", "github:*agent*", times=20, status=502)
    reclaim(cloud, instance)
    server.run(200)
    assert any("agents with 502" in words for words in server.said)
    assert not any("is left out" in words for words in server.said), server.said


def test_only_what_a_profile_admits_is_run(cloud: Running) -> None:
    server = serve(cloud, repositories=("octo-org/octo-*",), events=("push", "pull_request"))
    jobs = cloud.cloud.jobs

    def add(name: str, **fields: str) -> None:
        jobs.add_job(jobs.begin_run("octo-org/octo-repo", "ci.yml", **fields), name=name, labels=("ubuntu-spot",))

    add("pushed")
    add("from itself", event="pull_request")
    add("from a fork", event="pull_request", head="someone/octo-repo")
    add("by hand", event="workflow_dispatch")
    server.run(300, until=lambda: sum(job.status == "completed" for job in jobs_of(cloud)) == 2)
    assert {job.name for job in jobs_of(cloud) if job.conclusion == "success"} == {"pushed", "from itself"}
    assert {job.name for job in jobs_of(cloud) if job.status == "queued"} == {"from a fork", "by hand"}
    told = [words for words in server.said if " waits: " in words]
    assert len(told) == 2, "once each"
    assert "from a fork of octo-org/octo-repo waits: its code comes from a fork." in told
    allowed = serve(cloud, owner="two", forks=True)
    server.worker.listener.close()
    allowed.run(900, until=lambda: all_done(cloud))
    assert all_done(cloud), allowed.said


def test_another_repository_is_not_served(cloud: Running) -> None:
    server = serve(cloud, repositories=("octo-org/other",))
    queue(cloud, 1)
    server.run(60)
    assert not machines(cloud)
    assert any("not among those of the profile" in words for words in server.said)


def test_what_github_does_not_say_is_not_run(cloud: Running) -> None:
    server = serve(cloud)
    jobs = cloud.cloud.jobs
    jobs.add_job(
        jobs.begin_run("octo-org/octo-repo", "ci.yml", event="pull_request"), name="x", labels=("ubuntu-spot",)
    )
    cloud.fault("error", "github:get-run", times=None, status=403)
    server.run(60)
    assert not machines(cloud)
    assert any("GitHub does not say whether it comes from a fork" in words for words in server.said)
    cloud.cloud.gateway.faults.clear()
    server.run(600, until=lambda: all_done(cloud))
    assert all_done(cloud), server.said


def test_while_github_fails_it_is_asked_again_where_a_pull_request_comes_from(cloud: Running) -> None:
    """The offer was dropped, and GitHub makes it again only when the first one has ended."""
    server = serve(cloud)
    server.run(5)
    cloud.fault("error", "github:get-run", times=None, status=502)
    run = cloud.cloud.jobs.begin_run("octo-org/octo-repo", "ci.yml", event="pull_request")
    cloud.cloud.jobs.add_job(run, name="from itself", labels=("ubuntu-spot",))
    queue(cloud, 1)
    server.run(80)
    assert {job.name for job in jobs_of(cloud) if job.conclusion == "success"} == {"job-0"}, "nobody waits for it"
    cloud.cloud.gateway.faults.clear()
    server.run(150, until=lambda: all_done(cloud))
    assert all_done(cloud), server.said
    assert not any(" waits: " in words for words in server.said), "nobody is told that it may be a fork's"


def test_jobs_that_are_not_admitted_keep_no_place_from_others(cloud: Running) -> None:
    """GitHub counts them as offered: a pull request from a fork with as many jobs as a profile has runners, and no
    other job was offered any more."""
    server = serve(cloud, max_runners=2)
    jobs = cloud.cloud.jobs
    fork = jobs.begin_run("octo-org/octo-repo", "ci.yml", event="pull_request", head="someone/octo-repo")
    for number in range(4):
        jobs.add_job(fork, name=f"from a fork {number}", labels=("ubuntu-spot",))
    server.run(10)
    queue(cloud, 1)
    server.run(120)
    assert [job.name for job in jobs_of(cloud) if job.conclusion == "success"] == ["job-0"], server.said


def test_the_observer_is_told_what_happens(cloud: Running) -> None:
    metrics = Metrics()
    server = serve(cloud, min_idle=1, observer=Recorder(FakeClock(cloud.wall), [metrics]))
    queue(cloud, 2)
    server.run(300, until=lambda: all_done(cloud))
    server.run(5)
    text = metrics.text().decode()
    assert 'goldrun_leader{scope="octo-org/octo-repo",set="ubuntu-spot"} 1.0' in text
    assert 'result="succeeded",scope="octo-org/octo-repo",set="ubuntu-spot"} 2.0' in text
    assert 'goldrun_job_wait_seconds_count{scope="octo-org/octo-repo",set="ubuntu-spot"} 2.0' in text
    server.run(120)
    assert 'goldrun_machines{scope="octo-org/octo-repo",set="ubuntu-spot",state="idle"} 1.0' in metrics.text().decode()


def test_a_pool_follows_its_image(cloud: Running) -> None:
    server = serve(cloud, min_idle=2)
    server.run(100)
    assert {one.image for one in machines(cloud)} == {"m-runner"}
    old = cloud.cloud.store.get(Image, "m-runner")
    assert old
    cloud.cloud.store.put(replace(old, name="fam-amd64-20260101000000"))
    cloud.image("fam-amd64-latest", id="m-newer", family="fam-amd64")
    fewest = 2
    for _ in range(900):
        server.run(1)
        fewest = min(fewest, len(machines(cloud)))
    assert {one.image for one in machines(cloud)} == {"m-newer"}, server.said
    assert len(machines(cloud)) == 2
    assert fewest >= 1, "one at a time"


def test_jobs_that_could_not_be_accepted_at_once_are_accepted_later(cloud: Running) -> None:
    server = serve(cloud)
    cloud.fault("error", "github:acquire-jobs", times=10)
    queue(cloud, 2)
    server.run(200, until=lambda: all_done(cloud))
    assert all_done(cloud), server.said


def test_a_registration_whose_machine_is_gone_is_removed(cloud: Running) -> None:
    """What a server leaves that dies between the machine's end and the registration's."""
    server = serve(cloud, min_idle=1)
    server.run(60)
    made = cloud.cloud.jobs.register(
        "octo-org/octo-repo", "ubuntu-spot-i-gone0000000000000000", ["ubuntu-spot"], 1, scale_set="1"
    )
    other = cloud.cloud.jobs.register("octo-org/octo-repo", "ubuntu-spot-i-mine", ["another"], 1)
    server.run(700)
    left = {runner.id for runner in cloud.cloud.jobs.runners("octo-org/octo-repo")}
    assert made.id not in left
    assert other.id in left, "it is another's"
    assert len(left) == 2, "the pool's runner stays"


def test_thousands_of_runners_are_looked_through_page_by_page(cloud: Running) -> None:
    """All at once would be dozens of requests, again and again, because the list moves meanwhile."""
    server = serve(cloud)
    server.run(20)
    jobs = cloud.cloud.jobs
    for number in range(250):
        jobs.register("octo-org/octo-repo", f"other-{number}", ["other"], 1)
    made = jobs.register("octo-org/octo-repo", "ubuntu-spot-i-gone0000000000000000", ["ubuntu-spot"], 1, scale_set="1")
    before = server.worker.listener.service.github.calls
    server.run(900, until=lambda: made.id not in {one.id for one in jobs.runners("octo-org/octo-repo")}, pace=5.0)
    assert made.id not in {one.id for one in jobs.runners("octo-org/octo-repo")}
    server.worker.orphans._next = 0.0
    rest = server.worker.orphans
    calls = server.worker.listener.service.github.calls
    rest.step({})
    assert server.worker.listener.service.github.calls - calls == 1, "a page"
    assert before < calls


def test_a_set_that_is_not_configured_any_more_ends_with_its_jobs_and_is_deleted(cloud: Running) -> None:
    play(cloud).seconds = 200.0
    server = serve(cloud, min_idle=2, min_stopped=1)
    server.run(120)
    queue(cloud, 1)
    server.run(30, until=lambda: any(job.started for job in jobs_of(cloud)))
    server.worker.retiring = True
    late = queue(cloud, 1)
    server.run(120)
    assert len(machines(cloud)) == 1, "the one with the job"
    assert not server.worker.retired
    server.run(300, until=lambda: server.worker.retired)
    assert jobs_of(cloud)[0].conclusion == "success"
    assert list(cloud.cloud.store.all(GitHubScaleSet)) == []
    assert machines(cloud) == []
    server.run(120)
    assert list(cloud.cloud.store.all(GitHubScaleSet)) == [], "it is not created again"
    (waiting,) = [job for job in jobs_of(cloud) if job.id == late[0]]
    assert waiting.status == "queued"


def end_with_its_machine(cloud: Running, job_id: str, machine: str, conclusion: str) -> None:
    """The market takes a machine: its runner is gone, and GitHub ends its job."""
    store = cloud.cloud.store
    job, noticed = store.get(GitHubJob, job_id), store.get(Instance, machine)
    assert job is not None
    assert noticed is not None
    runner = store.get(GitHubRunner, job.runner)
    assert runner is not None
    store.remove(runner)
    cloud.cloud.jobs.end(job, conclusion)
    lifecycle.release(store, store.settings().market, [noticed], cloud.cloud.clock.now())


@pytest.mark.parametrize("seen", [True, False])
def test_a_job_whose_machine_ends_itself_after_the_notice_is_run_again(cloud: Running, seen: bool) -> None:
    """The machine is gone before the market takes it: either the server saw the notice, or the events have it."""
    server = serve(cloud, protect="none")
    (one,) = queue(cloud, 1)
    server.run(120, until=lambda: jobs_of(cloud)[0].status == "in_progress")
    (machine,) = machines(cloud)
    now = cloud.cloud.clock.now()
    cloud.cloud.store.put(replace(machine, reclaimed=now + 250.0))
    if seen:
        server.run(20)
    store = cloud.cloud.store
    end_with_its_machine(cloud, one, machine.id, "failure")
    (event,) = store.all(Interruption)
    if seen:
        store.remove(event)
    server.run(200, until=lambda: any(job.attempt == 2 for job in jobs_of(cloud)))
    assert any(job.attempt == 2 for job in jobs_of(cloud)), server.said
    assert was_reclaimed(cloud.client(), machine.id) is not seen


@pytest.mark.parametrize(("after", "again"), [(124.0, True), (60.0, False)])
def test_a_job_that_its_runner_has_cancelled_after_the_notice_is_run_again(
    cloud: Running, played: Played, after: float, *, again: bool
) -> None:
    """A runner that is shut down cancels its job (runs-on/runs-on#249): it was taken for a person's will."""
    played.seconds = 1700.0
    server = serve(cloud, protect="none")
    (one,) = queue(cloud, 1)
    server.run(120, until=lambda: jobs_of(cloud)[0].status == "in_progress")
    (machine,) = machines(cloud)
    store = cloud.cloud.store
    store.put(replace(machine, reclaimed=cloud.cloud.clock.now() + 300.0))  # it is announced now
    server.run(after)
    end_with_its_machine(cloud, one, machine.id, "cancelled")
    server.run(200)
    assert any(job.attempt == 2 for job in jobs_of(cloud)) is again, server.said


def test_a_defect_ends_no_thread_of_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that had ended was told by nothing but its silence, while its machines cost money."""
    monkeypatch.setattr(servers, "DEFECT_SECONDS", 0.01)
    clock, said, steps = StoppableClock(), list[str](), itertools.count()

    def step() -> float:
        if next(steps) == 0:
            raise ValueError("an unexpected answer")
        clock.stop()
        return 0.0

    thread = servers.Repeated("ubuntu-spot works", step, clock, said.append)
    thread.start()
    thread.join(30)
    assert next(steps) == 2
    (words,) = said
    assert words.startswith("ubuntu-spot works: this is a defect of goldrun")
    assert "ValueError: an unexpected answer" in words


def test_a_server_goes_on_if_a_changed_set_cannot_be_begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file with the App's key was being replaced when the configuration changed: the server ended with all sets."""

    def build(client: Any, github: Any, spec: Any, env: Any, **more: Any) -> Any:
        quiet = {"poll": lambda _: None, "close": lambda: None}
        listener = SimpleNamespace(connected=True, waits=False, leads=True, spec=spec, **quiet)
        return SimpleNamespace(tick=lambda: None, listener=listener, capacity=1, retiring=False, retired=False)

    def clients(_: object) -> Any:
        if next(made) in (1, 2):
            raise UsageError("The GitHub App's key file 'app.pem' cannot be read.")
        return SimpleNamespace(close=lambda: None), SimpleNamespace(close=lambda: None)

    class Scripted(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if next(looks) == 2:
                file.write_text("2")
            served.append([one.profile.min_idle for one in server._running])
            if len(served) == 20:
                raise KeyboardInterrupt

    monkeypatch.setattr(servers, "build_worker", build)
    monkeypatch.setattr(watching, "_sets", lambda file: [scale_set_spec(min_idle=int(file.read_text()))])
    made, looks, served, said = itertools.count(), itertools.count(), list[list[int]](), list[str]()
    file = tmp_path / "runners.toml"
    file.write_text("1")
    server = servers.Server(clients, {}, owner="one", report=said.append)
    watching.run(server, file, Scripted(Wall(NOW)), said.append)
    assert (served[0], served[-1]) == ([1], [2])
    assert sum("'app.pem' cannot be read. Trying again in" in words for words in said) == 2, said


def test_a_thread_of_a_server_ends_though_the_other_one_was_told_first() -> None:
    """Both wait on one clock, the one that listens while GitHub fails; it alone was told to end, and the other one went
    on for ever, beside the one that a change of the configuration had begun."""
    clock, begun = StoppableClock(), threading.Event()

    def listen() -> float:
        clock.sleep(30.0)  # between two attempts of a call
        return 0.0

    def work() -> float:
        begun.set()
        listening.join(30)  # it asks the cloud
        return 0.01

    listening = servers.Repeated("ubuntu-spot listens", listen, StoppableClock(), print)
    working = servers.Repeated("ubuntu-spot works", work, clock, print)
    listening.start()
    working.start()
    assert begun.wait(5)
    clock.stop()
    working.join(5)
    assert not working.is_alive()
    clock.sleep(0.01)  # who has made and stopped it cleans up, and may wait


def test_a_session_and_its_messages_are_taken_together(cloud: Running) -> None:
    """Two threads share the listener: a session that began between two calls was never seen to begin."""
    server = serve(cloud)
    listener = server.worker.listener
    listener.connect()
    begun, messages = listener.take()
    assert begun is not None
    assert messages == []
    queue(cloud, 1)
    listener.poll(10)
    begun, messages = listener.take()
    assert (begun, len(messages)) == (None, 1)
    assert listener.take() == (None, [])
    listener.close()
    listener.connect()
    begun, messages = listener.take()
    assert begun is not None
    assert messages == []


def hide_image(cloud: Running) -> None:
    store = cloud.cloud.store
    (old,) = (image for image in store.all(Image) if image.id == "m-runner")
    store.put(replace(old, name="fam-amd64-old"))


def test_beyond_the_quota_of_spot_instances_a_fallback_pays_the_list_price(cloud: Running, played: Played) -> None:
    """All its jobs are accepted; those beyond the quota waited until GitHub cancelled them."""
    played.seconds = 3300.0
    limit_quota(cloud, 2 * 8)
    server = serve(cloud, on_demand_fallback=True)
    queue(cloud, 4)
    server.run(600, until=lambda: len(alive(cloud)) == 4)
    assert Counter(machine.strategy for machine in alive(cloud)) == {"SpotWithPriceLimit": 2, "NoSpot": 2}, server.said


def test_an_offer_that_is_reclaimed_is_left_out_as_a_spot_offer(cloud: Running, played: Played) -> None:
    """At the list price nothing is reclaimed; the fallback was left out too, and jobs waited for half an hour."""
    server = serve(cloud, zones=ZONE, on_demand_fallback=True)
    for _ in range(2):
        server.worker.launching.breaker.note(("ecs.c7.2xlarge", ZONE[0]), cloud.wall.value)
    queue(cloud, 1)
    server.run(1200, until=lambda: all_done(cloud))
    assert all_done(cloud), server.said


@pytest.mark.parametrize("cost", [Cost(), Cost(day=50.0)])
def test_while_no_image_is_found_jobs_are_run_by_what_is_there(cloud: Running, played: Played, cost: Cost) -> None:
    """With a budget the price of a new machine was asked for first, and nothing else was done: nothing was tended."""
    played.idle = 1e9
    server = serve(cloud, min_idle=1, life="8h", max_cost=cost)
    server.run(120, until=lambda: len(alive(cloud)) == 1)
    server.run(60)
    hide_image(cloud)
    server.run(700, pace=5.0)
    queue(cloud, 1)
    server.run(900, until=lambda: all_done(cloud))
    assert all_done(cloud), server.said


@pytest.mark.parametrize(("operation", "times"), [("delete-scale-set", 40), ("delete-session", 8)])
def test_a_scale_set_whose_deletion_failed_is_deleted_later(cloud: Running, operation: str, times: int) -> None:
    """Its own, or that of its session, which comes first."""
    server = serve(cloud)
    server.run(30)
    cloud.fault("error", f"github:{operation}", times=times, status=502)
    server.worker.retiring = True
    server.run(1800, until=lambda: server.worker.retired, pace=2.0)
    assert server.worker.retired, server.said
    assert list(cloud.cloud.store.all(GitHubScaleSet)) == []


def test_a_job_that_a_person_has_cancelled_is_not_run_again(cloud: Running, played: Played) -> None:
    played.seconds = 1700.0
    server = serve(cloud)
    queue(cloud, 1)
    server.run(60, until=lambda: jobs_of(cloud)[0].status == "in_progress")
    server.run(3)
    (machine,) = machines(cloud)
    cloud.cloud.store.put(replace(machine, reclaimed=cloud.cloud.clock.now()))
    server.run(4)
    (job,) = jobs_of(cloud)
    assert job.status == "in_progress", "GitHub has not noticed yet"
    cloud.cloud.jobs.end(job, "cancelled")
    server.run(300)
    assert [one.conclusion for one in jobs_of(cloud)] == ["cancelled"], server.said


def test_a_job_that_was_accepted_counts_though_the_answer_was_lost(cloud: Running, played: Played) -> None:
    played.seconds = 200.0
    server = serve(cloud, per_repository=1, max_runners=10)
    server.run(5)
    cloud.fault("error-after", "github:acquire-jobs", times=1, status=502)
    queue(cloud, 5)
    most = 0
    for _ in range(200):
        server.run(1)
        most = max(most, sum(one.status == "in_progress" for one in jobs_of(cloud)))
    assert most == 1


def retiring_without_session(cloud: Running, played: Played) -> Served:
    """Return a server that has a job and is to end, and is about to lose its session."""
    played.seconds = 900.0
    server = serve(cloud)
    queue(cloud, 1)
    server.run(60, until=lambda: jobs_of(cloud)[0].status == "in_progress")
    server.worker.retiring = True
    cloud.fault("error", "github:get-message", times=1, status=401)
    cloud.fault("error", "github:refresh-session", times=1, status=403)
    return server


def test_a_set_that_retires_is_not_ended_by_its_own_old_session(cloud: Running, played: Played) -> None:
    """GitHub keeps a lost session for about a minute: it looked as if another server had it."""
    server = retiring_without_session(cloud, played)
    server.run(1500, until=lambda: server.worker.retired)
    assert jobs_of(cloud)[0].status == "completed"
    assert list(cloud.cloud.store.all(GitHubScaleSet)) == []


def test_an_image_that_is_missing_is_not_asked_for_without_end(cloud: Running, played: Played) -> None:
    server = serve(cloud, max_cost=Cost(day=50.0))
    server.run(60)
    hide_image(cloud)
    server.run(700, pace=5.0)
    before = cloud.cloud.gateway.calls["DescribeImages"]
    queue(cloud, 1)
    server.run(300)
    assert cloud.cloud.gateway.calls["DescribeImages"] - before <= 240


def test_a_set_that_lost_its_session_is_not_ended_by_an_outage_of_github(cloud: Running, played: Played) -> None:
    server = retiring_without_session(cloud, played)
    server.run(30)
    assert server.worker.listener.waits
    cloud.fault("error", "github:create-session", times=None, status=502)
    server.run(200)
    cloud.cloud.gateway.faults.clear()
    server.run(1500, until=lambda: server.worker.retired)
    assert list(cloud.cloud.store.all(GitHubScaleSet)) == []
