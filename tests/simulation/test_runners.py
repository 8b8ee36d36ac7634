"""Runners on both sides: up, down, and what is left after a crash anywhere. In virtual time, over real HTTP."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as replaced

from goldrun import sweep
from goldrun.cloud.client import EcsClient
from goldrun.errors import EXIT_CREDENTIALS, EXIT_PERMISSION, GoldrunError, RefusedError, UnavailableError
from goldrun.github.client import GitHub, GitHubError
from goldrun.github.scope import organization_scope, repository_scope
from goldrun.github.workflows import dispatch_workflow
from goldrun.launch.offers import Criteria
from goldrun.launch.settings import LaunchSettings, Network
from goldrun.runners.bootstrap import Bootstrap
from goldrun.runners.lifecycle import Plan, Runner, bring_down, bring_up
from goldrun.runners.listing import list_runners, resolve
from goldrun.runners.naming import new_name, read_name
from goldrun.runners.orphans import GRACE_SECONDS
from goldrun.runners.rerun import ask_for_rerun, has_succeeded, rerun
from local_cloud.github.api import JOB_TOKEN
from local_cloud.github.records import GitHubJob, GitHubRun, GitHubRunner
from local_cloud.records import Instance, Invocation
from tests.conftest import NOW, REGION, Running
from tests.simulation.dying import Crash, dying
from tests.simulation.played import open_github, play
from tests.simulation.watching import Watching

SCOPE = repository_scope("octo-org/octo-repo")
PASSWORD = "proxy-password-to-hide"


def plan(frozen: Running, **fields: Any) -> Plan:
    if "m-runner" not in {image.id for image in frozen.cloud.store.all(_image())}:
        frozen.image("fam-amd64-latest", id="m-runner", family="fam-amd64")
    settings = LaunchSettings(
        Network(f"sg-local-{REGION}", {"cn-hangzhou-k": "vsw-local-cn-hangzhou-k"}),
        image_id="m-runner",
        role="self-destruct",
        criteria=Criteria(types=("ecs.c7.2xlarge",), architecture="amd64"),
    )
    made: dict[str, Any] = {
        "scope": SCOPE,
        "launch": settings,
        "bootstrap": Bootstrap(life=0.0),
        "settings": {"PROXY": f"http://user:{PASSWORD}@proxy:3128"},
        **fields,
    }
    return Plan(**made)


def _image() -> Any:
    from local_cloud.records import Image

    return Image


def both(frozen: Running, **options: Any) -> tuple[EcsClient, GitHub]:
    """Both sides, over one connection: what is deleted, is deleted on both."""
    client = frozen.client()
    return client, open_github(frozen.url, client, **options)


def up(client: EcsClient, github: GitHub, wanted: Plan) -> Runner:
    return bring_up(client, github, wanted, report=lambda _: None)


@pytest.fixture
def cloud(frozen: Running) -> Running:
    play(frozen.always_in_stock(boot_seconds=10.0))
    return frozen


def registered(cloud: Running) -> list[str]:
    return [one.name for one in cloud.cloud.store.all(GitHubRunner)]


def test_up_and_down(cloud: Running) -> None:
    client, github = both(cloud)
    made = up(client, github, plan(cloud, labels=("big",)))
    assert made.registration.online
    assert set(made.registration.labels) >= {made.name, "big"}
    assert cloud.instance_ids() == {made.instance_id}
    (row,) = list_runners(client, github, SCOPE)
    assert (row.name, row.state, row.instance and row.instance.id) == (made.name, "idle", made.instance_id)
    assert resolve(client, github, SCOPE, made.instance_id) == made.name
    gone = bring_down(client, github, SCOPE, made.name)
    assert (gone.instances, gone.registered, gone.reclaimed) == ((made.instance_id,), True, False)
    assert (cloud.instances(), registered(cloud)) == ([], [])
    again = bring_down(client, github, SCOPE, made.name)
    assert (again.instances, again.registered) == ((), False)


@pytest.mark.parametrize("known", [True, False])
def test_an_instance_that_has_lost_its_tags_is_not_taken_for_gone(cloud: Running, known: bool) -> None:
    """Found by a story: somebody removed the tags in the console, and the runner was told to be gone."""
    client, github = both(cloud)
    runner = up(client, github, plan(cloud))
    machine = cloud.cloud.store.get(Instance, runner.instance_id)
    assert machine
    cloud.cloud.store.put(replaced(machine, tags={}))
    with pytest.raises(RefusedError, match=rf"{machine.id} is not deleted: it may be the runner {runner.name}"):
        bring_down(client, github, SCOPE, runner.name, machine.id if known else "")
    assert cloud.cloud.store.get(Instance, machine.id)


def test_the_job_ends_the_runner(cloud: Running) -> None:
    client, github = both(cloud)
    made = up(client, github, plan(cloud))
    run = cloud.cloud.jobs.begin_run("octo-org/octo-repo", "ci.yml")
    cloud.cloud.jobs.add_job(run, name="test", labels=(made.name,))
    client.clock.sleep(5)
    list_runners(client, github, SCOPE)
    (row,) = list_runners(client, github, SCOPE)
    assert row.state == "busy"
    client.clock.sleep(40)
    list_runners(client, github, SCOPE)
    assert (cloud.instances(), registered(cloud)) == ([], [])


def test_nothing_secret_is_in_user_data_and_tags(cloud: Running) -> None:
    client, github = both(cloud)
    up(client, github, plan(cloud))
    (instance,) = cloud.cloud.store.all(Instance)
    (runner,) = cloud.cloud.store.all(GitHubRunner)
    user_data = base64.b64decode(instance.user_data).decode()
    shown = user_data + json.dumps(instance.tags) + instance.name
    for secret in (PASSWORD, runner.credential, str(github._token)):
        assert secret not in shown
    assert "goldrun-life" in user_data
    # It came by one file, into memory, for root alone.
    (file,) = [one for one in cloud.cloud.store.all(Invocation) if one.file]
    assert (file.file, file.mode, file.user) == ("/run/goldrun/config", "0600", "root")
    assert instance.tags["GitHub"] == "octo-org/octo-repo"
    assert instance.http_tokens == "required"


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_every_call_leaves_nothing_in_the_end(cloud: Running, after: bool) -> None:
    """The instance's own defences and one sweep, from both sides, delete whatever an interrupted start left."""
    wanted = plan(cloud)
    for at in range(1, 200):
        client, github = both(cloud)
        github._transport = transport = dying(client, at, after=after)
        crashed, began = False, cloud.wall.value
        try:
            up(client, github, wanted)
        except Crash:
            crashed = True
        client, github = both(cloud)
        while cloud.wall.value < began + GRACE_SECONDS + 60:
            cloud.wall.value += 120
            list_runners(client, github, SCOPE)
        found = sweep.find(client, github=github, scopes=[SCOPE])
        sweep.remove(client, found, github)
        assert (cloud.instances(), registered(cloud)) == ([], []), at
        if not crashed:
            assert transport.sent < at
            assert at > 9
            return
    pytest.fail("it never ended")


