"""Secrets of repositories: sealed for a repository's public key, and never read again.

Source: "REST API endpoints for GitHub Actions Secrets"; sealed boxes: libsodium, "Sealed boxes".
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from local_cloud.clock import iso
from local_cloud.github.errors import invalid, not_found
from local_cloud.github.jobs import Jobs
from local_cloud.github.records import GitHubSecret
from local_cloud.github.requests import NO_CONTENT, Payload, Request, Route, page
from local_cloud.github.variables import valid_name

MAX_VALUE = 48 * 1024
_PATH = "/repos/(?P<repository>[^/]+/[^/]+)/actions/secrets"
_ONE = f"{_PATH}/(?P<secret>[^/]+)"


def routes(jobs: Jobs) -> Iterator[Route]:
    """Yield the requests about secrets."""
    yield "GET", _PATH, "list-secrets", lambda request: (200, _list(jobs, request))
    yield "GET", f"{_PATH}/public-key", "get-public-key", lambda request: (200, _public_key(request))
    yield "GET", _ONE, "get-secret", lambda request: (200, _json(_one(jobs, request)))
    yield "PUT", _ONE, "put-secret", lambda request: _put(jobs, request)
    yield "DELETE", _ONE, "delete-secret", lambda request: _delete(jobs, request)


def _list(jobs: Jobs, request: Request) -> dict[str, Any]:
    mine = request.scope.lower()
    found = sorted(
        (one for one in jobs.store.all(GitHubSecret) if one.repository.lower() == mine), key=lambda one: one.name
    )
    return {"total_count": len(found), "secrets": [_json(one) for one in page(request, found)]}


def _public_key(request: Request) -> dict[str, str]:
    public = bytes(_key(request.scope).public_key)
    return {"key_id": _key_id(public), "key": base64.b64encode(public).decode()}


def _put(jobs: Jobs, request: Request) -> Payload:
    name = valid_name(request.found["secret"])
    sealed, key = request.body.get("encrypted_value"), _key(request.scope)
    if not isinstance(sealed, str) or request.body.get("key_id") != _key_id(bytes(key.public_key)):
        raise invalid("Bad request - key_id and encrypted_value are required, and the key must be the present one")
    try:
        value = SealedBox(key).decrypt(base64.b64decode(sealed, validate=True)).decode()
    except (ValueError, CryptoError):
        raise invalid("Bad request - the value could not be decrypted") from None
    if len(value.encode()) > MAX_VALUE:
        raise invalid("Value is too large")
    now = jobs.clock.now()
    known = jobs.store.get(GitHubSecret, f"{request.scope} {name}".lower())
    fresh = GitHubSecret(
        id=f"{request.scope} {name}".lower(), repository=request.scope, name=name, value=value, created=now, updated=now
    )
    jobs.store.put(replace(known, value=value, updated=now) if known else fresh)
    return (204, None) if known else (201, {})


def _delete(jobs: Jobs, request: Request) -> Payload:
    jobs.store.remove(_one(jobs, request))
    return NO_CONTENT


def _one(jobs: Jobs, request: Request) -> GitHubSecret:
    found = jobs.store.get(GitHubSecret, f"{request.scope} {request.found['secret']}".lower())
    if found is None:
        raise not_found()
    return found


def _key(repository: str) -> PrivateKey:
    """Return a repository's key: always the same one. The local GitHub keeps no secret from this computer's user."""
    return PrivateKey(hashlib.sha256(f"secrets of {repository.lower()}".encode()).digest())


def _key_id(public: bytes) -> str:
    return str(int.from_bytes(hashlib.sha256(public).digest()[:7], "big"))


def _json(one: GitHubSecret) -> dict[str, Any]:
    return {"name": one.name, "created_at": iso(one.created), "updated_at": iso(one.updated)}
