"""Who may ask: this machine's own programs, and no web page. It stands in front of every endpoint.

Listening on 127.0.0.1 keeps the network out, not the browser: any page that the user looks at can send requests there,
and a page whose name is made to resolve to 127.0.0.1 can read the answers too. Both give themselves away by what the
browser adds to their requests, and no program adds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Tells this machine's programs from web pages, by a request's headers."""

    def __init__(self, *more: str) -> None:
        """Admit those who call us by a name of the loopback, or by one of ``more``."""
        names = "|".join(re.escape(name) for name in (*LOOPBACK, *more))
        self._host = re.compile(rf"(?:{names})(?::\d+)?".encode())

    def admits(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether a request with these headers, their names in lower case, is a program's.

        Its ``Host`` is one of ours: a page's own name is in there when that name was made to resolve to us. Its
        ``Origin`` and ``Sec-Fetch-Site`` are absent, or those of a page of this very server. ``none``, which is said
        of what was typed into the address bar, is refused as well: it stays when the site that was typed redirects
        here, with a call that it has signed.
        """
        known = [(name, value.lower()) for name, value in headers if name in (b"host", b"origin", b"sec-fetch-site")]
        hosts = [value for name, value in known if name == b"host"]
        if len(hosts) != 1 or not self._host.fullmatch(hosts[0]):
            return False
        own = {(b"host", hosts[0]), (b"origin", b"http://" + hosts[0]), (b"sec-fetch-site", b"same-origin")}
        return own.issuperset(known)
