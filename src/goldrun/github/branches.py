"""Branches of a repository and the files on them.

Sources: "REST API endpoints for Git references", "REST API endpoints for repository contents".
"""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import quote

from goldrun.github.client import GitHub, GitHubError
from goldrun.github.scope import Scope


def find_branch(github: GitHub, scope: Scope, name: str) -> str | None:
    """Return the commit that a branch is at; None: there is no such branch.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    try:
        return str(github.call("GET", f"{scope.path}/git/ref/heads/{quote(name)}")["object"]["sha"])
    except GitHubError as error:
        if error.status != 404:
            raise
        return None


def create_branch(github: GitHub, scope: Scope, name: str, commit: str) -> None:
    """Create a branch at a commit.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    github.call("POST", f"{scope.path}/git/refs", {"ref": f"refs/heads/{name}", "sha": commit})


def delete_branch(github: GitHub, scope: Scope, name: str) -> None:
    """Delete a branch.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    github.call("DELETE", f"{scope.path}/git/refs/heads/{quote(name)}")


def find_file(github: GitHub, scope: Scope, path: str, branch: str) -> str | None:
    """Return Git's number of a file's content on a branch; None: there is no such file.

    Raises:
        GitHubError: GitHub refused or failed.
    """
    try:
        return str(github.call("GET", f"{scope.path}/contents/{quote(path)}", query={"ref": branch})["sha"])
    except GitHubError as error:
        if error.status != 404:
            raise
        return None


def write_file(github: GitHub, scope: Scope, path: str, content: bytes, *, branch: str, message: str) -> None:
    """Write a file, as a commit of its own on a branch.

    Raises:
        GitHubError: GitHub refused or failed; another change came first, for example.
    """
    before = find_file(github, scope, path, branch)
    if before == blob_number(content):
        return
    body = {"message": message, "branch": branch, "content": base64.b64encode(content).decode()}
    github.call("PUT", f"{scope.path}/contents/{quote(path)}", {**body, **({"sha": before} if before else {})})


def blob_number(content: bytes) -> str:
    """Return Git's number of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
