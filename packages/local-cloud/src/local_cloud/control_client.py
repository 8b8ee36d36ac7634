"""A client of a running local cloud's control API: loopback only, never through a proxy."""

from __future__ import annotations

import http.client
import json
from typing import Any

from goldrun.errors import GoldrunError, UnavailableError, UsageError
from local_cloud.addresses import CONTROL, HOST


class NotRunningError(UnavailableError):
    """No local cloud, or another one, answers."""

    def __init__(self, port: int) -> None:
        super().__init__(f"No local cloud answers on port {port}.", fix=["start it: goldrun local up --detach"])


def call_control(
    port: int, token: str, method: str, name: str, body: dict[str, Any] | None = None, *, timeout: float = 5.0
) -> dict[str, Any]:
    """Call the control API, and return the answer.

    Args:
        port: its port.
        token: the token that its server has written beside its data.
        method: ``GET``, ``POST``, and so on.
        name: the endpoint, for example ``reset``.
        body: the members of the request.
        timeout: seconds to wait for an answer.

    Raises:
        NotRunningError: no local cloud answers in time, or another one uses the port now.
        UsageError: the request was refused.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    try:
        connection.request(method, CONTROL + name, json.dumps(body or {}), headers)
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
    if response.status == 401:
        raise NotRunningError(port)
    if response.status >= 400:
        raise UsageError(f"The local cloud refused: {answer.get('error', response.status)}.")
    return answer
