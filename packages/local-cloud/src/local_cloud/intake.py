"""Bounds the size and the duration of requests before they are parsed.

Every program that can reach the port can send requests, without a key. So their size, and the time that they take to
arrive, are limited before they consume resources.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import h11
from starlette.types import Receive
from uvicorn.protocols.http.h11_impl import H11Protocol

from local_cloud.errors import ApiFault

# The SDKs put everything into the request line, including 32 KB of user data in base64.
MAX_HEAD_BYTES = 256 * 1024
# The largest valid body: a runner's report with 256 KB of log, in which JSON may write a byte as six.
MAX_BODY_BYTES = 2 * 1024 * 1024
# RunInstances with all its parameters has about three hundred.
MAX_FIELDS = 1000
# From the connection, or the end of the previous request, to the end of a request. Faults may then hold it longer.
REQUEST_SECONDS = 10.0
# Below the usual limit of 1,024 open files for a process.
MAX_CONNECTIONS = 512

FORM = "application/x-www-form-urlencoded"


class ClientDisconnectedError(Exception):
    """The client disconnected before its request was complete, so there is nobody to answer."""


async def read_body(query: str, headers: Mapping[str, str], receive: Receive, most: int = MAX_BODY_BYTES) -> bytes:
    """Read the body of a request whose fields may be parsed.

    Args:
        query: the raw query.
        headers: names in lower case.
        receive: ASGI's ``receive``.
        most: the size of the largest body.

    Raises:
        ApiFault: it is too large, or has too many fields. The rest of it has not been read.
        ClientDisconnectedError: it was not complete.
    """
    _count_fields(query.count("&"))
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise _too_large(most)
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnectedError
        body += message.get("body", b"")
        if len(body) > most:
            raise _too_large(most)
        more = message.get("more_body", False)
    if headers.get("content-type", "").startswith(FORM):
        _count_fields(body.count(b"&"))
    return bytes(body)


def _count_fields(separators: int) -> None:
    if separators >= MAX_FIELDS:
        raise ApiFault(400, "InvalidParameter", f"A request has at most {MAX_FIELDS} parameters.")


def _too_large(most: int) -> ApiFault:
    return ApiFault(413, "RequestBodyTooLarge", f"The request body is too large: at most {most} bytes.")


class PunctualProtocol(H11Protocol):
    """HTTP/1.1 with a deadline for each request; connections of slow clients are closed.

    uvicorn's own limit covers connections that are idle between two requests, and any byte lifts it.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Process received bytes."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Set the deadline of the next request."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Clear the deadline."""
        self._lift()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer that the request is not valid HTTP, unless an answer has begun."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:  # the answer was sent before the rest of the request turned out not to be valid
            self.transport.close()

    def _watch(self) -> None:
        """Set or clear the deadline: it holds while a request, or the rest of one, is missing."""
        if self.transport.is_closing() or self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._lift()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _lift(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
