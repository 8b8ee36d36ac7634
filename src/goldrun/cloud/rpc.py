"""A call of an RPC API on the wire: its parameters and headers, and what its answer says.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

import os
import time

from goldrun import __version__
from goldrun.cloud import signature
from goldrun.cloud.errors import ServiceError, api_error
from goldrun.errors import UnavailableError
from goldrun.http.members import Members
from goldrun.lean import parse_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypeAlias

    from goldrun.cloud.credentials import Credentials
    from goldrun.cloud.endpoints import Api
    from goldrun.http.endpoint import Endpoint
    from goldrun.http.http1 import Answer


EMPTY_SHA256 = signature.sha256_hex(b"")

# A parameter in Python: lists become `Name.1`, `Name.2`; mappings in them `Tag.1.Key`. None is left out.
Scalar = str | int | bool
Parameter: TypeAlias = "Scalar | Sequence[Scalar] | Sequence[Mapping[str, Scalar]] | None"


def flatten(params: Mapping[str, Parameter]) -> dict[str, str]:
    """Return parameters in the form of the RPC API: ``Tag.1.Key`` for lists, ``true``/``false``, text."""
    flat: dict[str, str] = {}
    for name, value in params.items():
        if value is None:
            continue
        if isinstance(value, str | int):
            flat[name] = _text(value)
            continue
        for number, item in enumerate(value, 1):
            if isinstance(item, str | int):
                flat[f"{name}.{number}"] = _text(item)
            else:
                flat.update({f"{name}.{number}.{key}": _text(part) for key, part in item.items()})
    return flat


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def sign(api: Api, action: str, query: str, endpoint: Endpoint, credentials: Credentials, now: float) -> dict[str, str]:
    """Return the headers of a signed request (signature version 3), ``Authorization`` included."""
    headers = {
        "accept": "application/json",
        "host": endpoint.netloc,
        "user-agent": f"goldrun/{__version__}",
        "x-acs-action": action,
        "x-acs-content-sha256": EMPTY_SHA256,
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "x-acs-signature-nonce": os.urandom(16).hex(),
        "x-acs-version": api.version,
    }
    if credentials.security_token:
        headers["x-acs-security-token"] = credentials.security_token
    headers["authorization"] = signature.authorization_v3(
        "POST",
        "/",
        query,
        headers,
        EMPTY_SHA256,
        access_key_id=credentials.access_key_id,
        access_key_secret=credentials.access_key_secret,
    )
    return headers


_IN_THE_WAY = "a proxy or a login page may be in the way: check HTTPS_PROXY, NO_PROXY and GOLDRUN_ENDPOINT."


def read_answer(permission: str, endpoint: Endpoint, answer: Answer) -> dict[str, Any]:
    """Return the answer's JSON object.

    Args:
        permission: what was called, in RAM's form: ``ecs:DescribeImages``.
        endpoint: where it was called.
        answer: the answer.

    Raises:
        ApiError: it is an error of the API.
        ServiceError: a gateway on the way failed (HTTP 5xx without the API's body).
        UnavailableError: it is not from the API.
    """
    try:
        body = parse_json(answer.body)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        # The billing API's code is "Success" where the others have none.
        if 200 <= answer.status < 300 and body.get("Code", "Success") == "Success":
            return Members(body, str(endpoint), _IN_THE_WAY)
        if "Code" in body:
            raise api_error(permission, answer.status, body)
    shown = _shown(answer)
    if answer.status >= 500:
        raise gateway_error(permission, endpoint, answer)
    if answer.status == 407:
        raise UnavailableError(
            "The proxy asks for a user name and a password.",
            fix=["write them into HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT"],
        )
    found = "HTML" if "html" in answer.content_type or shown.startswith("<") else "something that is not JSON"
    raise UnavailableError(
        f"{endpoint} answered with {found}, not as the API does (HTTP {answer.status}).",
        why=[f"it says: {shown}" if shown else "the answer is empty."],
        fix=[_IN_THE_WAY],
    )


def gateway_error(permission: str, endpoint: Endpoint, answer: Answer) -> ServiceError:
    """Return the error for an answer of HTTP 5xx that is not the API's own; see ``read_answer``."""
    shown = _shown(answer)
    return ServiceError(
        f"{endpoint} failed with HTTP {answer.status}.",
        code=f"HTTP{answer.status}",
        http_status=answer.status,
        action=permission.split(":")[1],
        why=(f"a gateway answered instead of the API: {shown}" if shown else "the answer is empty.",),
        fix=("try again in a few minutes.",),
    )


def _shown(answer: Answer) -> str:
    """Return the beginning of an answer, in one line."""
    return " ".join(answer.body[:400].decode("utf-8", "replace").split())[:120]
