"""Nothing in use is deleted and no leftover is kept, whatever changes meanwhile, and whatever cannot be deleted."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from goldrun import sweep
from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import describe_images
from goldrun.cloud.instances import describe_instances
from goldrun.errors import UnavailableError
from goldrun.github.client import GitHub
from goldrun.github.runners import has_registrations
from goldrun.github.scope import Scope, repository_scope
from goldrun.http.endpoint import Endpoint
from goldrun.http.http1 import Answer
from goldrun.http.transport import Transport
from goldrun.launch.release import release, release_each
from goldrun.runners import registrations
from goldrun.runners.naming import new_name
from goldrun.runners.orphans import GRACE_SECONDS, find_orphans
from local_cloud.clock import iso
from local_cloud.github.payloads import ONLINE_SECONDS
from local_cloud.github.records import GitHubRunner
from local_cloud.records import Image, Instance
from tests.conftest import NOW, REGION, Running
from tests.simulation.played import open_github
from tests.simulation.test_sweep import OURS, put

SCOPE = repository_scope("octo-org/octo-repo")
OLD = NOW - 2 * GRACE_SECONDS


class Meddled:
    """A transport that lets something happen before the requests whose target has ``part`` in it."""

    def __init__(self, inner: Transport, part: str, happen: Callable[[int], None]) -> None:
        self.inner, self.part, self.happen, self.number = inner, part, happen, 0

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        if self.part in target:
            self.number += 1
            self.happen(self.number)
        return self.inner.send(endpoint, method, target, headers, deadline, content)

    def close(self) -> None:
        self.inner.close()


def unsettled(frozen: Running) -> None:
    """GitHub goes on counting a silent runner as busy, for some minutes."""
    frozen.cloud.jobs.settle = lambda: None  # type: ignore[method-assign]


def both(frozen: Running) -> tuple[EcsClient, GitHub]:
    client = frozen.client()
    return client, open_github(frozen.url, client)


def register(frozen: Running, name: str = "", **fields: Any) -> GitHubRunner:
    """A registration that is online, as far as nothing else is said."""
    made = frozen.cloud.jobs.register(str(SCOPE), name or new_name(REGION, OLD), ["x"], 1)
    made = replace(made, **{"seen": frozen.wall.value, **fields})
    frozen.cloud.store.put(made)
    return made


def machine(frozen: Running, name: str, **fields: Any) -> str:
    tags = {**OURS, "Role": "runner", "Runner": name, "GitHub": str(SCOPE)}
    return put(frozen, f"i-{name[-8:]}", **{"tags": tags, "name": name, "created": OLD, **fields})


def swept(client: EcsClient, github: GitHub) -> sweep.Swept:
    found = sweep.find(client, github=github, scopes=[SCOPE])
    return sweep.remove(client, found, github, scopes=[SCOPE])


def many(frozen: Running) -> tuple[list[GitHubRunner], str]:
    """Two pages of runners that are somebody's, and a busy one of ours at the second one's start."""
    others = [register(frozen, f"somebody-s-{number}") for number in range(100)]
    busy = register(frozen, job="1")
    for number in range(20):
        register(frozen, f"further-{number}")
    return others, machine(frozen, busy.name)


@pytest.mark.parametrize("busy", [True, False])
def test_a_busy_runner_of_another_tool_is_in_use(frozen: Running, busy: bool) -> None:
    """Other tools register the instance's name, and do not say where."""
    tags = {"GITHUB_RUNNER_TYPE": "aliyun-ecs-spot"}
    old = put(frozen, "i-their-old", name="their-old", tags=tags, auto_release=9e15, created=NOW - 90 * 3600)
    register(frozen, "their-old", job="1" if busy else "")
    client, github = both(frozen)
    findings = sweep.find(client, foreign=True)
    outcome = sweep.remove(client, findings, github, scopes=[SCOPE], foreign=True)
    assert (old in frozen.instance_ids()) is busy
    assert [finding.id for finding in outcome.spared] == ([old] if busy else [])