@pytest.mark.parametrize("after", [False, True])
def test_a_cancellation_at_every_call_leaves_nothing_at_once(cloud: Running, after: bool) -> None:
    wanted = plan(cloud)
    for at in range(1, 200):
        client, github = both(cloud)
        github._transport = transport = dying(client, at, after=after, error=KeyboardInterrupt, lasting=False)
        try:
            made = up(client, github, wanted)
        except KeyboardInterrupt:
            assert (cloud.instances(), registered(cloud)) == ([], []), at
            continue
        assert transport.sent < at
        bring_down(*both(cloud), SCOPE, made.name)
        return
    pytest.fail("it never ended")


def test_the_next_stop_completes_one_that_crashed(cloud: Running) -> None:
    wanted = plan(cloud)
    for at in range(1, 50):
        made = up(*both(cloud), wanted)
        client, github = both(cloud)
        github._transport = transport = dying(client, at, after=at % 2 == 0)
        try:
            bring_down(client, github, SCOPE, made.name)
        except Crash:
            bring_down(*both(cloud), SCOPE, made.name)
        assert (cloud.instances(), registered(cloud)) == ([], []), at
        if transport.sent < at:
            return
    pytest.fail("it never ended")


def test_a_bad_token_is_an_error_and_costs_no_instance(cloud: Running) -> None:
    """Elsewhere it gave "runner not found, skipped"."""
    for token, code in (("nonsense", EXIT_CREDENTIALS), (JOB_TOKEN, EXIT_PERMISSION)):
        client, github = both(cloud, token=token)
        for work in (
            lambda c=client, g=github: up(c, g, plan(cloud)),
            lambda c=client, g=github: bring_down(c, g, SCOPE, new_name(REGION, NOW)),
            lambda c=client, g=github: list_runners(c, g, SCOPE),
            lambda c=client, g=github: sweep.find(c, github=g, scopes=[SCOPE]),
        ):
            with pytest.raises(GitHubError) as caught:
                work()
            assert caught.value.exit_code == code
            assert token not in str(caught.value)
            assert caught.value.request_id
    assert cloud.instances() == []


