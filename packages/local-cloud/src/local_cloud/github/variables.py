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
from local_cloud.github.requests import NO_CONTENT, Asked, Payload, Route, page

_NAME = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]{0,254}")
MAX_VALUE = 48 * 1024
DEFAULT_PAGE, MAX_PAGE = 10, 30
_PATH = "/repos/(?P<repository>[^/]+/[^/]+)/actions/variables"
_ONE = f"{_PATH}/(?P<variable>[^/]+)"


def routes(jobs: Jobs) -> Iterator[Route]:
    """Yield the requests about variables."""
    yield "GET", _PATH, "list-variables", lambda asked: (200, list_of(jobs, asked))
    yield "POST", _PATH, "create-variable", lambda asked: (201, create(jobs, asked))
    yield "GET", _ONE, "get-variable", lambda asked: (200, show(jobs, asked))
    yield "PATCH", _ONE, "update-variable", lambda asked: update(jobs, asked)
    yield "DELETE", _ONE, "delete-variable", lambda asked: remove(jobs, asked)


def list_of(jobs: Jobs, asked: Asked) -> dict[str, Any]:
    """Return a repository's variables, ten a page."""
    found = sorted(_all(jobs, asked), key=lambda one: one.name)
    shown = page(asked, found, default=DEFAULT_PAGE, most=MAX_PAGE)
    return {"total_count": len(found), "variables": [_json(one) for one in shown]}


def create(jobs: Jobs, asked: Asked) -> dict[str, Any]:
    """Add a variable; the answer is empty.

    Raises:
        GitHubFault: it exists already, or is not valid.
    """
    name = valid_name(str(asked.body.get("name", "")))
    if any(one.name == name for one in _all(jobs, asked)):
        raise GitHubFault(409, "Already exists - Variable already exists")
    now = jobs.clock.now()
    jobs.store.put(
        GitHubVariable(
            id=f"{asked.scope} {name}".lower(),
            repository=asked.scope,
            name=name,
            value=_value(asked),
            created=now,
            updated=now,
        )
    )
    return {}


def show(jobs: Jobs, asked: Asked) -> dict[str, Any]:
    """Return a variable.

    Raises:
        GitHubFault: there is none of that name.
    """
    return _json(_one(jobs, asked))


def update(jobs: Jobs, asked: Asked) -> Payload:
    """Change a variable's value.

    Raises:
        GitHubFault: there is none of that name, or the value is not valid.
    """
    jobs.store.put(replace(_one(jobs, asked), value=_value(asked), updated=jobs.clock.now()))
    return NO_CONTENT


def remove(jobs: Jobs, asked: Asked) -> Payload:
    """Delete a variable.

    Raises:
        GitHubFault: there is none of that name.
    """
    jobs.store.remove(_one(jobs, asked))
    return NO_CONTENT


def valid_name(name: str) -> str:
    """Return the name of a variable or a secret, in capitals.

    Raises:
        GitHubFault: it is not valid.
    """
    if not _NAME.fullmatch(name.upper()):
        raise invalid("Name is not valid")
    return name.upper()


def _all(jobs: Jobs, asked: Asked) -> list[GitHubVariable]:
    return [one for one in jobs.store.all(GitHubVariable) if one.repository.lower() == asked.scope.lower()]


def _one(jobs: Jobs, asked: Asked) -> GitHubVariable:
    found = jobs.store.get(GitHubVariable, f"{asked.scope} {asked.found['variable']}".lower())
    if found is None:
        raise not_found()
    return found


def _value(asked: Asked) -> str:
    value = asked.body.get("value")
    if not isinstance(value, str) or len(value.encode()) > MAX_VALUE:
        raise invalid("Value is not valid")
    return value


def _json(one: GitHubVariable) -> dict[str, Any]:
    return {"name": one.name, "value": one.value, "created_at": iso(one.created), "updated_at": iso(one.updated)}
