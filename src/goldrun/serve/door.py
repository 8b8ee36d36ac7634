"""The server's one door: ``/metrics``, ``/healthz`` and ``/readyz`` over HTTP.

It checks who asks. On a loopback address the request's host must be one too, so that no web page reads it through a
name of its own. On any other address metrics need the token; the two states need none, and tell nothing else.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from goldrun.errors import UsageError
from goldrun.http.endpoint import LOOPBACK_HOSTS

Check = Callable[[], list[str]]  # returns what is wrong


class Address(NamedTuple):
    """Where it listens."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this computer reaches it."""
        return self.host in LOOPBACK_HOSTS


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


def open_door(address: Address, token: str, metrics: Callable[[], bytes], healthy: Check, ready: Check) -> int:
    """Answer from now on, in threads of its own; return the port.

    Args:
        address: where.
        token: what ``/metrics`` needs; empty: nothing, on a loopback address.
        metrics: returns the metrics.
        healthy: what keeps the server from being healthy.
        ready: what keeps it from being ready.

    Raises:
        UsageError: the address cannot be used, or it needs a token.
    """
    if not address.loopback and not token:
        raise UsageError(
            f"Metrics on {address.host} need a token: others reach that address.",
            fix=["export GOLDRUN_METRICS_TOKEN=…, and give it to Prometheus as its bearer token"],
        )

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

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
        server = ThreadingHTTPServer(address, Handler)
    except OSError as error:
        raise UsageError(f"{address.host}:{address.port} cannot be listened on.", why=[f"{error.strerror}."]) from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_address[1])