def test_a_runner_that_never_registers_leaves_no_instance(cloud: Running) -> None:
    play(cloud).silent = True
    with pytest.raises(UnavailableError) as caught:
        up(*both(cloud), plan(cloud))
    assert "is not online after" in caught.value.what
    words = str(caught.value)
    assert "its instance says" in words
    assert "the console's last lines" in words
    assert "NAT gateway" in words
    assert (cloud.instances(), registered(cloud)) == ([], [])


def test_a_lost_answer_creates_one_registration(cloud: Running) -> None:
    for kind in ("error-after", "timeout-after"):
        cloud.fault(kind, "github:generate-jitconfig", seconds=0.05)
        client, github = both(cloud)
        made = up(client, github, plan(cloud))
        assert registered(cloud) == [made.name]
        bring_down(client, github, SCOPE, made.name)


def test_a_registration_with_a_lost_answer_is_removed_though_the_retry_was_denied(cloud: Running) -> None:
    cloud.fault("error-after", "github:generate-jitconfig")
    cloud.fault("error", "github:generate-jitconfig", status=403, code="Resource not accessible")
    with pytest.raises(GitHubError):
        up(*both(cloud), plan(cloud))
    assert (cloud.instances(), registered(cloud)) == ([], [])


def test_a_secondary_rate_limit_without_a_time_is_waited_out(cloud: Running) -> None:
    """It was taken for a missing permission."""
    cloud.fault("throttle", "github:list-runners", code="without a header")
    began = cloud.wall.value
    assert list_runners(*both(cloud), SCOPE) == []
    assert cloud.wall.value - began >= 60


def test_a_runner_is_found_by_its_scope_in_any_case(cloud: Running) -> None:
    """GitHub's names know no case; tags do: the runner was listed as one without an instance, and an orphan."""
    wanted = replace(plan(cloud), scope=repository_scope(str(SCOPE).upper()))
    client, github = both(cloud)
    made = up(client, github, wanted)
    (row,) = list_runners(client, github, SCOPE)
    assert row.instance is not None
    assert row.instance.id == made.instance_id
    assert bring_down(client, github, SCOPE, made.name).instances == (made.instance_id,)


