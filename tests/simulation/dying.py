"""A process that dies at a chosen API call: what comes after finds whatever it left."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from goldrun.cloud.client import EcsClient
from goldrun.http.endpoint import Endpoint
from goldrun.http.http1 import Answer
from goldrun.http.transport import Transport


class Crash(BaseException):
    """The process dies."""


class DyingTransport:
    """Ends before or after the n-th request.

    Attributes:
        sent: how many requests were tried.
    """

    def __init__(self, inner: Transport, at: int, *, after: bool, error: type[BaseException], lasting: bool) -> None:
        self.inner, self.at, self.after, self.error, self.lasting, self.sent = inner, at, after, error, lasting, 0
        self._lock = threading.Lock()

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        with self._lock:
            self.sent += 1
            number = self.sent
        if (number > self.at and self.lasting) or (number == self.at and not self.after):
            raise self.error
        answer = self.inner.send(endpoint, method, target, headers, deadline, content)
        if number == self.at:
            raise self.error
        return answer

    def close(self) -> None:
        self.inner.close()


def dying(
    client: EcsClient, at: int, *, after: bool, error: type[BaseException] = Crash, lasting: bool = True
) -> DyingTransport:
    """Let the client's process die.

    Args:
        client: whose calls are counted.
        at: at which of them.
        after: when it has had its effect, or before.
        error: what it ends with; KeyboardInterrupt is a cancellation.
        lasting: every later call fails too: nothing cleans up.
    """
    client._transport = transport = DyingTransport(client._transport, at, after=after, error=error, lasting=lasting)
    return transport
