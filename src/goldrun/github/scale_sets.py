"""Runner scale sets: found, created and deleted; a session's messages; a configuration for each runner.

Source: GitHub's public client (github.com/actions/scaleset): ``client.go``, ``session_client.go``, ``types.go``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from goldrun.errors import NotFoundError, UnavailableError
from goldrun.github.actions_service import ActionsService
from goldrun.github.client import GitHubError

SETS = "_apis/runtime/runnerscalesets"
AGENTS = "_apis/distributedtask/pools/0/agents"
POLL_SECONDS = 75.0  # the service answers after 50 at the latest
CAPACITY = "X-ScaleSetMaxCapacity"


@dataclass(frozen=True)
class ScaleSet:
    """A scale set.

    Attributes:
        id: its number.
        name: its name, unique in its runner group.
        group: the number of its runner group.
        labels: what ``runs-on`` selects it by; they stay as they were created.
        statistics: when it was read; None: GitHub did not say.
    """

    id: int
    name: str
    group: int
    labels: tuple[str, ...]
    statistics: Statistics | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Statistics:
    """How many jobs and runners a scale set has now.

    Attributes:
        available: jobs that are offered to it.
        assigned: jobs that need a runner, those that run included: the number of runners that are wanted.
        running: jobs that run.
        registered: its runners.
        busy: those with a job.
        idle: those that wait for one.
    """

    available: int
    assigned: int
    running: int
    registered: int
    busy: int
    idle: int


@dataclass(frozen=True)
class Session:
    """The one session of a scale set, which receives its messages.

    Attributes:
        id: its id.
        owner: the name that its owner gave itself.
        url: where its messages are.
        token: a secret, valid for an hour.
        statistics: at its beginning.
    """

    id: str
    owner: str
    url: str
    token: str = field(repr=False)
    statistics: Statistics


@dataclass(frozen=True)
class JobEvent:
    """What happened to a job.

    Attributes:
        kind: JobAvailable, JobAssigned, JobStarted or JobCompleted.
        request: the number by which it is acquired.
        repository: ``owner/name``.
        name: its name.
        workflow: ``owner/name/.github/workflows/FILE@REF``.
        run: the number of its workflow run.
        event: what triggered it, e.g. ``pull_request``.
        labels: its ``runs-on``.
        runner: the name of its runner; empty: none.
        result: succeeded, failed or canceled; empty: it has not ended.
        queued: when it was queued, in seconds since 1970; 0: GitHub did not say.
        assigned: when it was given to the scale set; 0: it was not yet.
        started: when a runner had it; 0: none had.
        finished: when it had ended; 0: it has not.
    """

    kind: str
    request: int
    repository: str
    name: str
    workflow: str
    run: int
    event: str
    labels: tuple[str, ...]
    runner: str
    result: str
    queued: float = 0.0
    assigned: float = 0.0
    started: float = 0.0
    finished: float = 0.0

    @property
    def waited(self) -> float:
        """Seconds between its being queued and its having a runner; 0: it has none yet."""
        return max(0.0, self.started - self.queued) if self.queued and self.started else 0.0

    @classmethod
    def from_api(cls, part: Mapping[str, Any]) -> JobEvent:
        """Return the event that a part of a message describes."""
        return cls(
            kind=str(part.get("messageType") or ""),
            request=int(part.get("runnerRequestId") or 0),
            repository=f"{part.get('ownerName')}/{part.get('repositoryName')}",
            name=str(part.get("jobDisplayName") or ""),
            workflow=str(part.get("jobWorkflowRef") or ""),
            run=int(part.get("workflowRunId") or 0),
            event=str(part.get("eventName") or ""),
            labels=tuple(part.get("requestLabels") or ()),
            runner=str(part.get("runnerName") or ""),
            result=str(part.get("result") or ""),
            queued=_moment(part.get("queueTime")),
            assigned=_moment(part.get("scaleSetAssignTime")),
            started=_moment(part.get("runnerAssignTime")),
            finished=_moment(part.get("finishTime")),
        )


@dataclass(frozen=True)
class Message:
    """A message: at most 50 events, and the statistics, which are complete."""

    id: int
    statistics: Statistics
    events: tuple[JobEvent, ...]


def find_group(service: ActionsService, name: str) -> int:
    """Return the number of a runner group.

    Raises:
        NotFoundError: the scope has none of that name.
    """
    found = service.call("GET", "_apis/runtime/runnergroups/", query={"groupName": name})["value"]
    if len(found) != 1:
        raise NotFoundError(
            f"{service.scope} has no runner group {name!r}.",
            fix=["create it: Settings → Actions → Runner groups", "or leave group out: it is Default then"],
        )
    return int(found[0]["id"])


def find_scale_set(service: ActionsService, name: str, group: int) -> ScaleSet | None:
    """Return the scale set of that name in a runner group; None: there is none."""
    found = service.call("GET", SETS, query={"runnerGroupId": group, "name": name})["value"]
    return _scale_set(found[0]) if found else None


def create_scale_set(service: ActionsService, name: str, group: int, labels: Sequence[str]) -> ScaleSet:
    """Create a scale set, or find the one that an earlier attempt created."""
    body = {
        "name": name,
        "runnerGroupId": group,
        "labels": [{"type": "System", "name": label} for label in labels],
        "RunnerSetting": {"disableUpdate": True},
    }
    try:
        return _scale_set(service.call("POST", SETS, body))
    except GitHubError as error:
        found = find_scale_set(service, name, group) if error.status == 409 else None
        if found is None:
            raise
        return found


def delete_scale_set(service: ActionsService, number: int) -> None:
    """Delete a scale set; one that does not exist is not an error."""
    try:
        service.call("DELETE", f"{SETS}/{number}")
    except GitHubError as error:
        if not is_set_missing(error):
            raise


def open_session(service: ActionsService, number: int, owner: str) -> Session:
    """Open a scale set's one session.

    Raises:
        GitHubError: another one is open (``is_taken``), the scale set is gone (``is_set_missing``), …
    """
    return _session(service.call("POST", f"{SETS}/{number}/sessions", {"ownerName": owner}))


def refresh_session(service: ActionsService, number: int, session: Session) -> Session:
    """Return the session with a new token."""
    return _session(service.call("PATCH", f"{SETS}/{number}/sessions/{session.id}"))


def close_session(service: ActionsService, number: int, session: Session) -> None:
    """End the session, so that another can begin at once."""
    service.call("DELETE", f"{SETS}/{number}/sessions/{session.id}")


def poll(service: ActionsService, session: Session, last: int, capacity: int) -> Message | None:
    """Wait for the next message after ``last``; None: there was none for a while.

    Args:
        service: the scope's service.
        session: the session.
        last: the number of the last message that was read; 0: none.
        capacity: how many jobs the scale set can take in all.

    Raises:
        GitHubError: the token has ended (``is_token_over``), the session has (``is_session_over``), …
        UnreachableError: no answer.
    """
    status, content = service.send(
        "GET",
        session.url,
        token=session.token,
        query={"lastMessageId": last} if last else None,
        more={CAPACITY: str(capacity)},
        patience=POLL_SECONDS,
    )
    if status == 202 or not content:
        return None
    parts = json.loads(content["body"]) if content.get("body") else []
    if content.get("statistics") is None:
        raise UnavailableError("GitHub sent a message without statistics.")
    return Message(
        int(content["messageId"]), _statistics(content["statistics"]), tuple(JobEvent.from_api(part) for part in parts)
    )


def acknowledge(service: ActionsService, session: Session, message: int) -> None:
    """Delete a message, which otherwise comes again."""
    base, _, query = session.url.partition("?")
    service.send("DELETE", f"{base}/{message}" + (f"?{query}" if query else ""), token=session.token)


def acquire(service: ActionsService, session: Session, number: int, requests: Iterable[int]) -> list[int]:
    """Accept jobs that are offered, and return those that the scale set got."""
    url = f"{service.url}/{SETS}/{number}/acquirejobs"
    return list(service.send("POST", url, list(requests), token=session.token)[1]["value"])


def generate_set_jit_config(service: ActionsService, number: int, name: str) -> tuple[int, str]:
    """Register a runner of a scale set; return its number and its configuration, which is a secret until it is used.

    Raises:
        GitHubError: the name is taken (``is_name_taken``), …
    """
    body = {"name": name, "workFolder": "_work"}
    answer = service.call("POST", f"{SETS}/{number}/generatejitconfig", body)
    return int(answer["runner"]["id"]), str(answer["encodedJITConfig"])


def find_runner(service: ActionsService, name: str) -> int | None:
    """Return the number of the runner of that name; None: it is not registered."""
    found = service.call("GET", AGENTS, query={"agentName": name})["value"]
    return next((int(one["id"]) for one in found if one["name"] == name), None)


def remove_runner(service: ActionsService, runner: int) -> bool:
    """Remove a runner, registered or not; return whether it is gone: GitHub keeps one that runs a job."""
    try:
        service.call("DELETE", f"{AGENTS}/{runner}")
    except GitHubError as error:
        if error.kind == "JobStillRunningException":
            return False
        if error.kind != "AgentNotFoundException":
            raise
    return True


def is_taken(error: GitHubError) -> bool:
    """Return whether another session is open."""
    return error.status == 409


def is_name_taken(error: GitHubError) -> bool:
    """Return whether a runner of that name is registered."""
    return error.kind == "AgentExistsException"


def is_set_missing(error: GitHubError) -> bool:
    """Return whether the scale set does not exist."""
    return error.kind == "RunnerScaleSetNotFoundException"


def is_token_over(error: GitHubError) -> bool:
    """Return whether the session's token has ended."""
    return error.status == 401


