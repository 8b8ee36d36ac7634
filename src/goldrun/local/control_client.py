"""Talks to a running local cloud's control door. Loopback only: no proxy, no credentials."""

from __future__ import annotations

import http.client
import json
from typing import Any

from goldrun.errors import GoldrunError, UnavailableError, UsageError
from goldrun.local.control import PREFIX
from goldrun.local.server import HOST


class NotRunningError(UnavailableError):
    """No local cloud answers."""

    def __init__(self, port: int) -> None:
        super().__init__(f"No local cloud answers on port {port}.", fix=["start it: goldrun local up --detach"])


def ask(
    port: int, method: str, name: str, body: dict[str, Any] | None = None, *, timeout: float = 5.0
) -> dict[str, Any]:
    """Ask the control door, and return what it says.

    Raises:
        NotRunningError: nothing listens, or nothing answers in ``timeout`` seconds.
        UsageError: what was asked for is not possible.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request(method, PREFIX + name, json.dumps(body or {}), {"content-type": "application/json"})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (OSError, http.client.HTTPException) as error:
        raise NotRunningError(port) from error
    except ValueError as error:
        raise GoldrunError(
            f"What listens on port {port} is not the local cloud.", fix=["use another port: --port N"]
        ) from error
    finally:
        connection.close()
    if response.status >= 400:
        raise UsageError(f"The local cloud refused: {answer.get('error', response.status)}.")
    return answer
