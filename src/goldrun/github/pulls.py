"""Pull requests. Source: "REST API endpoints for pull requests"."""

from __future__ import annotations

from typing import NamedTuple

from goldrun.github.client import GitHub
from goldrun.github.scope import Scope


class Pull(NamedTuple):
    """An open pull request.

    Attributes:
        number: its number.
        url: its page.
    """

    number: int
    url: str


def find_pull(github: GitHub, scope: Scope, branch: str) -> Pull | None:
    """Return the open pull request from a branch of the same repository; None: there is none.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    head = f"{scope.name.partition('/')[0]}:{branch}"
    found = github.call("GET", f"{scope.path}/pulls", query={"head": head, "state": "open"})
    return Pull(found[0]["number"], found[0]["html_url"]) if found else None


def create_pull(github: GitHub, scope: Scope, *, branch: str, base: str, title: str, body: str) -> None:
    """Ask that a branch be merged.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    github.call("POST", f"{scope.path}/pulls", {"title": title, "head": branch, "base": base, "body": body})


def close_pull(github: GitHub, scope: Scope, number: int) -> None:
    """Close a pull request without merging it.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    github.call("PATCH", f"{scope.path}/pulls/{number}", {"state": "closed"})
