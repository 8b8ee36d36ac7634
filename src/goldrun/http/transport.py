"""Sends HTTP requests over connections that are reused: all of goldrun's network traffic passes here."""

from __future__ import annotations

import _socket

from goldrun.clock import Clock
from goldrun.config import Environment
from goldrun.errors import UsageError
from goldrun.http.endpoint import LOOPBACK_HOSTS, Endpoint
from goldrun.http.errors import UnreachableError
from goldrun.http.http1 import MAX_BODY_BYTES, Answer, Connection, TimeLeft, TooLargeError
from goldrun.lean import NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


CONNECT_SECONDS = 10.0


class Transport(Protocol):
    """Sends one request."""

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        """Send a request, and return the answer whatever its status.

        Args:
            endpoint: where it is sent.
            method: HTTP method.
            target: path and query.
            headers: ``host`` included.
            deadline: when to give up, on the clock.
            content: the request's body.

        Raises:
            UnreachableError: there was no answer by then; the request may have had its effect.
        """

    def close(self) -> None:
        """Close what is kept open between requests."""


class Proxy(NamedTuple):
    """An HTTP proxy; ``authorization`` is its header's value, or empty."""

    host: str
    port: int
    authorization: str

    def headers(self) -> dict[str, str]:
        """Return the headers that a request to the proxy carries."""
        return {"proxy-authorization": self.authorization} if self.authorization else {}


def find_proxy(env: Environment, endpoint: Endpoint) -> Proxy | None:
    """Return the proxy for ``endpoint``: ``HTTPS_PROXY``/``HTTP_PROXY`` (either case) unless ``NO_PROXY`` exempts it.

    Requests to this machine's own addresses never use a proxy, as in Go and with curl's ``--noproxy localhost``.

    Raises:
        UsageError: the variable is not the URL of an HTTP proxy.
    """
    if endpoint.host in LOOPBACK_HOSTS or _exempt(endpoint.host, env.get("no_proxy") or env.get("NO_PROXY") or ""):
        return None
    name = f"{endpoint.scheme}_proxy"
    text = (env.get(name) or env.get(name.upper()) or "").strip()
    if not text:
        return None
    from urllib.parse import unquote, urlsplit

    # The value may hold a password, so it is not printed.
    wrong = UsageError(f"{name.upper()} is not the URL of an HTTP proxy.", fix=["write http://HOST:PORT"])
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        port = url.port
    except ValueError:
        raise wrong from None
    if url.scheme != "http" or not url.hostname:
        raise wrong
    authorization = ""
    if url.username is not None:
        import base64

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
    """Sends requests, and keeps their connections for the next ones. Safe to share between threads."""

    def __init__(self, env: Environment, clock: Clock, most: int = MAX_BODY_BYTES) -> None:
        """Open nothing yet; ``most`` is the size of the largest answer, in bytes."""
        self._env, self._clock, self._most = env, clock, most
        self._idle: dict[Endpoint, list[Connection]] = {}

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        """See ``Transport.send``."""
        proxy = find_proxy(self._env, endpoint)

        def left() -> float:
            seconds = deadline - self._clock.now()
            if seconds <= 0:
                raise TimeoutError("time limit reached")
            return seconds

        try:
            connection = self._take_idle(endpoint) or _connect(endpoint, proxy, left, self._most)
        except OSError as error:
            raise _unreachable(endpoint, proxy, error) from error
        all_headers = dict(headers)
        if proxy and endpoint.scheme == "http":
            target = f"{endpoint}{target}"
            all_headers |= proxy.headers()
        try:
            answer = connection.exchange(method, target, all_headers, left, content)
        except BaseException as error:
            connection.close()
            if isinstance(error, OSError):
                raise _unreachable(endpoint, proxy, error) from error
            raise
        if connection.reusable:
            self._idle.setdefault(endpoint, []).append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        """See ``Transport.close``."""
        for endpoint in list(self._idle):
            while connection := self._pop_idle(endpoint):
                connection.close()

    def _take_idle(self, endpoint: Endpoint) -> Connection | None:
        while (connection := self._pop_idle(endpoint)) and connection.closed_by_peer():
            connection.close()
        return connection

    def _pop_idle(self, endpoint: Endpoint) -> Connection | None:
        """Return a kept connection; None: there is none, or another thread has just taken the last one."""
        try:
            return self._idle[endpoint].pop()
        except LookupError:
            return None