def test_a_busy_runner_that_moves_between_two_pages_is_not_an_orphan(frozen: Running) -> None:
    others, instance = many(frozen)
    client, github = both(frozen)

    def happen(number: int) -> None:
        if number == 2:
            frozen.cloud.store.remove(others[0])

    github._transport = Meddled(github._transport, "/actions/runners", happen)
    assert sweep.find(client, github=github, scopes=[SCOPE]) == []
    assert instance in frozen.instance_ids()


def test_an_unlisted_registration_is_read_by_its_name(frozen: Running) -> None:
    """One goes, another comes: the total stands still, the pages fit together, and none shows the busy runner."""
    others, instance = many(frozen)
    client, github = both(frozen)

    def happen(number: int) -> None:
        if number == 2:
            frozen.cloud.store.remove(others[0])
            register(frozen, "just-come")

    github._transport = Meddled(github._transport, "/actions/runners", happen)
    found = sweep.find(client, github=github, scopes=[SCOPE])
    assert [one.id for one in found] == [instance], "the list alone would have it deleted"
    outcome = sweep.remove(client, found, github, scopes=[SCOPE])
    assert (outcome.removed, outcome.kept, [one.id for one in outcome.spared]) == ((), (), [instance])
    assert instance in frozen.instance_ids()


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_list_that_keeps_changing_is_an_error(frozen: Running, shift: int) -> None:
    others, instance = many(frozen)
    client, github = both(frozen)

    def happen(number: int) -> None:
        if number % 2 == 0:
            if shift < 0:
                frozen.cloud.store.remove(others[number])
            else:
                register(frozen, f"come-{number}")

    github._transport = Meddled(github._transport, "/actions/runners", happen)
    with pytest.raises(UnavailableError, match="changed while it was read"):
        sweep.find(client, github=github, scopes=[SCOPE])
    assert instance in frozen.instance_ids()


ANSWERS: dict[str, list[dict[str, Any]]] = {
    "a total of nothing": [{"total_count": 0, "runners": [{"id": 1}]}],
    "a total of more": [{"total_count": 3, "runners": [{"id": 1}]}],
    "the same twice": [{"total_count": 2, "runners": [{"id": 1}, {"id": 1}]}],
    "an empty page": [
        {"total_count": 101, "runners": [{"id": number} for number in range(100)]},
        {"total_count": 101, "runners": []},
    ],
}


@pytest.mark.parametrize("case", ANSWERS)
def test_contradictory_pages_are_not_a_list(frozen: Running, case: str) -> None:
    _, github = both(frozen)
    pages = ANSWERS[case]
    github.call = lambda *_, query, **__: pages[query["page"] - 1]  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match="GitHub's runners"):
        github.pages("/x", "runners")


def test_an_empty_list_deletes_nothing_and_is_reported(frozen: Running) -> None:
    """A token that lost its right, or a repository that took the name: 200, and nobody there."""
    instance = machine(frozen, new_name(REGION, OLD))
    (finding,) = sweep.find(*both(frozen)[:1], github=both(frozen)[1], scopes=[SCOPE])
    assert "shows no runner" in finding.doubt
    outcome = swept(*both(frozen))
    ((kept, error),) = outcome.kept
    assert (kept.id, outcome.removed) == (instance, ())
    assert isinstance(error, UnavailableError)
    assert "GitHub shows no runner of octo-org/octo-repo at all" in str(error)
    assert instance in frozen.instance_ids()


def test_a_list_with_other_runners_is_accepted(frozen: Running) -> None:
    instance = machine(frozen, new_name(REGION, OLD))
    register(frozen, "somebody-s")
    assert [one.id for one in swept(*both(frozen)).removed] == [instance]
    assert instance not in frozen.instance_ids()


@pytest.mark.parametrize("line", ["goldrun: the runner has ended", "goldrun: failed: no job came within 900 s"])
def test_an_instance_that_reports_its_end_is_deleted(frozen: Running, line: str) -> None:
    instance = machine(frozen, new_name(REGION, OLD))
    client, github = both(frozen)
    call = client.call

    def answer(action: str, *args: Any, **more: Any) -> dict[str, Any]:
        if action == "GetInstanceConsoleOutput":
            assert args[0]["InstanceId"] == instance
            return {"ConsoleOutput": base64.b64encode(f"login:\r\n{line}\r\n".encode()).decode()}
        return call(action, *args, **more)

    client.call = answer  # type: ignore[method-assign]
    assert [one.id for one in swept(client, github).removed] == [instance]


