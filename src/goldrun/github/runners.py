"""Self-hosted runners: registered, listed, deleted; downloads of their program, and when a version of it expires.

Sources: "REST API endpoints for self-hosted runners"; ``…/actions/runners/deprecations/{version}`` (GitHub changelog,
2026-09-03). Observed there: a member without a date is left out, and a version unknown to GitHub is a 404. Servers
without that endpoint (GitHub Enterprise Server) answer 404 too, and enforce nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from goldrun.errors import UnavailableError
from goldrun.github.client import PAGE_SIZE, GitHub, GitHubError, segment
from goldrun.github.scope import Scope

DEFAULT_GROUP = 1


@dataclass(frozen=True)
class Registration:
    """A runner as GitHub lists it.

    Attributes:
        id: its id at GitHub.
        name: its name.
        online: whether it is connected.
        busy: whether it runs a job.
        labels: the labels that jobs select it by.
    """

    id: int
    name: str
    online: bool
    busy: bool
    labels: tuple[str, ...]

    @classmethod
    def from_api(cls, element: Mapping[str, Any]) -> Registration:
        """Return the runner that an element of ``runners`` describes."""
        return cls(
            id=element["id"],
            name=element["name"],
            online=element["status"] == "online",
            busy=element["busy"],
            labels=tuple(label["name"] for label in element["labels"]),
        )


@dataclass(frozen=True)
class Package:
    """The runner's program for an operating system and architecture.

    Attributes:
        os: linux, win or osx.
        architecture: x64, arm64 or arm.
        filename: the file's name, which contains the version.
        url: where to download it.
        sha256: the file's digest; empty: not reported.
    """

    os: str
    architecture: str
    filename: str
    url: str
    sha256: str


@dataclass(frozen=True)
class End:
    """When a version expires, in seconds since 1970; None: not announced.

    Attributes:
        registration: from then on it cannot register.
        runtime: from then on it gets no jobs.
    """

    registration: float | None
    runtime: float | None


def list_registrations(github: GitHub, scope: Scope) -> list[Registration]:
    """Return all runners of the scope."""
    return [Registration.from_api(element) for element in github.pages(_path(scope), "runners")]


def has_registrations(github: GitHub, scope: Scope) -> bool:
    """Return whether the scope has any runner. One request, however many it has."""
    return int(github.call("GET", _path(scope), query={"per_page": 1})["total_count"]) > 0


def page_of_registrations(github: GitHub, scope: Scope, page: int) -> tuple[list[Registration], bool]:
    """Return a page of the scope's runners, from 1, and whether there is another one.

    One request. The list moves while it is read page by page: what is not on it may exist all the same.
    """
    answer = github.call("GET", _path(scope), query={"per_page": PAGE_SIZE, "page": page})
    found = [Registration.from_api(element) for element in answer["runners"]]
    return found, page * PAGE_SIZE < int(answer["total_count"])


def find_registrations(github: GitHub, scope: Scope, name: str) -> list[Registration]:
    """Return the runners with exactly that name: one or none."""
    elements = github.pages(_path(scope), "runners", {"name": name})
    return [Registration.from_api(element) for element in elements if element["name"] == name]


def delete_registration(github: GitHub, scope: Scope, runner_id: int) -> None:
    """Delete a runner; GitHub refuses while it runs a job."""
    github.call("DELETE", f"{_path(scope)}/{runner_id}")


def generate_jit_config(
    github: GitHub, scope: Scope, name: str, labels: Sequence[str], group: int
) -> tuple[Registration, str]:
    """Register a runner for one job; return it and its configuration, which is a secret until it is used.

    Raises:
        GitHubError: the name is taken (``is_conflict``), the server has no such configurations (``is_missing``), …
    """
    body = {"name": name, "runner_group_id": group, "labels": list(labels), "work_folder": "_work"}
    answer = github.call("POST", f"{_path(scope)}/generate-jitconfig", body)
    return Registration.from_api(answer["runner"]), str(answer["encoded_jit_config"])


def create_registration_token(github: GitHub, scope: Scope) -> str:
    """Return a secret that a runner registers itself with; it is valid for an hour."""
    return str(github.call("POST", f"{_path(scope)}/registration-token")["token"])


def may_list(github: GitHub, scope: Scope) -> bool:
    """Return whether the token may list the scope's runners: then a 404 elsewhere means a missing endpoint."""
    try:
        github.call("GET", _path(scope), query={"per_page": 1})
    except GitHubError as error:
        if error.status in (403, 404):
            return False
        raise
    return True


def list_packages(github: GitHub, scope: Scope) -> list[Package]:
    """Return the downloads of the runner's program in the version that GitHub offers now."""
    return [
        Package(
            os=str(element["os"]),
            architecture=str(element["architecture"]),
            filename=str(element.get("filename", "")),
            url=str(element["download_url"]),
            sha256=str(element.get("sha256_checksum") or ""),
        )
        for element in github.call("GET", f"{_path(scope)}/downloads")
    ]


def find_end(github: GitHub, scope: Scope, version: str) -> End | None:
    """Return when a version expires; None if GitHub does not know it, or the token may not read it.

    Raises:
        GitHubError: GitHub failed.
    """
    try:
        answer = github.call("GET", f"{_path(scope)}/deprecations/{segment(version)}")
    except GitHubError as error:
        # 403: a token that may register runners may still not read this.
        if error.status in (403, 404):
            return None
        raise
    return End(_moment(answer, "registration_deprecates_at"), _moment(answer, "runtime_deprecates_at"))


def is_conflict(error: GitHubError) -> bool:
    """Return whether GitHub refuses because another runner has the name."""
    return error.status == 409


def is_missing(error: GitHubError) -> bool:
    """Return whether the runner or the endpoint does not exist."""
    return error.status == 404


def is_busy(error: GitHubError) -> bool:
    """Return whether GitHub refuses because the runner runs a job."""
    return error.status == 422


def _path(scope: Scope) -> str:
    return f"{scope.path}/actions/runners"


def _moment(answer: Mapping[str, Any], name: str) -> float | None:
    text = answer.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise UnavailableError(f"GitHub reports {text!r} for {name}, which is not a time.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