def _connect(endpoint: Endpoint, proxy: Proxy | None, left: TimeLeft, most: int) -> Connection:
    """Return a new connection, through the proxy if there is one, with TLS for https."""
    if endpoint.scheme == "http":
        return Connection(_dial(endpoint, proxy, left), most)
    # The local cloud speaks plain HTTP: a look-up there does not load TLS.
    from goldrun.http import tls

    def secured(context: tls.Context) -> Connection:
        sock = _dial(endpoint, proxy, left)
        try:
            if proxy:
                Connection(sock).tunnel(f"{endpoint.host}:{endpoint.port}", proxy.headers(), left)
            sock.settimeout(min(CONNECT_SECONDS, left()))
            return Connection(tls.wrap(sock, context, endpoint.host), most)
        except BaseException:
            sock.close()
            raise

    if quick := tls.quick_context():
        try:
            return secured(quick)
        except OSError as error:
            if not _is_certificate_error(error):
                raise
    return secured(tls.full_context())


def _dial(endpoint: Endpoint, proxy: Proxy | None, left: TimeLeft) -> _socket.socket:
    """Return a socket that is connected to the first address that answers, of the proxy if there is one.

    As ``socket.create_connection``, whose module takes long to import, as does the codec of international names.
    """
    host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
    name = host.encode() if host.isascii() else host
    failure = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in _socket.getaddrinfo(name, port, 0, _socket.SOCK_STREAM):
        sock = _socket.socket(family, kind, protocol)
        try:
            sock.settimeout(min(CONNECT_SECONDS, left()))
            sock.connect(address)
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


# OpenSSL's reasons where the other side does not speak TLS; which one depends on its version.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG")


def _unreachable(endpoint: Endpoint, proxy: Proxy | None, error: OSError) -> UnreachableError:
    where = f"{endpoint} through the proxy {proxy.host}:{proxy.port}" if proxy else str(endpoint)
    if isinstance(error, _socket.gaierror):
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
    return _for_good(where, endpoint, proxy, error) or UnreachableError(
        f"The connection to {where} broke.",
        why=(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,),
        fix=("check the network and the proxy, or try again later.",),
    )


def _for_good(where: str, endpoint: Endpoint, proxy: Proxy | None, error: OSError) -> UnreachableError | None:
    """Return the error that the next attempt would meet too; None: it may pass."""
    if _is_certificate_error(error):
        return UnreachableError(
            f"{where} showed a certificate that this machine does not trust.",
            retryable=False,
            why=(str(error),),
            fix=("a proxy that inspects TLS needs its CA in SSL_CERT_FILE; otherwise do not continue.",),
        )
    if proxy is None and getattr(error, "reason", "") in _NOT_TLS:
        plain = f"http://{endpoint.netloc}"
        fix = (
            f"export GOLDRUN_ENDPOINT={plain}"
            if endpoint.host in LOOPBACK_HOSTS
            else "check the endpoint and its port."
        )
        return UnreachableError(
            f"{where} answers http, not https.",
            retryable=False,
            why=("an endpoint that does not begin with http:// means https.",),
            fix=(fix,),
        )
    if isinstance(error, TooLargeError):
        return UnreachableError(f"The answer of {where} is too large.", retryable=False, why=(f"{error}.",))
    return None


def _is_certificate_error(error: Exception) -> bool:
    # Compared by name, as importing `ssl` would slow down look-ups over plain HTTP.
    return any(base.__name__ in ("SSLCertVerificationError", "CertificateError") for base in type(error).__mro__)