def test_a_busy_runner_without_a_heartbeat_is_in_use(frozen: Running) -> None:
    """Its network fails for a while: GitHub counts it as offline, and the job goes on."""
    unsettled(frozen)
    silent = frozen.wall.value - ONLINE_SECONDS - 1
    cut_off, gone, idle = (register(frozen, seen=silent, job=job) for job in ("1", "2", ""))
    machine(frozen, cut_off.name)
    machine(frozen, idle.name)
    client, github = both(frozen)
    orphans = {one.row.name: (one.instance, one.registration) for one in find_orphans(client, github, SCOPE)}
    assert orphans == {gone.name: (False, True), idle.name: (True, True)}


def test_whether_there_is_any_runner_is_one_request(frozen: Running) -> None:
    """All of them were read again for each orphan."""
    many(frozen)
    _, github = both(frozen)
    assert has_registrations(github, SCOPE)
    assert github.calls == 1
    frozen.cloud.store.remove(*frozen.cloud.store.all(GitHubRunner))
    assert not has_registrations(github, SCOPE)


def test_a_scope_is_the_same_in_capitals(frozen: Running) -> None:
    """GitHub's names know no case: a busy runner of Octo-Org was not asked for when octo-org was swept."""
    unsettled(frozen)
    name = register(frozen, job="1").name
    instance = machine(frozen, name)
    client, github = both(frozen)
    for scope in (SCOPE, Scope(str(SCOPE).upper())):
        found = sweep.find(client, github=github, scopes=[scope], older_than=1.0)
        done = sweep.remove(client, found, github, scopes=[scope])
        assert instance not in {one.id for one in done.removed}
    assert Scope("Octo-Org") == Scope("octo-org") != Scope("octo-org/x")
    assert len({Scope("Octo-Org"), Scope("octo-org")}) == 1


def test_a_runner_that_may_take_long_to_come_online_has_the_time(frozen: Running) -> None:
    name = register(frozen, seen=0.0).name
    tags = {**OURS, "Role": "runner", "Runner": name, "GitHub": str(SCOPE)}
    instance = machine(frozen, name, tags={**tags, "OnlineWithin": "3600"})
    assert swept(*both(frozen)).removed == ()
    machine(frozen, name, tags={**tags, "OnlineWithin": "600"})
    assert {one.id for one in swept(*both(frozen)).removed} == {instance, name}


def test_a_runner_with_a_protected_instance_is_not_an_orphan(frozen: Running) -> None:
    """Not even its registration goes: somebody looks into the machine."""
    name = register(frozen, seen=0.0).name
    retag(frozen, machine(frozen, name), Protected="true")
    assert list(find_orphans(*both(frozen), SCOPE)) == []


def came_online(frozen: Running, runner: GitHubRunner, instance: str) -> None:
    frozen.cloud.store.put(replace(runner, seen=frozen.wall.value))


def got_a_job(frozen: Running, runner: GitHubRunner, instance: str) -> None:
    unsettled(frozen)
    frozen.cloud.store.put(replace(runner, job="1"))


def was_protected(frozen: Running, runner: GitHubRunner, instance: str) -> None:
    retag(frozen, instance, Protected="true")


def lost_its_tags(frozen: Running, runner: GitHubRunner, instance: str) -> None:
    record = frozen.cloud.store.get(Instance, instance)
    assert record is not None
    frozen.cloud.store.put(replace(record, tags={}))


def retag(frozen: Running, instance: str, **tags: str) -> None:
    record = frozen.cloud.store.get(Instance, instance)
    assert record is not None
    frozen.cloud.store.put(replace(record, tags={**record.tags, **tags}))


