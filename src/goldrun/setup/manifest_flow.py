"""A page on this computer that takes a person to GitHub to create an App, and receives the code that GitHub returns.

Only that person's browser can use it: its address contains a secret, the request's host must be this computer, and a
code needs the state that was sent along. It is served only while the command waits.
Source: "Registering a GitHub App from a manifest" in GitHub's documentation.
"""

from __future__ import annotations

import hmac
import html
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from goldrun.clock import Clock
from goldrun.errors import GoldrunError, UnavailableError
from goldrun.waiting import watch

HOST = "127.0.0.1"
WAIT_SECONDS = 900.0
POLL_SECONDS = 0.05  # how late the server ends
_SAFE = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_STYLE = "body{font:16px sans-serif;max-width:40em;margin:3em auto}button{font:inherit;padding:.5em}"


class ManifestRequest(NamedTuple):
    """What the person is sent to GitHub with.

    Attributes:
        title: what it is about.
        page: GitHub's page, given the mark that it hands back.
        manifest: the manifest, given the address that the code comes to.
        exchange: takes the code; returns where the person goes next.
    """

    title: str
    page: Callable[[str], str]
    manifest: Callable[[str], Mapping[str, Any]]
    exchange: Callable[[str], str]


def run_manifest_flow(request: ManifestRequest, show: Callable[[str], None], clock: Clock) -> None:
    """Show the page, and return when the code has been exchanged.

    Args:
        request: see ``ManifestRequest``.
        show: receives the page's address, for the person.
        clock: the clock to wait on.

    Raises:
        GoldrunError: raised by ``exchange``.
        UnavailableError: nobody came back in time.
    """
    secret, mark = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    ended: list[GoldrunError | None] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            known = self.headers.get("host", "") == f"{HOST}:{port}"
            first, _, rest = asked.path.removeprefix("/").partition("/")
            if not known or not hmac.compare_digest(first.encode(), secret.encode()):
                self._answer(403, _page("Forbidden", ""))
            elif not rest:
                self._answer(200, self._start())
            elif rest == "done":
                self._done(dict(parse_qsl(asked.query)))
            else:
                self._answer(404, _page("Not found", ""))

        def _start(self) -> str:
            manifest = html.escape(json.dumps(request.manifest(f"{base}/done")))
            return _page(
                request.title,
                f'<form method="post" action="{html.escape(request.page(mark))}">'
                f'<input type="hidden" name="manifest" value="{manifest}">'
                '<button id="go" autofocus>Continue at GitHub</button></form>',
            )

        def _done(self, query: Mapping[str, str]) -> None:
            if not hmac.compare_digest(query.get("state", "").encode(), mark.encode()) or "code" not in query:
                self._answer(403, _page("Forbidden", "<p>This did not come from the page that was opened.</p>"))
                return
            with lock:  # browsers may ask twice
                if ended:
                    self._answer(410, _page("Already done", ""))
                    return
                try:
                    where = request.exchange(query["code"])
                except GoldrunError as error:
                    ended.append(error)
                    self._answer(502, _page("That did not work", f"<p>{html.escape(error.what)} See the terminal.</p>"))
                else:
                    self._answer(302, "", where)
                    ended.append(None)

        def _answer(self, status: int, text: str, where: str = "") -> None:
            self.send_response(status)
            for name, value in {**_SAFE, "content-length": str(len(text.encode()))}.items():
                self.send_header(name, value)
            if where:
                self.send_header("location", where)
            self.end_headers()
            self.wfile.write(text.encode())

        def version_string(self) -> str:
            return "goldrun"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    port = server.server_address[1]
    base = f"http://{HOST}:{port}/{secret}"
    threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="door", daemon=True).start()
    try:
        show(base)
        if watch(clock, lambda: ended or None, seconds=WAIT_SECONDS) is None:
            raise UnavailableError("No answer came from GitHub.", fix=["run the same command again"])
    finally:
        server.shutdown()
        server.server_close()
    if ended[0]:
        raise ended[0]


def _page(title: str, content: str) -> str:
    shown = html.escape(title)
    return f"<!doctype html><title>{shown}</title><style>{_STYLE}</style><h1>{shown}</h1>{content}\n"
