"""The first of the two doors: one HTTP request out, one answer in, over connections that are kept alive.

``http.client`` alone, because the look-up must start fast and install nothing (docs/decisions.md).
"""

from __future__ import annotations

import base64
import http.client
import select
import socket
from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from goldrun.clock import Clock
from goldrun.config import Environment
from goldrun.ecs.endpoints import LOOPBACK_HOSTS, Endpoint
from goldrun.ecs.errors import UnreachableError
from goldrun.errors import UsageError

CONNECT_SECONDS = 10.0
MAX_ANSWER_BYTES = 32 * 1024 * 1024


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes


class Transport(Protocol):
    """Sends one request."""

    def send(self, endpoint: Endpoint, method: str, target: str, headers: Mapping[str, str], deadline: float) -> Answer:
        """Send, and return the answer whatever its status.

        Args:
            endpoint: where to.
            method: HTTP method.
            target: path and query.
            headers: ``host`` included.
            deadline: when to give up, on the clock.

        Raises:
            UnreachableError: if there was no answer by then. The request may have had its effect.
        """

    def close(self) -> None:
        """Close what is kept open between requests."""


class Proxy(NamedTuple):
    """An HTTP proxy; ``authorization`` is its header's value, or empty."""

    host: str
    port: int
    authorization: str


def find_proxy(env: Environment, endpoint: Endpoint) -> Proxy | None:
    """The proxy for ``endpoint``: ``HTTPS_PROXY``/``HTTP_PROXY`` (either case) unless ``NO_PROXY`` exempts it.

    This machine's own addresses never go through a proxy, as in Go and curl's ``--noproxy localhost``.

    Raises:
        UsageError: if the variable is no URL of an HTTP proxy.
    """
    if endpoint.host in LOOPBACK_HOSTS or _exempt(endpoint.host, env.get("no_proxy") or env.get("NO_PROXY") or ""):
        return None
    name = f"{endpoint.scheme}_proxy"
    text = (env.get(name) or env.get(name.upper()) or "").strip()
    if not text:
        return None
    url = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = url.port
    except ValueError:
        port = -1
    if url.scheme != "http" or not url.hostname or port == -1:
        # The value may hold a password: it is not repeated.
        raise UsageError(f"{name.upper()} is not the URL of an HTTP proxy.", fix=["write http://HOST:PORT"])
    authorization = ""
    if url.username is not None:
        pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(url.hostname, port or 80, authorization)


def _exempt(host: str, no_proxy: str) -> bool:
    for entry in no_proxy.split(","):
        name = entry.strip().lstrip(".").split(":")[0]
        if name == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return True
    return False


class HttpTransport:
    """Requests over ``http.client``, connections kept for the next request. Safe to share between threads."""

    def __init__(self, env: Environment, clock: Clock) -> None:
        self._env = env
        self._clock = clock
        self._idle: dict[Endpoint, list[http.client.HTTPConnection]] = {}

    def send(self, endpoint: Endpoint, method: str, target: str, headers: Mapping[str, str], deadline: float) -> Answer:
        """See ``Transport.send``."""
        proxy = find_proxy(self._env, endpoint)
        through = f" through the proxy {proxy.host}:{proxy.port}" if proxy else ""
        connection = self._take(endpoint, proxy)
        all_headers = dict(headers)
        if proxy and endpoint.scheme == "http":
            target = f"{endpoint}{target}"
            if proxy.authorization:
                all_headers["proxy-authorization"] = proxy.authorization
        try:
            answer = self._exchange(connection, method, target, all_headers, deadline)
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError | http.client.HTTPException):
                raise _unreachable(endpoint, through, error) from error
            raise
        self._idle.setdefault(endpoint, []).append(connection)
        return answer

    def close(self) -> None:
        """See ``Transport.close``."""
        for connections in self._idle.values():
            while connections:
                connections.pop().close()

    def _take(self, endpoint: Endpoint, proxy: Proxy | None) -> http.client.HTTPConnection:
        idle = self._idle.get(endpoint, [])
        while idle:
            connection = idle.pop()
            # Readable before a request was sent: the other side has hung up.
            if connection.sock and not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()
        connect_to = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
        if endpoint.scheme == "http":
            return http.client.HTTPConnection(*connect_to, timeout=CONNECT_SECONDS)
        connection = http.client.HTTPSConnection(*connect_to, timeout=CONNECT_SECONDS)
        if proxy:
            proxy_headers = {"proxy-authorization": proxy.authorization} if proxy.authorization else {}
            connection.set_tunnel(endpoint.host, endpoint.port, proxy_headers)
        return connection

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Answer:
        connection.timeout = min(CONNECT_SECONDS, self._left(deadline))
        if connection.sock is None:
            connection.connect()
        wire = connection.sock  # an answer that ends the connection takes it away from there
        wire.settimeout(self._left(deadline))
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if method == "POST":
            connection.putheader("content-length", "0")
        connection.endheaders()
        response = connection.getresponse()
        chunks = []
        size = 0
        # In pieces, so that an answer that drips cannot outlive the deadline: each piece's wait is what is left.
        while chunk := response.read1(65536):
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise http.client.HTTPException(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
            wire.settimeout(self._left(deadline))
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        response.close()  # read1 does not do it at the end of a body of known length, and the next request needs it
        return Answer(response.status, response.headers.get_content_type(), b"".join(chunks))

    def _left(self, deadline: float) -> float:
        left = deadline - self._clock.now()
        if left <= 0:
            raise TimeoutError("time limit reached")
        return left


def _unreachable(endpoint: Endpoint, through: str, error: OSError | http.client.HTTPException) -> UnreachableError:
    where = f"{endpoint}{through}"
    if isinstance(error, socket.gaierror):
        return UnreachableError(
            f"{where} could not be found.",
            why=(f"its name does not resolve ({error.strerror}).",),
            fix=("check the region id, the endpoint (GOLDRUN_ENDPOINT), the proxy and this machine's DNS.",),
        )
    if isinstance(error, TimeoutError):
        return UnreachableError(
            f"{where} did not answer in time.",
            why=("the time limit was reached (GOLDRUN_TIMEOUT, in seconds, sets another).",),
            fix=("check the network and the proxy, or try again later.",),
        )
    if isinstance(error, ConnectionRefusedError):
        fix = "check the endpoint (GOLDRUN_ENDPOINT) and the proxy."
        if endpoint.host in LOOPBACK_HOSTS:
            fix = "start the local cloud: goldrun local up --detach"
        return UnreachableError(f"{where} refused the connection.", why=("nothing listens there.",), fix=(fix,))
    if _is_certificate_error(error):
        return UnreachableError(
            f"{where} showed a certificate that this machine does not trust.",
            retryable=False,
            why=(str(error),),
            fix=("a proxy that inspects TLS needs its CA in SSL_CERT_FILE; otherwise do not go on.",),
        )
    return UnreachableError(
        f"The connection to {where} broke.",
        why=(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,),
        fix=("check the network and the proxy, or try again later.",),
    )


def _is_certificate_error(error: Exception) -> bool:
    # `ssl` is loaded by now if it was needed at all: asking by name keeps it off the plain path.
    return any(base.__name__ in ("SSLCertVerificationError", "CertificateError") for base in type(error).__mro__)