@pytest.mark.parametrize("change", [came_online, got_a_job, was_protected, lost_its_tags])
def test_a_runner_that_changes_after_it_was_found_is_spared(frozen: Running, change: Callable[..., None]) -> None:
    runner = register(frozen, seen=0.0)
    instance = machine(frozen, runner.name)
    client, github = both(frozen)
    found = sweep.find(client, github=github, scopes=[SCOPE])
    assert {one.kind for one in found} == {"instance", "runner"}
    change(frozen, runner, instance)
    outcome = sweep.remove(client, found, github, scopes=[SCOPE])
    assert "instance" not in {one.kind for one in outcome.removed}
    assert outcome.kept == ()
    assert instance in frozen.instance_ids()


def test_findings_name_both_sides(frozen: Running) -> None:
    runner = register(frozen, seen=0.0)
    instance = machine(frozen, runner.name)
    client, github = both(frozen)
    found = sweep.find(client, github=github, scopes=[SCOPE])
    offline = "its runner is offline"
    assert [(one.kind, one.id, one.name, one.scope, one.reason) for one in found] == [
        ("instance", instance, runner.name, str(SCOPE), offline),
        ("runner", runner.name, str(SCOPE), str(SCOPE), offline),
    ]
    frozen.cloud.store.remove(*frozen.cloud.store.all(Instance))
    (alone,) = sweep.find(client, github=github, scopes=[SCOPE])
    assert (alone.kind, alone.reason) == ("runner", "it has no instance")
    frozen.cloud.store.remove(*frozen.cloud.store.all(GitHubRunner))
    machine(frozen, runner.name)
    (alone,) = sweep.find(client, github=github, scopes=[SCOPE])
    assert (alone.kind, alone.reason) == ("instance", "GitHub has no runner of its name")


def test_an_instance_with_a_heartbeat_is_not_an_orphan(frozen: Running) -> None:
    runner = register(frozen, seen=0.0)
    retag(frozen, machine(frozen, runner.name), Heartbeat=iso(NOW))
    client, github = both(frozen)
    assert [one.kind for one in sweep.find(client, github=github, scopes=[SCOPE])] == ["runner"]


def test_a_runner_that_came_online_keeps_its_registration(frozen: Running) -> None:
    runner = register(frozen, seen=0.0)
    client, github = both(frozen)
    found = sweep.find(client, github=github, scopes=[SCOPE])
    assert [one.id for one in found] == [runner.name]
    came_online(frozen, runner, "")
    outcome = sweep.remove(client, found, github, scopes=[SCOPE])
    assert (outcome.removed, outcome.spared) == ((), tuple(found))
    assert [one.name for one in frozen.cloud.store.all(GitHubRunner)] == [runner.name]


def test_only_named_scopes_are_read(frozen: Running) -> None:
    """The token may well not see it: its stopped machine goes all the same."""
    name = new_name(REGION, OLD)
    tags = {**OURS, "Role": "runner", "Runner": name, "GitHub": "octo-org/another"}
    instance = machine(frozen, name, tags=tags, state="Stopped")
    client, github = both(frozen)
    found = sweep.find(client, github=github, scopes=[SCOPE])
    frozen.fault("error", "github:*", times=None)
    assert [one.id for one in sweep.remove(client, found, github, scopes=[SCOPE]).removed] == [instance]


def beat(frozen: Running, instance: str) -> None:
    retag(frozen, instance, Heartbeat=iso(frozen.wall.value))


def image_begun(frozen: Running, instance: str) -> None:
    record = frozen.cloud.store.get(Instance, instance)
    assert record is not None
    frozen.image("fam-amd64-20260101000000", tags=record.tags, created=NOW, ready=NOW + 1800)


def protected(frozen: Running, instance: str) -> None:
    retag(frozen, instance, Protected="true")


@pytest.mark.parametrize("change", [beat, image_begun, protected])
def test_a_builder_with_a_new_heartbeat_is_kept(frozen: Running, change: Callable[..., None]) -> None:
    tags = {**OURS, "Role": "builder", "VersionHash": "new", "Heartbeat": iso(NOW - 3600)}
    instance = put(frozen, "i-builder", tags=tags, state="Stopped")
    client = frozen.client()
    found = sweep.find(client)
    assert [one.id for one in found] == [instance]
    change(frozen, instance)
    outcome = sweep.remove(client, found)
    assert [one.id for one in outcome.spared] == [instance]
    assert instance in frozen.instance_ids()


