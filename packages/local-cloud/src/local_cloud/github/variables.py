"""Variables of repositories. Source: "REST API endpoints for GitHub Actions variables"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from local_cloud.clock import iso
from local_cloud.github.errors import GitHubFault, invalid, not_found
from local_cloud.github.jobs import Jobs
from local_cloud.github.records import GitHubVariable
from local_cloud.github.requests import NO_CONTENT, Payload, Request, Route, page

_NAME = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]{0,254}")
MAX_VALUE = 48 * 1024
DEFAULT_PAGE, MAX_PAGE = 10, 30
_PATH = "/repos/(?P<repository>[^/]+/[^/]+)/actions/variables"
_ONE = f"{_PATH}/(?P<variable>[^/]+)"


def routes(jobs: Jobs) -> Iterator[Route]:
    """Yield the requests about variables."""
    yield "GET", _PATH, "list-variables", lambda request: (200, list_of(jobs, request))
    yield "POST", _PATH, "create-variable", lambda request: (201, create(jobs, request))
    yield "GET", _ONE, "get-variable", lambda request: (200, show(jobs, request))
    yield "PATCH", _ONE, "update-variable", lambda request: update(jobs, request)
    yield "DELETE", _ONE, "delete-variable", lambda request: remove(jobs, request)


def list_of(jobs: Jobs, request: Request) -> dict[str, Any]:
    """Return a repository's variables, ten a page."""
    found = sorted(_all(jobs, request), key=lambda one: one.name)
    shown = page(request, found, default=DEFAULT_PAGE, most=MAX_PAGE)
    return {"total_count": len(found), "variables": [_json(one) for one in shown]}


def create(jobs: Jobs, request: Request) -> dict[str, Any]:
    """Add a variable; the answer is empty.

    Raises:
        GitHubFault: it exists already, or is not valid.
    """
    name = valid_name(str(request.body.get("name", "")))
    if any(one.name == name for one in _all(jobs, request)):
        raise GitHubFault(409, "Already exists - Variable already exists")
    now = jobs.clock.now()
    jobs.store.put(
        GitHubVariable(
            id=f"{request.scope} {name}".lower(),
            repository=request.scope,
            name=name,
            value=_value(request),
            created=now,
            updated=now,
        )
    )
    return {}


def show(jobs: Jobs, request: Request) -> dict[str, Any]:
    """Return a variable.

    Raises:
        GitHubFault: there is none of that name.
    """
    return _json(_one(jobs, request))


def update(jobs: Jobs, request: Request) -> Payload:
    """Change a variable's value.

    Raises:
        GitHubFault: there is none of that name, or the value is not valid.
    """
    jobs.store.put(replace(_one(jobs, request), value=_value(request), updated=jobs.clock.now()))
    return NO_CONTENT


def remove(jobs: Jobs, request: Request) -> Payload:
    """Delete a variable.

    Raises:
        GitHubFault: there is none of that name.
    """
    jobs.store.remove(_one(jobs, request))
    return NO_CONTENT


def valid_name(name: str) -> str:
    """Return the name of a variable or a secret, in capitals.

    Raises:
        GitHubFault: it is not valid.
    """
    if not _NAME.fullmatch(name.upper()):
        raise invalid("Name is not valid")
    return name.upper()


def _all(jobs: Jobs, request: Request) -> list[GitHubVariable]:
    return [one for one in jobs.store.all(GitHubVariable) if one.repository.lower() == request.scope.lower()]


def _one(jobs: Jobs, request: Request) -> GitHubVariable:
    found = jobs.store.get(GitHubVariable, f"{request.scope} {request.found['variable']}".lower())
    if found is None:
        raise not_found()
    return found


def _value(request: Request) -> str:
    value = request.body.get("value")
    if not isinstance(value, str) or len(value.encode()) > MAX_VALUE:
        raise invalid("Value is not valid")
    return value


def _json(one: GitHubVariable) -> dict[str, Any]:
    return {"name": one.name, "value": one.value, "created_at": iso(one.created), "updated_at": iso(one.updated)}