def test_a_run_that_has_succeeded_is_not_rerun(cloud: Running) -> None:
    """The reclaim is announced minutes ahead: the job ended well, and was done twice."""
    jobs = cloud.cloud.jobs
    run = jobs.begin_run("octo-org/octo-repo", "ci.yml")
    start = jobs.add_job(run, name="start", labels=("x",), hosted=True)
    test = jobs.add_job(run, name="test", labels=("y",), needs=("start",), runner_name="gold-1")
    _, github = both(cloud)
    for job in (start, test):
        assert not has_succeeded(github, SCOPE, run.id, "gold-1")
        jobs.end(job, "success")
    assert has_succeeded(github, SCOPE, run.id, "gold-1")
    assert not has_succeeded(github, SCOPE, run.id, "gold-2")
    said: list[str] = []
    assert rerun(github, SCOPE, run.id, start.id, seconds=60, report=said.append) == 1
    assert said == [f"run {run.id} has succeeded: there is nothing to rerun."]
    assert {job.attempt for job in cloud.cloud.store.all(GitHubJob)} == {1}


def test_a_job_is_rerun_once_however_often_that_is_asked_for(cloud: Running) -> None:
    """A dispatch may come twice, and a person may have been faster."""
    jobs = cloud.cloud.jobs
    run = jobs.begin_run("octo-org/octo-repo", "ci.yml")
    job = jobs.add_job(run, name="test", labels=("x",), hosted=True)
    jobs.end(job, "failure")
    _, github = both(cloud)
    cloud.wall.value += 60.0
    assert rerun(github, SCOPE, run.id, job.id, seconds=60) == 2
    (again,) = jobs.of_run(jobs.run("octo-org/octo-repo", run.id))
    jobs.report(again, "in_progress", "")
    cloud.wall.value += 60.0
    jobs.end(jobs.of_run(jobs.run("octo-org/octo-repo", run.id))[0], "failure")  # for a reason of its own
    assert rerun(github, SCOPE, run.id, job.id, seconds=60) == 2


def test_two_jobs_of_a_run_that_lost_their_runners_are_both_rerun(cloud: Running) -> None:
    """GitHub refuses the second one while the first one runs: it is asked for again."""
    jobs = cloud.cloud.jobs
    run = jobs.begin_run("octo-org/octo-repo", "ci.yml")
    one, two = (jobs.add_job(run, name=name, labels=("x",), hosted=True) for name in ("one", "two"))
    for job in (one, two):
        jobs.report(job, "in_progress", "")
        jobs.end(cloud.cloud.store.get(GitHubJob, job.id) or job, "failure")
    client, github = both(cloud)
    cloud.wall.value += 60.0

    def first(action: str) -> None:
        if action == "" and not begun:
            begun.append(rerun(both(cloud)[1], SCOPE, run.id, one.id, seconds=60))

    def end_it() -> None:
        for job in jobs.of_run(jobs.run("octo-org/octo-repo", run.id)):
            if job.status != "completed" and cloud.wall.value > NOW + 90:
                jobs.report(job, "in_progress", "")
                jobs.end(cloud.cloud.store.get(GitHubJob, job.id) or job, "success")

    begun: list[int] = []
    github._transport = Watching(client._transport, before=first, after=end_it)
    assert rerun(github, SCOPE, run.id, two.id, seconds=600) == 3
    assert begun == [2]


def test_each_job_of_a_run_may_be_tried_three_times(cloud: Running) -> None:
    """GitHub reruns one job at a time: after two jobs the run was in its third attempt, and no other one was rerun."""
    jobs = cloud.cloud.jobs
    run = jobs.begin_run("octo-org/octo-repo", "ci.yml")
    made = [jobs.add_job(run, name=f"start-{number}", labels=("x",), hosted=True) for number in range(3)]
    _, github = both(cloud)

    def fail() -> None:
        cloud.wall.value += 60.0
        for job in jobs.of_run(jobs.run("octo-org/octo-repo", run.id)):
            if job.status != "completed":
                jobs.report(job, "in_progress", "")
                jobs.end(cloud.cloud.store.get(GitHubJob, job.id) or job, "failure")

    fail()
    for attempt, job in enumerate(made, 2):
        assert rerun(github, SCOPE, run.id, job.id, seconds=60) == attempt
        fail()
    last = [job.id for job in jobs.of_run(jobs.run("octo-org/octo-repo", run.id))]
    assert rerun(github, SCOPE, run.id, last[2], seconds=60) == 5
    fail()
    last = [job.id for job in jobs.of_run(jobs.run("octo-org/octo-repo", run.id))]
    with pytest.raises(RefusedError, match="start-2 of run 1 has been tried 3 times"):
        rerun(github, SCOPE, run.id, last[2], seconds=60)