def test_a_stopped_instance_with_a_busy_runner_is_kept(frozen: Running) -> None:
    """The two sides contradict each other: the one that says it lives is believed."""
    runner = register(frozen, job="1")
    instance = machine(frozen, runner.name, state="Stopped")
    outcome = swept(*both(frozen))
    assert [one.id for one in outcome.spared] == [instance]
    assert instance in frozen.instance_ids()


def test_an_error_during_the_second_check_deletes_nothing(frozen: Running) -> None:
    runner = register(frozen, seen=0.0)
    instance = machine(frozen, runner.name)
    register(frozen, "somebody-s")
    client, github = both(frozen)
    found = sweep.find(client, github=github, scopes=[SCOPE])
    frozen.fault("error", "github:list-runners", times=None)
    outcome = sweep.remove(client, found, github, scopes=[SCOPE])
    assert {one.id for one, _ in outcome.kept} == {instance, runner.name}
    assert instance in frozen.instance_ids()


def test_an_image_list_that_keeps_changing_is_an_error(frozen: Running) -> None:
    made = [frozen.image(f"fam-{number}") for number in range(70)]
    client = frozen.client()

    def happen(number: int) -> None:
        if number % 2 == 0:
            frozen.cloud.store.remove(*(one for one in frozen.cloud.store.all(Image) if one.id == made[number]))

    client._transport = Meddled(client._transport, "PageNumber", happen)
    with pytest.raises(UnavailableError, match="The list of images changed"):
        describe_images(client, page_size=10)


def test_pages_that_lead_in_a_circle_end(frozen: Running) -> None:
    client = frozen.client()
    answer = {"Instances": {"Instance": []}, "NextToken": "again"}
    client.call = lambda *_, **__: answer  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match="returned the same page token twice"):
        describe_instances(client)


def test_one_failed_deletion_does_not_stop_the_others(frozen: Running) -> None:
    made = [put(frozen, f"i-{number:03d}", undeletable=number == 57) for number in range(100)]
    client = frozen.client()
    outcome = release_each(client, [*made, "i-never-was"])
    assert outcome.missing == ("i-never-was",)
    assert list(outcome.kept) == ["i-057"]
    assert "DeletionProtection" in str(outcome.kept["i-057"])
    assert frozen.instance_ids() == {"i-057"}
    assert frozen.cloud.gateway.calls["DeleteInstances"] < 25, "halved, and not asked for one by one"


def test_instances_that_have_vanished_do_not_cost_a_call_for_each_of_the_others(frozen: Running) -> None:
    made = [put(frozen, f"i-{number:03d}") for number in range(250)]
    gone = ["i-vanished-1", "i-vanished-2"]
    assert release(frozen.client(), [*made[:40], *gone, *made[40:]]) == gone
    assert frozen.cloud.gateway.calls["DeleteInstances"] == 6, "three batches, one again without two, and these"
    assert frozen.instance_ids() == set()


def test_each_failed_deletion_is_reported_with_its_reason(frozen: Running) -> None:
    for number in range(8):
        put(frozen, f"i-{number}", undeletable=number in (2, 5))
    with pytest.raises(Exception, match=r"i-2 still exists(.|\n)*i-5 still exists"):
        release(frozen.client(), [f"i-{number}" for number in range(8)])
    assert frozen.instance_ids() == {"i-2", "i-5"}


def test_a_sweep_reports_each_instance_for_itself(frozen: Running) -> None:
    for number in range(30):
        put(frozen, f"i-{number:02d}", state="Stopped", undeletable=number == 3)
    client = frozen.client()
    outcome = sweep.remove(client, sweep.find(client))
    assert [one.id for one, _ in outcome.kept] == ["i-03"]
    assert len(outcome.removed) == 29
    assert frozen.instance_ids() == {"i-03"}


def test_registrations_are_removed_and_missing_ones_reported(frozen: Running) -> None:
    runner = register(frozen)
    _, github = both(frozen)
    assert registrations.remove(github, SCOPE, [runner.name, "never-was"]) == ["never-was"]
    assert list(frozen.cloud.store.all(GitHubRunner)) == []
