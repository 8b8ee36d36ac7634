"""Runner scale sets: goldrun's client against the local GitHub, over real HTTP."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest

from goldrun.errors import NotFoundError
from goldrun.github import scale_sets
from goldrun.github.actions_service import ActionsService
from goldrun.github.client import GitHubError
from goldrun.github.scale_sets import Message, ScaleSet, Session
from goldrun.github.scope import Scope, read_scope
from local_cloud.github.records import GitHubJob, GitHubRunner
from local_cloud.github.scale_sets import NOT_ACQUIRED, OFFER_SECONDS, SESSION_SECONDS, START_SECONDS
from tests.conftest import Running
from tests.simulation.played import open_github

SCOPE = Scope("octo-org/octo-repo")


@pytest.fixture
def frozen(frozen: Running) -> Running:
    assert frozen.cloud._github
    frozen.cloud._github.poll_seconds = 0.0
    return frozen


def service(running: Running, scope: Scope = SCOPE) -> ActionsService:
    return ActionsService(open_github(running.url, running.client()), scope)


def begin(running: Running, *, labels: tuple[str, ...] = ("spot",)) -> tuple[ActionsService, ScaleSet, Session]:
    there = service(running)
    made = scale_sets.create_scale_set(there, labels[0], 1, labels)
    return there, made, scale_sets.open_session(there, made.id, "one")


def queue(
    running: Running, count: int = 1, label: str = "spot", repository: str = "octo-org/octo-repo"
) -> list[GitHubJob]:
    jobs = running.cloud.jobs
    return [jobs.add_job(jobs.begin_run(repository, "ci.yml"), name=f"job-{n}", labels=(label,)) for n in range(count)]


def next_message(there: ActionsService, session: Session, last: int = 0, capacity: int = 100) -> Message:
    message = scale_sets.poll(there, session, last, capacity)
    assert message
    return message


def kinds(message: Message) -> list[str]:
    return [event.kind for event in message.events]


def assign(there: ActionsService, made: ScaleSet, session: Session) -> Message:
    """Accept what is offered; returns the message that says so."""
    offered = next_message(there, session)
    scale_sets.acknowledge(there, session, offered.id)
    scale_sets.acquire(there, session, made.id, [event.request for event in offered.events])
    assigned = next_message(there, session, offered.id)
    scale_sets.acknowledge(there, session, assigned.id)
    return assigned


def refusal(error: pytest.ExceptionInfo[GitHubError]) -> tuple[int, str]:
    return error.value.status, error.value.kind


def test_a_scale_set_is_created_found_and_deleted(frozen: Running) -> None:
    there = service(frozen)
    assert scale_sets.find_group(there, "default") == 1
    with pytest.raises(NotFoundError, match="no runner group 'Nobody'"):
        scale_sets.find_group(there, "Nobody")
    assert scale_sets.find_scale_set(there, "spot", 1) is None
    made = scale_sets.create_scale_set(there, "spot", 1, ["spot", "big"])
    assert made == ScaleSet(made.id, "spot", 1, ("spot", "big"))
    assert scale_sets.find_scale_set(there, "SPOT", 1) == made
    assert scale_sets.create_scale_set(there, "spot", 1, ["other"]) == made, "an earlier attempt's is adopted"
    other = service(frozen, Scope("octo-org"))
    assert scale_sets.find_scale_set(other, "spot", 1) is None, "it belongs to its scope"
    scale_sets.delete_scale_set(there, made.id)
    scale_sets.delete_scale_set(there, made.id)
    with pytest.raises(GitHubError) as error:
        scale_sets.open_session(there, made.id, "one")
    assert refusal(error) == (404, "RunnerScaleSetNotFoundException")


def test_a_second_session_waits_until_the_first_ends_or_falls_silent(frozen: Running) -> None:
    there, made, first = begin(frozen)
    with pytest.raises(GitHubError) as error:
        scale_sets.open_session(there, made.id, "two")
    assert refusal(error) == (409, "RunnerScaleSetSessionConflictException")
    assert "already has an active session for owner one" in error.value.message
    scale_sets.close_session(there, made.id, first)
    second = scale_sets.open_session(there, made.id, "two")
    frozen.wall.value += SESSION_SECONDS + 1
    third = scale_sets.open_session(there, made.id, "three")
    with pytest.raises(GitHubError) as error:
        scale_sets.poll(there, second, 0, 1)
    assert scale_sets.is_session_over(error.value)
    assert scale_sets.poll(there, third, 0, 1) is None
    frozen.wall.value += SESSION_SECONDS - 1
    assert scale_sets.poll(there, third, 0, 1) is None
    frozen.wall.value += SESSION_SECONDS - 1
    with pytest.raises(GitHubError):
        scale_sets.open_session(there, made.id, "four")


def test_a_job_is_offered_acquired_and_assigned(frozen: Running) -> None:
    there, made, session = begin(frozen)
    queue(frozen, 2)
    queue(frozen, 1, "other")
    queue(frozen, 1, repository="octo-org/another")
    offered = next_message(there, session)
    assert kinds(offered) == ["JobAvailable", "JobAvailable"]
    assert (offered.statistics.available, offered.statistics.assigned) == (2, 0)
    (first, second) = offered.events
    assert (first.repository, first.name, first.event, first.labels) == (
        "octo-org/octo-repo",
        "job-0",
        "push",
        ("spot",),
    )
    assert next_message(there, session) == offered, "what is not acknowledged comes again"
    assert scale_sets.poll(there, session, offered.id, 100) is None
    assert scale_sets.acquire(there, session, made.id, [first.request, second.request, 99]) == [1, 2]
    assert scale_sets.acquire(there, session, made.id, [first.request]) == [], "it is assigned already"
    assigned = next_message(there, session, offered.id)
    assert kinds(assigned) == ["JobAssigned", "JobAssigned"]
    assert assigned.statistics.assigned == 2
    scale_sets.acknowledge(there, session, offered.id)
    assert next_message(there, session) == assigned


def test_no_more_is_offered_than_it_can_take_and_a_message_has_fifty_parts(frozen: Running) -> None:
    there, _, session = begin(frozen)
    queue(frozen, 130)
    first = next_message(there, session, capacity=120)
    second = next_message(there, session, first.id, capacity=120)
    third = next_message(there, session, second.id, capacity=120)
    assert [len(one.events) for one in (first, second, third)] == [50, 50, 20]
    assert first.statistics.available == 120, "the statistics are complete"
    assert scale_sets.poll(there, session, third.id, 120) is None


def test_an_offer_that_nobody_takes_ends_and_comes_again(frozen: Running) -> None:
    there, made, session = begin(frozen)
    queue(frozen)
    offered = next_message(there, session)
    frozen.wall.value += OFFER_SECONDS + 1
    again = next_message(there, session, offered.id)
    assert kinds(again) == ["JobAvailable"]
    assert scale_sets.acquire(there, session, made.id, [again.events[0].request]) == [1]


def test_a_job_that_no_runner_takes_is_assigned_three_times_and_then_ends(frozen: Running) -> None:
    there, made, session = begin(frozen)
    (job,) = queue(frozen)
    last = 0
    seen: list[str] = []
    for round_ in (1, 2, 3):
        for _ in range(2):
            message = next_message(there, session, last)
            last = message.id
            seen += [f"{event.kind} {event.result}".strip() for event in message.events]
            scale_sets.acquire(there, session, made.id, [event.request for event in message.events])
        frozen.wall.value += START_SECONDS * round_ + 1
    message = next_message(there, session, last)
    seen += [f"{event.kind} {event.result}".strip() for event in message.events]
    assert seen == [*["JobAvailable", "JobAssigned", "JobCompleted canceled"] * 3]
    ended = frozen.cloud.store.get(GitHubJob, job.id)
    assert ended
    assert (ended.status, ended.conclusion, ended.note) == ("completed", "cancelled", NOT_ACQUIRED)
    assert message.statistics.assigned == 0


def test_a_runner_of_a_scale_set_takes_its_jobs_alone(frozen: Running) -> None:
    there, made, session = begin(frozen)
    queue(frozen)
    assigned = assign(there, made, session)
    jobs = frozen.cloud.jobs
    classic = jobs.register(SCOPE.name, "classic", ["spot"], 1)
    assert jobs.take(classic) is None, "the job is a scale set's"
    number, config = scale_sets.generate_set_jit_config(there, made.id, "mine")
    assert json.loads(base64.b64decode(config))[".runner"]
    assert scale_sets.find_runner(there, "mine") == number
    with pytest.raises(GitHubError) as error:
        scale_sets.generate_set_jit_config(there, made.id, "mine")
    assert scale_sets.is_name_taken(error.value)
    mine = frozen.cloud.store.get(GitHubRunner, str(number))
    assert mine
    assert jobs.take(mine)
    started = next_message(there, session, assigned.id)
    assert [(event.kind, event.runner) for event in started.events] == [("JobStarted", "mine")]
    counted = started.statistics
    assert (counted.assigned, counted.running, counted.registered, counted.busy, counted.idle) == (1, 1, 1, 1, 0)
    assert not scale_sets.remove_runner(there, number), "GitHub keeps a runner that runs a job"
    (job,) = frozen.cloud.store.all(GitHubJob)
    frozen.cloud.store.remove(mine)
    jobs.end(job, "failure")
    done = next_message(there, session, started.id)
    assert [(event.kind, event.result, event.runner) for event in done.events] == [("JobCompleted", "failed", "mine")]
    assert done.statistics.assigned == 0
    assert scale_sets.remove_runner(there, number)
    queue(frozen, 1, "spot")
    later = frozen.cloud.store.all(GitHubJob)
    other, _ = scale_sets.generate_set_jit_config(there, made.id, "early")
    early = frozen.cloud.store.get(GitHubRunner, str(other))
    assert early
    assert jobs.take(early) is None, "no job of its set is assigned yet"
    assert len(list(later)) == 2


def test_a_cancelled_job_is_told(frozen: Running) -> None:
    there, made, session = begin(frozen)
    (job,) = queue(frozen)
    assigned = assign(there, made, session)
    frozen.cloud.jobs.cancel(frozen.cloud.jobs.run(SCOPE.name, job.run))
    done = next_message(there, session, assigned.id)
    assert [(event.kind, event.result, event.runner) for event in done.events] == [("JobCompleted", "canceled", "")]
    assert done.statistics.assigned == 0


def test_tokens_end_and_are_renewed(frozen: Running) -> None:
    there, made, session = begin(frozen)
    with pytest.raises(GitHubError) as error:
        there.send("GET", f"{there.url}/{scale_sets.SETS}", token="wrong")
    assert error.value.status == 401
    with pytest.raises(GitHubError) as error:  # each token has its own requests
        there.send("GET", f"{there.url}/{scale_sets.SETS}/{made.id}", token=session.token)
    assert error.value.status == 401
    frozen.wall.value += 3601
    with pytest.raises(GitHubError) as error:
        scale_sets.poll(there, session, 0, 1)
    assert scale_sets.is_token_over(error.value)
    renewed = scale_sets.refresh_session(there, made.id, session)
    assert renewed.id == session.id
    assert scale_sets.poll(there, renewed, 0, 1) is None
    frozen.fault("error", "github:find-scale-set", status=401)
    assert scale_sets.find_scale_set(there, "spot", 1) == made, "a token that is refused is renewed once"


def test_deleting_a_scale_set_frees_its_jobs(frozen: Running) -> None:
    there, made, session = begin(frozen)
    queue(frozen)
    assign(there, made, session)
    scale_sets.delete_scale_set(there, made.id)
    again, _, other = begin(frozen)
    assert kinds(next_message(again, other)) == ["JobAvailable"]


@pytest.mark.parametrize("text", ["octo-org", "enterprises/octo", "octo-org/octo-repo"])
def test_each_kind_of_scope(frozen: Running, text: str) -> None:
    there = service(frozen, read_scope(text))
    made = scale_sets.create_scale_set(there, "spot", 1, ["spot"])
    session = scale_sets.open_session(there, made.id, "one")
    queue(frozen)
    assert kinds(next_message(there, session)) == ["JobAvailable"]


def test_a_poll_waits_for_a_job(live: Running) -> None:
    """The request is held; the job is told as soon as it is there."""
    there, _, session = begin(live)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(scale_sets.poll(there, session, 0, 10)))
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    queue(live)
    thread.join(20)
    assert [event.kind for event in found[0].events] == ["JobAvailable"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (scale_sets.SETS, {"name": ""}),
        (scale_sets.SETS, {"name": 1}),
        (f"{scale_sets.SETS}/1/sessions", {}),
        (f"{scale_sets.SETS}/1/generatejitconfig", {"name": ""}),
        (f"{scale_sets.SETS}/1/acquirejobs", [1]),
        ("_apis/nowhere", {}),
    ],
)
def test_wrong_requests_are_refused(frozen: Running, path: str, body: object) -> None:
    there, _, _ = begin(frozen)
    with pytest.raises(GitHubError) as error:
        there.call("POST", path, body)
    assert 400 <= error.value.status < 500
    assert error.value.message
