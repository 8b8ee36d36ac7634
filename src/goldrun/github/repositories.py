"""Repositories and their releases.

Sources: "Get a repository", "Get the latest release", "List releases" of the REST API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from goldrun.github.client import GitHub
from goldrun.github.scope import Scope

MOST_RELEASES = 30  # each names all of its files, which may be hundreds


class Repository(NamedTuple):
    """A repository; its id and its owner's stay the same when the names change.

    Attributes:
        of_organization: whether its owner is an organization, and not a person.
    """

    id: int
    name: str
    owner: str
    owner_id: int
    default_branch: str
    of_organization: bool


def get_repository(github: GitHub, scope: Scope) -> Repository:
    """Return a repository by its name.

    Raises:
        GitHubError: it was not found, or the token may not read it.
    """
    element = github.call("GET", scope.path)
    owner = element["owner"]
    return Repository(
        element["id"],
        element["name"],
        owner["login"],
        owner["id"],
        element["default_branch"],
        owner.get("type") == "Organization",
    )


@dataclass(frozen=True)
class Release:
    """A release.

    Attributes:
        tag: its tag; empty: the repository has no release.
        digests: the SHA-256 of its files, by name; of files from before June 2025 GitHub tells none.
    """

    tag: str
    digests: Mapping[str, str]


def read_release(github: GitHub, scope: Scope) -> Release:
    """Return a repository's latest release.

    Source: the REST API's releases, ``assets[].digest``.

    Raises:
        GitHubError: GitHub refused or failed, or there is no release.
    """
    return _release(github.call("GET", f"{scope.path}/releases/latest"))


def list_releases(github: GitHub, scope: Scope) -> list[Release]:
    """Return a repository's newest releases, without drafts and pre-releases, the newest first.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    found = github.call("GET", f"{scope.path}/releases", query={"per_page": MOST_RELEASES})
    return [_release(element) for element in found if not element.get("draft") and not element.get("prerelease")]


def _release(element: Mapping[str, Any]) -> Release:
    given = {str(one["name"]): str(one.get("digest") or "") for one in element.get("assets", [])}
    digests = {name: text.removeprefix("sha256:") for name, text in given.items() if text.startswith("sha256:")}
    return Release(str(element.get("tag_name", "")), digests)
