"""Metrics and health over HTTP: ``/metrics``, ``/healthz`` and ``/readyz``.

On a loopback address the request's host must be one too, so that no web page reads it through a name of its own. On any
other address metrics need the token; the two health checks need none, and name only scale sets with a problem. Slow
connections are closed, so that they keep nobody else out.
"""

from __future__ import annotations

import contextlib
import hmac
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from goldrun.clock import Clock
from goldrun.errors import UsageError
from goldrun.http.endpoint import LOOPBACK_HOSTS

MOST_AT_ONCE = 32  # connections
ANSWER_SECONDS = 10.0  # of a connection, from its beginning to its end

Check = Callable[[], list[str]]  # returns what is wrong


class Address(NamedTuple):
    """Where it listens."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this computer reaches it."""
        return self.host in LOOPBACK_HOSTS

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Return the address of ``HOST:PORT``.

    Raises:
        UsageError: it is none.
    """
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if host and port.isascii() and port.isdigit() and int(port) < 65536:
        return Address(host, int(port))
    raise UsageError(f"{text!r} is not an address.", fix=["for example 127.0.0.1:9464, or 0.0.0.0:9464."])


class _Server(ThreadingHTTPServer):
    """A server with a thread for each connection, but not for too many, and not for long."""

    daemon_threads = True

    def __init__(self, address: Address, handler: type[BaseHTTPRequestHandler], clock: Clock) -> None:
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._clock = clock
        self._open: dict[Any, float] = {}  # each connection, and when it ends
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._open) >= MOST_AT_ONCE:
            self.shutdown_request(request)
            return
        self._open[request] = self._clock.now() + ANSWER_SECONDS
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, whether it was answered, refused, or got no thread."""
        self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Hang up on who is slow; called twice a second."""
        now = self._clock.now()
        for request, end in list(self._open.items()):
            if now > end:
                with contextlib.suppress(OSError):  # it has just ended
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Say nothing: who has hung up needs no answer."""


def start_metrics_server(
    address: Address, token: str, metrics: Callable[[], bytes], healthy: Check, ready: Check, clock: Clock
) -> int:
    """Answer from now on, in threads of its own; return the port.

    Args:
        address: where.
        token: what ``/metrics`` needs; empty: nothing, on a loopback address.
        metrics: returns the metrics.
        healthy: what keeps the server from being healthy.
        ready: what keeps it from being ready.
        clock: the clock of the machine.

    Raises:
        UsageError: the address cannot be used, or it needs a token.
    """
    if not address.loopback and not token:
        raise UsageError(
            f"Metrics on {address.host} need a token: others reach that address.",
            fix=["export GOLDRUN_METRICS_TOKEN=…, and give it to Prometheus as its bearer token"],
        )

    class Handler(BaseHTTPRequestHandler):
        timeout = ANSWER_SECONDS

        def do_GET(self) -> None:
            if address.loopback and self._host() not in LOOPBACK_HOSTS:
                self._answer(403, b"Forbidden\n")
            elif self.path == "/metrics":
                self._metrics()
            elif self.path in ("/healthz", "/readyz"):
                problems = (healthy if self.path == "/healthz" else ready)()
                self._answer(503 if problems else 200, ("\n".join(problems) or "ok").encode() + b"\n")
            else:
                self._answer(404, b"Not found\n")

        def _host(self) -> str:
            name = self.headers.get("host", "")
            return name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]

        def _metrics(self) -> None:
            given = self.headers.get("authorization", "").encode()
            if token and not hmac.compare_digest(given, f"Bearer {token}".encode()):
                self._answer(401, b"Unauthorized\n")
            else:
                self._answer(200, metrics(), "text/plain; version=0.0.4; charset=utf-8")

        def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def version_string(self) -> str:
            return "goldrun"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    try:
        server = _Server(address, Handler, clock)
    except OSError as error:
        raise UsageError(f"{address} cannot be listened on.", why=[f"{error.strerror}."]) from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_address[1])
