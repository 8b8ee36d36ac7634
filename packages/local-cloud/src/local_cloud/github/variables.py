"""Variables of repositories. Source: "REST API endpoints for GitHub Actions variables"."""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from local_cloud.clock import iso
from local_cloud.github.errors import GitHubFault, invalid, not_found
from local_cloud.github.jobs import Jobs
from local_cloud.github.records import GitHubVariable
from local_cloud.github.requests import Asked, page

_NAME = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]{0,254}")
MAX_VALUE = 48 * 1024
DEFAULT_PAGE, MAX_PAGE = 10, 30


def list_of(jobs: Jobs, asked: Asked) -> dict[str, Any]:
    """Return a repository's variables, ten a page."""
    found = sorted(_all(jobs, asked), key=lambda one: one.name)
    size = asked.query.get("per_page", "")
    limited = min(MAX_PAGE, int(size)) if size.isascii() and size.isdigit() and int(size) else DEFAULT_PAGE
    query = {**asked.query, "per_page": str(limited)}
    shown = page(Asked(asked.scope, asked.found, query, asked.body, asked.links), found)
    return {"total_count": len(found), "variables": [_json(one) for one in shown]}


def create(jobs: Jobs, asked: Asked) -> None:
    """Add a variable.

    Raises:
        GitHubFault: it exists already, or is not valid.
    """
    name = str(asked.body.get("name", "")).upper()
    if not _NAME.fullmatch(name):
        raise invalid("Name is not valid")
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


def show(jobs: Jobs, asked: Asked) -> dict[str, Any]:
    """Return a variable.

    Raises:
        GitHubFault: there is none of that name.
    """
    return _json(_one(jobs, asked))


def update(jobs: Jobs, asked: Asked) -> None:
    """Change a variable's value.

    Raises:
        GitHubFault: there is none of that name, or the value is not valid.
    """
    jobs.store.put(replace(_one(jobs, asked), value=_value(asked), updated=jobs.clock.now()))


def remove(jobs: Jobs, asked: Asked) -> None:
    """Delete a variable.

    Raises:
        GitHubFault: there is none of that name.
    """
    jobs.store.remove(_one(jobs, asked))


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
