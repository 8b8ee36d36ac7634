"""Files, commits and branches of repositories, as far as a change can be proposed.

Every repository has the branch ``main``, with one file. The ids of objects are Git's own.
Sources: "REST API endpoints for repository contents", "REST API endpoints for Git references"; "Git Internals".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local_cloud.clock import iso
from local_cloud.github.errors import GitHubFault, invalid, not_found
from local_cloud.github.jobs import Jobs
from local_cloud.github.records import GitHubBranch, GitHubCommit
from local_cloud.github.requests import NO_CONTENT, Payload, Request, Route

MAIN = "main"
_REPOSITORY = "/repos/(?P<repository>[^/]+/[^/]+)"
_CONTENTS = f"{_REPOSITORY}/contents/(?P<path>.+)"
_REFS = f"{_REPOSITORY}/git/refs"
_AUTHOR = "octocat <octocat@github.com> 0 +0000"
_BRANCH = re.compile(r"refs/heads/(?!/)[\w./-]{1,200}(?<![/.])", re.ASCII)


def routes(jobs: Jobs, api: str) -> Iterator[Route]:
    """Yield the requests about files and branches."""
    yield "GET", f"{_REPOSITORY}/git/ref/(?P<ref>.+)", "get-ref", lambda request: (200, _get_ref(jobs, api, request))
    yield "POST", _REFS, "create-ref", lambda request: (201, _create_ref(jobs, api, request))
    yield "DELETE", f"{_REFS}/(?P<ref>.+)", "delete-ref", lambda request: _delete_ref(jobs, request)
    yield "GET", _CONTENTS, "get-content", lambda request: (200, _get(jobs, api, request))
    yield "PUT", _CONTENTS, "put-content", lambda request: _put(jobs, api, request)


def head_of(jobs: Jobs, repository: str, name: str) -> GitHubCommit | None:
    """Return the last commit of a branch; None: there is no such branch."""
    branch = jobs.store.get(GitHubBranch, f"{repository.lower()} {name}")
    if branch is None:
        return _first(repository) if name == MAIN else None
    return commit_of(jobs, repository, branch.sha)


def commit_of(jobs: Jobs, repository: str, sha: str) -> GitHubCommit:
    """Return a commit.

    Raises:
        GitHubFault: the repository has no commit with this id.
    """
    first = _first(repository)
    found = first if sha == first.id else jobs.store.get(GitHubCommit, sha)
    if found is None or found.repository.lower() != repository.lower():
        raise invalid("Object does not exist")
    return found


def move(jobs: Jobs, repository: str, name: str, files: Mapping[str, str], message: str) -> GitHubCommit:
    """Add a commit with these files to a branch, and return it."""
    before = head_of(jobs, repository, name)
    parent = before.id if before else ""
    sha = _commit_sha(repository, parent, message, files)
    commit = GitHubCommit(id=sha, repository=repository, parent=parent, message=message, files=dict(files))
    branch = GitHubBranch(id=f"{repository.lower()} {name}", repository=repository, name=name, sha=sha)
    jobs.store.put(commit, branch)
    return commit


def _first(repository: str) -> GitHubCommit:
    readme = base64.b64encode(f"# {repository.partition('/')[2]}\n".encode()).decode()
    files, message = {"README.md": readme}, "Initial commit"
    sha = _commit_sha(repository, "", message, files)
    return GitHubCommit(id=sha, repository=repository, parent="", message=message, files=files)


def _get_ref(jobs: Jobs, api: str, request: Request) -> dict[str, Any]:
    name = request.found["ref"].removeprefix("heads/")
    commit = head_of(jobs, request.scope, name) if request.found["ref"].startswith("heads/") else None
    if commit is None:
        raise not_found()
    return _ref_json(api, request.scope, name, commit.id)


def _create_ref(jobs: Jobs, api: str, request: Request) -> dict[str, Any]:
    ref, sha = request.body.get("ref"), request.body.get("sha")
    if not isinstance(ref, str) or not isinstance(sha, str) or not _BRANCH.fullmatch(ref):
        raise invalid("Reference name must start with 'refs/' and be valid")
    name = ref.removeprefix("refs/heads/")
    commit = commit_of(jobs, request.scope, sha)
    if head_of(jobs, request.scope, name):
        raise invalid("Reference already exists")
    jobs.store.put(
        GitHubBranch(id=f"{request.scope.lower()} {name}", repository=request.scope, name=name, sha=commit.id),
        commit,
    )
    return _ref_json(api, request.scope, name, commit.id)


def _delete_ref(jobs: Jobs, request: Request) -> Payload:
    name = request.found["ref"].removeprefix("heads/")
    branch = jobs.store.get(GitHubBranch, f"{request.scope.lower()} {name}")
    if branch is None or name == MAIN:
        raise invalid("Reference does not exist")
    jobs.store.remove(branch)
    return NO_CONTENT


def _ref_json(api: str, repository: str, name: str, sha: str) -> dict[str, Any]:
    url = f"{api}/repos/{repository}/git"
    target = {"type": "commit", "sha": sha, "url": f"{url}/commits/{sha}"}
    node = base64.b64encode(f"ref {name}".encode()).decode()
    return {"ref": f"refs/heads/{name}", "node_id": node, "url": f"{url}/refs/heads/{name}", "object": target}


def _get(jobs: Jobs, api: str, request: Request) -> dict[str, Any]:
    commit = head_of(jobs, request.scope, request.query.get("ref", MAIN).removeprefix("refs/heads/"))
    path = request.found["path"]
    if commit is None:
        raise GitHubFault(404, f"No commit found for the ref {request.query.get('ref')}")
    if path not in commit.files:
        raise not_found()
    content = commit.files[path]
    return {**_file_json(api, request.scope, path, content), "encoding": "base64", "content": content + "\n"}


def _put(jobs: Jobs, api: str, request: Request) -> Payload:
    body, path = request.body, request.found["path"]
    content, message = body.get("content"), body.get("message")
    name = str(body.get("branch", MAIN))
    if not isinstance(content, str) or not isinstance(message, str) or not message:
        raise invalid("Invalid request.")
    try:
        content = base64.b64encode(base64.b64decode(content)).decode()
    except (ValueError, binascii.Error):
        raise invalid("content is not valid Base64") from None
    before = head_of(jobs, request.scope, name)
    if before is None:
        raise GitHubFault(404, f"Branch {name} not found")
    if (old := before.files.get(path)) is not None:
        if "sha" not in body:
            raise invalid('Invalid request.\n\n"sha" wasn\'t supplied.')
        if body["sha"] != blob_sha(old):
            raise GitHubFault(409, f"{path} does not match {body['sha']}")
    commit = move(jobs, request.scope, name, {**before.files, path: content}, message)
    described = _commit_json(api, request.scope, commit, iso(jobs.clock.now()))
    return (200 if old is not None else 201), {
        "content": _file_json(api, request.scope, path, content),
        "commit": described,
    }


def _file_json(api: str, repository: str, path: str, content: str) -> dict[str, Any]:
    sha, url = blob_sha(content), f"{api}/repos/{repository}"
    page = f"{api.removesuffix('/api/v3')}/{repository}"
    links = {
        "self": f"{url}/contents/{path}",
        "git": f"{url}/git/blobs/{sha}",
        "html": f"{page}/blob/{MAIN}/{path}",
    }
    return {
        "type": "file",
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": len(base64.b64decode(content)),
        "url": links["self"],
        "git_url": links["git"],
        "html_url": links["html"],
        "download_url": f"{page}/raw/{MAIN}/{path}",
        "_links": links,
    }


def _commit_json(api: str, repository: str, commit: GitHubCommit, when: str) -> dict[str, Any]:
    url = f"{api}/repos/{repository}/git/commits"
    author = {"name": "octocat", "email": "octocat@github.com", "date": when}
    tree = _tree_sha(commit.files)
    return {
        "sha": commit.id,
        "node_id": base64.b64encode(commit.id.encode()).decode(),
        "url": f"{url}/{commit.id}",
        "html_url": f"{api.removesuffix('/api/v3')}/{repository}/commit/{commit.id}",
        "author": author,
        "committer": author,
        "message": commit.message,
        "tree": {"sha": tree, "url": f"{api}/repos/{repository}/git/trees/{tree}"},
        "parents": [{"sha": commit.parent, "url": f"{url}/{commit.parent}", "html_url": f"{url}/{commit.parent}"}],
        "verification": {
            "verified": False,
            "reason": "unsigned",
            "signature": None,
            "payload": None,
            "verified_at": None,
        },
    }


def blob_sha(content: str) -> str:
    """Return Git's number of a file with this content, which is in Base64."""
    return _sha("blob", base64.b64decode(content))


def _commit_sha(repository: str, parent: str, message: str, files: Mapping[str, str]) -> str:
    lines = [f"tree {_tree_sha(files)}", *([f"parent {parent}"] if parent else []), f"author {_AUTHOR}"]
    # The repository is part of the message, so that two repositories have different first commits.
    return _sha("commit", "\n".join([*lines, f"committer {_AUTHOR}", "", message, "", repository]).encode())


def _tree_sha(files: Mapping[str, str]) -> str:
    folders: dict[str, dict[str, str]] = {}
    entries: dict[str, tuple[str, str]] = {}
    for path, content in files.items():
        first, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(first, {})[rest] = content
        else:
            entries[first] = ("100644", blob_sha(content))
    entries.update({name: ("40000", _tree_sha(inside)) for name, inside in folders.items()})
    ordered = sorted(entries, key=lambda name: name + "/" * (name in folders))
    body = b"".join(f"{entries[name][0]} {name}\0".encode() + bytes.fromhex(entries[name][1]) for name in ordered)
    return _sha("tree", body)


def _sha(kind: str, content: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
