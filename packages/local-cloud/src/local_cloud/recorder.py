"""Records a client's calls and their answers, so that tests can replay them.

A recording is a file of lines in JSON: the first one names the client, each other one is a call in its order. It has
neither signatures, keys nor passwords, and no user data, commands and files, which may contain other secrets.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from local_cloud.auth import is_v3
from local_cloud.gateway import Reply, read
from local_cloud.github.actions_service import CAPACITY
from local_cloud.github.router import RUNNER, path_at_github
from local_cloud.oss.endpoint import is_for_oss
from local_cloud.params import products

MAX_CALLS = 20_000
LONG, SHORT = 20, 3  # a list with more elements than that keeps so many: prices, types, zones
# What belongs to the signature, and what the line has in members of its own.
_SIGNED = frozenset(
    (
        *("AccessKeyId", "SecurityToken", "Signature", "SignatureMethod", "SignatureNonce", "SignatureType"),
        *("SignatureVersion", "Timestamp", "Action", "Version", "Format"),
    )
)
_CONTENTS = ("UserData", "LaunchConfiguration.UserData", "CommandContent", "Content")
_TOKENS = ("OIDCToken", "SAMLAssertion")
_SECRET = frozenset(
    (
        "PrivateKeyBody",
        "AccessKeySecret",
        "AccessKeyId",
        "SecurityToken",
        "token",
        "secret",
        "encoded_jit_config",
        "encodedJITConfig",
        "messageQueueAccessToken",
        "pem",
        "client_secret",
        "webhook_secret",
        "encrypted_value",
    )
)
MASK = "***"
_CODE = re.compile(r"(?<=/app-manifests/)[^/]+")  # good for one App's key
MASKED_DATA = base64.b64encode(b"(not recorded)").decode()


@dataclass
class Recorder:
    """The calls since its begin."""

    _calls: list[dict[str, Any]] | None = None
    lost: int = 0

    def begin(self) -> None:
        """Record from now on, and forget what was recorded."""
        self._calls, self.lost = [], 0

    def end(self) -> list[dict[str, Any]]:
        """Stop, and return the calls."""
        calls, self._calls = self._calls or [], None
        return calls

    def note(
        self, at: float, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, reply: Reply
    ) -> None:
        """Record a call of an API; others are not recorded.

        Args:
            at: the cloud's time.
            method: the request's method (below: its path, query, headers in lower case and body).
            path: see above.
            query: see above.
            headers: see above.
            body: see above.
            reply: the answer.
        """
        if self._calls is None:
            return
        github_path = path_at_github(path)
        if github_path.startswith(RUNNER) if github_path is not None else is_for_oss(path, headers):
            return
        call = (
            _of_github(method, github_path, query, headers, body)
            if github_path is not None
            else _of_cloud(method, path, query, headers, body)
        )
        if len(self._calls) >= MAX_CALLS:
            self.lost += 1
            return
        self._calls.append(
            {"at": round(at, 3), **call, "status": reply.status, "answer": _shorten(_mask(_parse(reply.body)))}
        )


def _of_cloud(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    wire = read(method, path, query, headers, body)
    version = wire.headers.get("x-acs-version") or wire.params.get("Version", "")
    params = {name: value for name, value in wire.params.items() if name not in _SIGNED}
    params |= {name: MASKED_DATA for name in _CONTENTS if name in params}
    params |= {name: MASK for name in params if name.endswith("Password") or name in _TOKENS}
    return {
        "product": next((code for code, api in products().items() if api.version == version), ""),
        "action": wire.headers.get("x-acs-action") or wire.params.get("Action", ""),
        "version": version,
        "signature": 3 if is_v3(wire) else 1,
        "params": dict(sorted(params.items())),
    }


def _of_github(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    capacity = {CAPACITY: headers[CAPACITY]} if CAPACITY in headers else {}
    return {
        "product": "github",
        "action": f"{method} {_CODE.sub(MASK, path)}",
        **({"headers": capacity} if capacity else {}),
        "params": dict(parse_qsl(query)),
        "body": _mask(_parse(body)),
    }


def _parse(body: bytes) -> Any:
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _mask(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: MASK if _is_secret(name, item) else _mask(item) for name, item in value.items()}
    return [_mask(item) for item in value] if isinstance(value, list) else value


def _is_secret(name: str, item: Any) -> bool:
    """Return whether a member is a secret; the ``value`` of an identity token is one, that of a variable is not."""
    return bool(item) and (name in _SECRET or (name == "value" and isinstance(item, str) and item.startswith("eyJ")))


def _shorten(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shorten(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shorten(item) for item in (value[:SHORT] if len(value) > LONG else value)]
    return value