def test_a_rerun_is_asked_for_on_the_default_branch(cloud: Running) -> None:
    """A pull request's ref is none that GitHub starts a workflow on."""
    _, github = both(cloud)
    with pytest.raises(GitHubError, match="422") as caught:
        dispatch_workflow(github, SCOPE, "goldrun-rerun.yml", "12/merge", {})
    assert "No ref found for: 12/merge" in str(caught.value)
    ask_for_rerun(github, SCOPE, "goldrun-rerun.yml", "1", "2")
    (run,) = cloud.cloud.store.all(GitHubRun)
    assert run.event == "workflow_dispatch"


def test_a_rerun_with_a_lost_answer_is_not_an_error(cloud: Running) -> None:
    """The repetition finds that the run is going on already, and is refused."""
    run = cloud.cloud.jobs.begin_run("octo-org/octo-repo", "ci.yml")
    job = cloud.cloud.jobs.add_job(run, name="test", labels=("x",), hosted=True)
    cloud.cloud.jobs.end(job, "failure")
    _, github = both(cloud)
    cloud.fault("error-after", "github:rerun-job")
    assert rerun(github, SCOPE, run.id, job.id, seconds=60) == 2
    with pytest.raises(UnavailableError, match="has not ended"):
        rerun(github, SCOPE, run.id, job.id, seconds=60)


def test_throttled_and_failed_github_requests_are_retried(cloud: Running) -> None:
    cloud.fault("throttle", "github:*", times=3)
    cloud.fault("error", "github:list-runners", times=2)
    client, github = both(cloud)
    made = up(client, github, plan(cloud))
    assert any(slept >= 1.0 for slept in github.clock.slept)  # type: ignore[attr-defined]
    bring_down(client, github, SCOPE, made.name)
    assert (cloud.instances(), registered(cloud)) == ([], [])


def test_with_a_token_a_runner_joins_no_other_group(cloud: Running) -> None:
    """It joined the default one, which may serve more repositories."""
    cloud.fault("error", "github:generate-jitconfig", times=None, status=404, code="Not Found")
    with pytest.raises(RefusedError, match="into the group 7"):
        up(*both(cloud), replace(plan(cloud), group=7))
    assert (cloud.instances(), registered(cloud)) == ([], [])


def test_without_just_in_time_configurations_a_token_does(cloud: Running) -> None:
    """As old Enterprise Servers are."""
    cloud.fault("error", "github:generate-jitconfig", times=None, status=404, code="Not Found")
    client, github = both(cloud)
    made = up(client, github, plan(cloud, labels=("big",)))
    assert registered(cloud) == [made.name]
    assert set(made.registration.labels) >= {made.name, "big"}
    bring_down(client, github, SCOPE, made.name)
    assert (cloud.instances(), registered(cloud)) == ([], [])