def is_session_over(error: GitHubError) -> bool:
    """Return whether the session has ended, or never was."""
    return error.status in (400, 404, 410)


def _moment(text: object) -> float:
    """Return one of GitHub's moments in seconds since 1970; 0 if it has not come (then it is in the year 1)."""
    try:
        found = datetime.fromisoformat(str(text or ""))
        return found.timestamp() if found.year > 1 else 0.0
    except ValueError:
        return 0.0


def _scale_set(element: Mapping[str, Any]) -> ScaleSet:
    return ScaleSet(
        id=int(element["id"]),
        name=str(element["name"]),
        group=int(element.get("runnerGroupId") or 1),
        labels=tuple(label["name"] for label in element.get("labels") or ()),
        statistics=_statistics(element["statistics"]) if element.get("statistics") else None,
    )


def _session(element: Mapping[str, Any]) -> Session:
    url = str(element.get("messageQueueUrl") or "")
    if not url:  # seen while the service was failing
        raise UnavailableError("GitHub opened a session without an address for its messages.")
    return Session(
        id=str(element["sessionId"]),
        owner=str(element.get("ownerName") or ""),
        url=url,
        token=str(element["messageQueueAccessToken"]),
        statistics=_statistics(element["statistics"]),
    )


def _statistics(element: Mapping[str, Any]) -> Statistics:
    return Statistics(
        available=int(element.get("totalAvailableJobs") or 0),
        assigned=int(element.get("totalAssignedJobs") or 0),
        running=int(element.get("totalRunningJobs") or 0),
        registered=int(element.get("totalRegisteredRunners") or 0),
        busy=int(element.get("totalBusyRunners") or 0),
        idle=int(element.get("totalIdleRunners") or 0),
    )
