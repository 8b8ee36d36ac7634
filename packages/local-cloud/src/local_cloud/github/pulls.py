"""Pull requests. Source: "REST API endpoints for pull requests"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from local_cloud.clock import iso
from local_cloud.github.contents import commit_of, head_of, move
from local_cloud.github.errors import GitHubFault, invalid, not_found
from local_cloud.github.jobs import Jobs
from local_cloud.github.payloads import example_of, repository_json
from local_cloud.github.records import GitHubCommit, GitHubPull
from local_cloud.github.requests import Request, Route, page

_PATH = "/repos/(?P<repository>[^/]+/[^/]+)/pulls"
_ONE = rf"{_PATH}/(?P<pull>\d+)"


def routes(jobs: Jobs, api: str) -> Iterator[Route]:
    """Yield the requests about pull requests."""
    yield "GET", _PATH, "list-pulls", lambda request: (200, _list(jobs, api, request))
    yield "POST", _PATH, "create-pull", lambda request: (201, _whole(api, _create(jobs, request)))
    yield "GET", _ONE, "get-pull", lambda request: (200, _whole(api, _one(jobs, request)))
    yield "PATCH", _ONE, "update-pull", lambda request: (200, _whole(api, _update(jobs, request)))
    yield "PUT", f"{_ONE}/merge", "merge-pull", lambda request: (200, _merge(jobs, request))


def _list(jobs: Jobs, api: str, request: Request) -> list[dict[str, Any]]:
    state, head, base = request.query.get("state", "open"), request.query.get("head", ""), request.query.get("base", "")
    owner = request.scope.partition("/")[0]
    # Without its owner, a head counts as not given, as at GitHub.
    branch = head.partition(":")[2]
    found = [
        one
        for one in _all(jobs, request.scope)
        if state in ("all", one.state)
        and (not branch or (head.partition(":")[0].lower() == owner.lower() and one.head == branch))
        and base in ("", one.base)
    ]
    return [_short(api, one) for one in page(request, sorted(found, key=lambda one: -one.number))]


def _create(jobs: Jobs, request: Request) -> GitHubPull:
    title, head, base = (request.body.get(name) for name in ("title", "head", "base"))
    if not isinstance(title, str) or not title or not isinstance(head, str) or not isinstance(base, str):
        raise invalid("Invalid request.")
    owner = request.scope.partition("/")[0]
    head = head.removeprefix(f"{owner}:")
    theirs, ours = head_of(jobs, request.scope, head), head_of(jobs, request.scope, base)
    if theirs is None or ours is None:
        raise invalid("Validation Failed")
    if any(one.head == head and one.base == base and one.state == "open" for one in _all(jobs, request.scope)):
        raise invalid(f"Validation Failed: A pull request already exists for {owner}:{head}.")
    if theirs.id == ours.id:
        raise invalid(f"Validation Failed: No commits between {base} and {head}")
    number = 1 + max((one.number for one in _all(jobs, request.scope)), default=0)
    made = GitHubPull(
        id=f"{request.scope.lower()} {number}",
        repository=request.scope,
        number=number,
        head=head,
        base=base,
        title=title,
        body=str(request.body.get("body") or ""),
        created=jobs.clock.now(),
    )
    jobs.store.put(made)
    return made


def _update(jobs: Jobs, request: Request) -> GitHubPull:
    state, pull = request.body.get("state", "open"), _one(jobs, request)
    if state not in ("open", "closed"):
        raise invalid("Invalid request.")
    if pull.merged and state == "open":
        raise invalid("Validation Failed: the pull request is merged")
    changed = replace(pull, state=state, title=str(request.body.get("title", pull.title)))
    jobs.store.put(changed)
    return changed


def _merge(jobs: Jobs, request: Request) -> dict[str, Any]:
    pull = _one(jobs, request)
    head = head_of(jobs, request.scope, pull.head)
    base = head_of(jobs, request.scope, pull.base)
    if pull.state != "open" or head is None or base is None:
        raise GitHubFault(405, "Pull Request is not mergeable")
    merged = move(jobs, request.scope, pull.base, {**base.files, **_changed(jobs, head, base)}, pull.title)
    jobs.store.put(replace(pull, state="closed", merged=merged.id))
    return {"sha": merged.id, "merged": True, "message": "Pull Request successfully merged"}


def _changed(jobs: Jobs, head: GitHubCommit, base: GitHubCommit) -> dict[str, str]:
    """Return what a branch's commits have changed since it began."""
    first = head
    while first.parent and first.parent != base.id:
        first = commit_of(jobs, head.repository, first.parent)
    before = commit_of(jobs, head.repository, first.parent).files if first.parent else {}
    return {path: content for path, content in head.files.items() if before.get(path) != content}


def _all(jobs: Jobs, repository: str) -> list[GitHubPull]:
    return [one for one in jobs.store.all(GitHubPull) if one.repository.lower() == repository.lower()]


def _one(jobs: Jobs, request: Request) -> GitHubPull:
    found = jobs.store.get(GitHubPull, f"{request.scope.lower()} {request.found['pull']}")
    if found is None:
        raise not_found()
    return found


def _facts(api: str, pull: GitHubPull, whole: dict[str, Any]) -> dict[str, Any]:
    page = f"{api.removesuffix('/api/v3')}/{pull.repository}/pull/{pull.number}"
    owner = pull.repository.partition("/")[0]
    repository = repository_json(pull.repository, api)
    sides = {
        side: {
            **whole[side],
            "label": f"{owner}:{name}",
            "ref": name,
            "repo": {**whole[side]["repo"], **{key: repository[key] for key in ("id", "name", "full_name", "owner")}},
        }
        for side, name in (("head", pull.head), ("base", pull.base))
    }
    return {
        **whole,
        **{name: [] for name in ("assignees", "labels", "requested_reviewers", "requested_teams")},
        "assignee": None,
        "milestone": None,
        **sides,
        "number": pull.number,
        "state": pull.state,
        "title": pull.title,
        "body": pull.body,
        "html_url": page,
        "created_at": iso(pull.created),
        "updated_at": iso(pull.created),
        "closed_at": iso(pull.created) if pull.state == "closed" else None,
        "merged_at": iso(pull.created) if pull.merged else None,
        "merge_commit_sha": pull.merged or None,
    }


def _whole(api: str, pull: GitHubPull) -> dict[str, Any]:
    whole = _facts(api, pull, example_of("pull", pull.repository, api))
    return {**whole, "merged": bool(pull.merged)}


def _short(api: str, pull: GitHubPull) -> dict[str, Any]:
    return _facts(api, pull, example_of("pulls", pull.repository, api)[0])
