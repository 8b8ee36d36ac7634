"""Check runs: what an App reports about a commit.

Source: "REST API endpoints for check runs": only a GitHub App may create one.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from local_cloud.clock import iso
from local_cloud.github.errors import GitHubFault, invalid
from local_cloud.github.jobs import Jobs
from local_cloud.github.payloads import example
from local_cloud.github.records import GitHubCheck
from local_cloud.github.requests import Request, page

Status = Literal["queued", "in_progress", "completed"]
Conclusion = Literal["action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"]


class Output(msgspec.Struct):
    """What people read."""

    title: str
    summary: Annotated[str, Meta(max_length=65_535)]


class NewCheck(msgspec.Struct):
    """The members of a request for a check run; others are ignored."""

    name: str
    head_sha: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")]
    status: Status = "queued"
    conclusion: Conclusion | None = None
    output: Output | None = None


def create(jobs: Jobs, request: Request) -> dict[str, Any]:
    """Add a check run, and return it as JSON.

    Raises:
        GitHubFault: the caller is not a GitHub App, or the request is not valid.
    """
    if not request.as_app:
        raise GitHubFault(403, "You must authenticate via a GitHub App.")
    try:
        new = msgspec.convert(dict(request.body), NewCheck)
    except msgspec.ValidationError as error:
        raise invalid(f"Invalid request.\n\n{error}") from None
    check = GitHubCheck(
        id=jobs.next_number(GitHubCheck),
        repository=request.scope,
        sha=new.head_sha,
        name=new.name,
        # With a conclusion it has ended.
        status="completed" if new.conclusion else new.status,
        conclusion=new.conclusion or "",
        title=new.output.title if new.output else "",
        summary=new.output.summary if new.output else "",
        created=jobs.clock.now(),
    )
    jobs.store.put(check)
    return _json(check)


def list_of(jobs: Jobs, request: Request) -> dict[str, Any]:
    """Return the check runs of a commit."""
    found = [
        check
        for check in jobs.store.all(GitHubCheck)
        if check.repository.lower() == request.scope.lower() and check.sha == request.found["sha"]
    ]
    return {"total_count": len(found), "check_runs": [_json(check) for check in page(request, found)]}


def _json(check: GitHubCheck) -> dict[str, Any]:
    done = bool(check.conclusion)
    whole: dict[str, Any] = example("check_run")
    return {
        **whole,
        "id": int(check.id),
        "name": check.name,
        "head_sha": check.sha,
        "node_id": hashlib.sha256(check.id.encode()).hexdigest()[:20],
        "status": check.status,
        "conclusion": check.conclusion or None,
        "started_at": iso(check.created),
        "completed_at": iso(check.created) if done else None,
        "output": {**whole["output"], "title": check.title or None, "summary": check.summary or None},
        "pull_requests": [],
    }
