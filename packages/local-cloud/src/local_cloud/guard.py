"""Admits requests of this computer's programs, and refuses those of web pages, for every endpoint.

Listening on 127.0.0.1 keeps out the network, but not the browser: any page that the user opens can send requests there,
and a page whose name resolves to 127.0.0.1 can read the answers too. The browser adds headers to such requests that
programs do not send.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Distinguishes this computer's programs from web pages, by a request's headers."""

    def __init__(self, *more: str) -> None:
        """Accept the loopback's names, and those of ``more``, as ``Host``."""
        names = "|".join(re.escape(name) for name in (*LOOPBACK, *more))
        self._host = re.compile(rf"(?:{names})(?::\d+)?".encode())

    def admits(self, headers: Iterable[tuple[bytes, bytes]], *, visit: bool = False) -> bool:
        """Return whether a request with these headers, their names in lower case, comes from a program.

        With ``visit``, any page may lead there: it shows something, and changes nothing. Only the name counts then.

        Its ``Host`` must be an accepted name: a page whose name resolves to this server sends its own name. Its
        ``Origin`` and ``Sec-Fetch-Site`` must be missing, or those of this server's own pages. ``none``, which stands
        for an address that was typed, is refused as well: browsers also send it when the typed site redirects here,
        with a call that it has signed.
        """
        known = [(name, value.lower()) for name, value in headers if name in (b"host", b"origin", b"sec-fetch-site")]
        hosts = [value for name, value in known if name == b"host"]
        if len(hosts) != 1 or not self._host.fullmatch(hosts[0]):
            return False
        if visit:
            known = [(name, value) for name, value in known if name == b"host"]
        own = {(b"host", hosts[0]), (b"origin", b"http://" + hosts[0]), (b"sec-fetch-site", b"same-origin")}
        return own.issuperset(known)
