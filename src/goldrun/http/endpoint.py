"""Where a request goes: scheme, host and port."""

from __future__ import annotations

from goldrun.errors import UsageError
from goldrun.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from urllib.parse import SplitResult

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class Endpoint(NamedTuple):
    """Scheme, host and port of an API."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """The ``Host`` header: the port unless it is the scheme's default; an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


_PORTS = {"http": 80, "https": 443}
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")


def _plain(text: str) -> Endpoint | None:
    """Return an endpoint of the simplest form, for which ``urllib.parse`` need not be imported; None: of another."""
    scheme, _, rest = text.rpartition("://")
    scheme = scheme or "https"
    host, colon, port = rest.partition(":")
    if scheme not in _PORTS or not host or not _HOST_CHARACTERS.issuperset(host):
        return None
    if scheme == "http" and host not in LOOPBACK_HOSTS:
        return None
    if not colon:
        return Endpoint(scheme, host, _PORTS[scheme])
    return Endpoint(scheme, host, int(port)) if port.isascii() and port.isdigit() and int(port) < 65536 else None


def split_url(text: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        UsageError: it is none.
    """
    from urllib.parse import urlsplit

    try:
        return urlsplit(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a URL.", why=[f"{error}."]) from error


def parse_endpoint(text: str) -> Endpoint:
    """Parse an endpoint: ``http://127.0.0.1:4679``, or a bare host, which means https.

    Raises:
        UsageError: it is not a URL of that form, or would send requests in clear text over a network.
    """
    if plain := _plain(text):
        return plain
    from urllib.parse import urlsplit

    wrong = UsageError(
        f"{text!r} is not an endpoint.",
        fix=["write only scheme, host and port, for example http://127.0.0.1:4679"],
    )
    if not text.isprintable() or " " in text:  # the parser takes line ends out
        raise wrong
    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
        port = url.port
    except ValueError as error:
        raise wrong from error
    if url.scheme not in _PORTS or not url.hostname or url.path.strip("/") or url.query:
        raise wrong
    if url.username is not None or url.password is not None:
        raise UsageError("An endpoint has no user name or password.")
    if url.scheme == "http" and url.hostname not in LOOPBACK_HOSTS:
        raise UsageError(
            f"Credentials would be sent to {url.hostname} in clear text.",
            why=["plain http is accepted only for this machine (127.0.0.1, localhost)."],
            fix=[f"use https://{url.hostname}"],
        )
    return Endpoint(url.scheme, url.hostname, _PORTS[url.scheme] if port is None else port)