def test_orphans_are_found_from_both_sides(cloud: Running) -> None:
    """Elsewhere clean-up looked only from the cloud's side: offline runners piled up at GitHub."""
    client, github = both(cloud)
    one, two, three = (up(client, github, plan(cloud)) for _ in range(3))
    store = cloud.cloud.store
    jobs = cloud.cloud.jobs
    # One's instance was reclaimed; two's registration is gone; three is fine; four runs elsewhere; five is a user's.
    store.remove(*(i for i in store.all(Instance) if i.id == one.instance_id))
    store.remove(*(r for r in store.all(GitHubRunner) if r.name == two.name))
    jobs.register(str(SCOPE), new_name("cn-beijing", NOW), ["x"], 1)
    jobs.register(str(SCOPE), "somebody-s", ["x"], 1)
    assert sweep.find(client, github=github, scopes=[SCOPE]) == [], "none is an orphan so soon"
    play(cloud).idle = 2 * GRACE_SECONDS  # or the machines would have ended by themselves
    cloud.wall.value += GRACE_SECONDS + 1
    found = sweep.find(client, github=github, scopes=[SCOPE])
    reported = {(finding.kind, finding.id if finding.kind == "runner" else finding.name) for finding in found}
    wanted = {("runner", one.name), ("instance", two.name)}
    assert reported == wanted
    swept = sweep.remove(client, found, github)
    assert not swept.kept
    assert one.name not in registered(cloud)
    assert {"somebody-s", three.name} <= set(registered(cloud))
    assert three.instance_id in cloud.instance_ids()


def test_an_unreachable_side_makes_nothing_an_orphan(cloud: Running) -> None:
    client, github = both(cloud)
    made = up(client, github, plan(cloud))
    cloud.wall.value += GRACE_SECONDS / 2
    cloud.fault("error", "github:list-runners", times=None)
    with pytest.raises(GitHubError):
        sweep.find(client, github=github, scopes=[SCOPE])
    assert made.instance_id in cloud.instance_ids()


def test_a_busy_runner_is_removed_once_github_allows_it(cloud: Running) -> None:
    client, github = both(cloud)
    made = up(client, github, plan(cloud))
    run = cloud.cloud.jobs.begin_run("octo-org/octo-repo", "ci.yml")
    job = cloud.cloud.jobs.add_job(run, name="test", labels=(made.name,))
    list_runners(client, github, SCOPE)
    gone = bring_down(client, github, SCOPE, made.name)
    assert gone.registered
    assert (cloud.instances(), registered(cloud)) == ([], [])
    ended = next(one for one in cloud.cloud.jobs.of_run(run) if one.id == job.id)
    assert (ended.conclusion, "lost communication" in ended.note) == ("failure", True)


def test_a_reclaim_is_reported(cloud: Running) -> None:
    client, github = both(cloud)
    made = up(client, github, plan(cloud))
    store = cloud.cloud.store
    (instance,) = store.all(Instance)
    store.put(replaced(instance, reclaimed=cloud.wall.value + 100))
    assert bring_down(client, github, SCOPE, made.name).reclaimed, "it has notice"
    made = up(client, github, plan(cloud))
    (instance,) = store.all(Instance)
    store.put(replaced(instance, reclaimed=cloud.wall.value + 100))
    cloud.wall.value += 200
    assert cloud.instances() == []
    gone = bring_down(client, github, SCOPE, made.name, made.instance_id)
    assert (gone.reclaimed, gone.instances) == (True, ())


def test_no_offer_leaves_no_registration(cloud: Running) -> None:
    wanted = plan(cloud)
    wanted = replace(wanted, launch=replace(wanted.launch, criteria=replace(wanted.launch.criteria, max_price=0.001)))
    with pytest.raises(RefusedError, match="No offer"):
        up(*both(cloud), wanted)
    assert registered(cloud) == []


def test_names_and_scopes() -> None:
    name = new_name("cn-hangzhou-finance", NOW)
    made = read_name(name)
    assert made is not None
    assert (made.region, made.at) == ("cn-hangzhou-finance", NOW)
    assert len(name) <= 64
    for other in ("", "goldrun-", "goldrun-x-99999999999999-00000000", "my-goldrun-cn-1-20260101000000-00000000"):
        assert read_name(other) is None
    for text in ("", "octo", "a/b/c", "-x/y", "a/..", "a b/c", "o/r?x", "o/r#"):
        with pytest.raises(GoldrunError):
            repository_scope(text)
    for text in ("", "a/b", "a.b", "a b", "-a"):
        with pytest.raises(GoldrunError):
            organization_scope(text)
