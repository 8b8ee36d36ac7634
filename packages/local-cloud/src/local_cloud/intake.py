"""What comes in from the network: within bounds before anything parses it, and in time.

Anybody who can reach the port can send to it, without a key. So the size of a request, and the time that it takes to
arrive, are bounded here before it costs anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import h11
from starlette.types import Receive
from uvicorn.protocols.http.h11_impl import H11Protocol

from local_cloud.errors import ApiFault

# The SDKs put everything into the request line, 32 KB of user data in base64 included.
MAX_HEAD_BYTES = 256 * 1024
# The largest that is meant: a runner's report with 256 KB of log, in which JSON may write a byte in six.
MAX_BODY_BYTES = 2 * 1024 * 1024
# RunInstances with everything that it takes has some three hundred.
MAX_FIELDS = 1000
# From the connection, or the end of the last request, until a request has come whole. Faults may hold it longer then.
REQUEST_SECONDS = 10.0
# Below the 1,024 open files that a process may usually have.
MAX_CONNECTIONS = 512

FORM = "application/x-www-form-urlencoded"


class ClientGoneError(Exception):
    """The client has hung up before its request was whole: there is nobody to answer."""


async def read_body(query: str, headers: Mapping[str, str], receive: Receive) -> bytes:
    """The body of a request whose fields may be parsed.

    Args:
        query: raw.
        headers: names in lower case.
        receive: ASGI's.

    Raises:
        ApiFault: it is too large, or has too many fields. The rest of it has not been read.
        ClientGoneError: it did not come whole.
    """
    _count_fields(query.count("&"))
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        more = message.get("more_body", False)
    if headers.get("content-type", "").startswith(FORM):
        _count_fields(body.count(b"&"))
    return bytes(body)


def _count_fields(separators: int) -> None:
    if separators >= MAX_FIELDS:
        raise ApiFault(400, "InvalidParameter", f"A request has at most {MAX_FIELDS} parameters.")


def _too_large() -> ApiFault:
    return ApiFault(413, "RequestBodyTooLarge", f"The request body is too large: at most {MAX_BODY_BYTES} bytes.")


class PunctualProtocol(H11Protocol):
    """HTTP/1.1 for clients that send their requests in time; from others the connection is taken away.

    uvicorn's own limit is for connections that are idle between two requests, and any byte lifts it.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Expect the next request."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._lift()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer that it is not HTTP, unless an answer has begun."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:  # the answer went out before the rest of the request turned out to be none
            self.transport.close()

    def _watch(self) -> None:
        """A deadline stands exactly as long as the client owes a request, or the rest of one."""
        if self.transport.is_closing() or self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._lift()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _lift(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
