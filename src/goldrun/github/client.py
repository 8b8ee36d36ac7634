"""Every call to GitHub's REST API goes through ``GitHub.call``: authorized, timed, retried, its errors explained.

Sources: "REST API endpoints for self-hosted runners", "Rate limits for the REST API" in GitHub's documentation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol
from urllib.parse import quote, urlencode

from goldrun import __version__, config
from goldrun.clock import Clock
from goldrun.errors import (
    EXIT_CREDENTIALS,
    EXIT_PERMISSION,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    GoldrunError,
    UnavailableError,
    UsageError,
)
from goldrun.http.cloud_clock import parse_date
from goldrun.http.endpoint import Endpoint, parse_endpoint, split_url
from goldrun.http.http1 import Answer
from goldrun.http.members import Members
from goldrun.http.paging import read_steady
from goldrun.http.retrying import Notice, jittered_backoff, retry
from goldrun.http.transport import Transport

API_VERSION = "2022-11-28"
MAX_REDIRECTS = 3
PAGE_SIZE = 100
# "Rate limits for the REST API": without a header that says how long, wait for at least a minute.
SECONDARY, SECONDARY_SECONDS = b"secondary rate limit", 60.0
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # before some answers of the Actions service
_REDIRECTS = (301, 302, 307, 308)


class GitHubError(GoldrunError):
    """GitHub answered with an error.

    Attributes:
        status: the answer's HTTP status.
        message: GitHub's own message.
        kind: the Actions service's name for the error, e.g. ``AgentExistsException``; empty: from another API.
    """

    def __init__(self, what: str, *, status: int, message: str, wait: float = 0.0, kind: str = "", **more: Any) -> None:
        super().__init__(what, **more)
        self.status, self.message, self.wait, self.kind = status, message, wait, kind
        limited = status == 429 or (status == 403 and wait > 0)
        self.retryable = limited or status >= 500
        self.unsure = status >= 500
        self.exit_code = EXIT_UNAVAILABLE if self.retryable else _EXIT_CODES.get(status, EXIT_REFUSED)


_EXIT_CODES = {401: EXIT_CREDENTIALS, 403: EXIT_PERMISSION, 404: EXIT_PERMISSION}
_IN_THE_WAY = "a proxy or a login page may be in the way: check HTTPS_PROXY, NO_PROXY and GITHUB_API_URL."
PERMISSIONS = (
    "the token needs, for a repository, Administration: write; for an organization, Self-hosted runners: write.",
    "a classic token needs repo, or admin:org.",
    "a job's GITHUB_TOKEN cannot register runners: use a GitHub App's token or a fine-grained one.",
)
_FIXES = {
    401: ("the token is wrong, expired or revoked: set a new GOLDRUN_GITHUB_TOKEN.",),
    403: PERMISSIONS,
    404: ("check --repo or --org: GitHub answers like this also for what the token cannot see.", *PERMISSIONS),
}


class Tokens(Protocol):
    """Tokens that end and are renewed."""

    def current(self, github: GitHub) -> str:
        """Return a valid token."""

    def refuse(self) -> bool:
        """Learn that GitHub refused the token; return whether another one can be had."""


class GitHub:
    """GitHub's REST API, accessed with one token.

    Attributes:
        clock: the clock that retries wait on, for callers that poll.
        calls: number of requests sent, retries included.
        url: the API's address.
        server: GitHub's address for people and runners, e.g. ``https://github.com``.
        accepts: the headers by which it is asked in its present version.
    """

    accepts: ClassVar[dict[str, str]] = {
        "accept": "application/vnd.github+json",
        "x-github-api-version": API_VERSION,
    }

    def __init__(
        self,
        *,
        url: str,
        server: str,
        token: str | Tokens,
        transport: Transport,
        clock: Clock,
        timeout: float = config.DEFAULT_TIMEOUT_SECONDS,
        notice: Notice | None = None,
    ) -> None:
        """Make a client.

        Args:
            url: the API's address, e.g. ``https://api.github.com`` or ``https://github.example.com/api/v3``.
            server: see ``server``.
            token: a token, or a GitHub App's tokens; empty: only public data can be read.
            transport: sends the requests.
            clock: the clock to read and to wait on.
            timeout: time limit of a call in seconds, retries included.
            notice: receives a sentence about every retry.

        Raises:
            UsageError: the URL is not valid.
        """
        self.url = url.rstrip("/")
        if not url.startswith(("http://", "https://")) or "?" in url:
            raise UsageError(f"GITHUB_API_URL={url!r} is not a URL.", fix=["for example https://api.github.com"])
        self.server = server
        self.clock = clock
        self.calls = 0
        self._token, self._transport = token, transport
        self._timeout = timeout
        self._notice = notice or (lambda _: None)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str | int] | None = None,
    ) -> Any:
        """Call the API and return its answer; None if it has no content.

        A call that fails for a passing reason is repeated, and may then take effect twice.

        Raises:
            GitHubError: GitHub refused or failed.
            UnreachableError: no answer; the call may have had its effect.
        """
        try:
            return self.exchange(method, self.url + path, body, query=query)[1]
        except GitHubError as error:
            if error.status != 401 or isinstance(self._token, str) or not self._token.refuse():
                raise
        return self.exchange(method, self.url + path, body, query=query)[1]

    def exchange(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> tuple[int, Any]:
        """Send a request to any of GitHub's services, and return the status of its answer and its content.

        Args:
            method: HTTP method.
            url: where it is sent.
            body: its content, as JSON.
            query: in addition to the URL's.
            headers: instead of the API's own; ``authorization`` too, so that no other service receives the token.
            patience: how many seconds the answer may take; it is tried once. None: as the other calls.

        Raises:
            GitHubError: GitHub refused or failed.
            UnreachableError: no answer; the call may have had its effect.
            UsageError: the URL is not valid.
        """
        endpoint, target = _split(url)
        joined = "&" if "?" in target else "?"
        target += joined + urlencode(query) if query else ""
        given = self._headers() if headers is None else dict(headers)
        if patience is not None:
            return self._attempt(endpoint, method, target, given, body, self.clock.now() + patience)
        return retry(
            lambda until: self._attempt(endpoint, method, target, given, body, until),
            self.clock,
            self._timeout,
            jittered_backoff,
            self._notice,
        )

    def _headers(self) -> dict[str, str]:
        token = self._token if isinstance(self._token, str) else self._token.current(self)
        return {**self.accepts, "authorization": f"Bearer {token}"} if token else self.accepts

    def pages(self, path: str, name: str, query: Mapping[str, str | int] | None = None) -> list[Any]:
        """Return all elements of a list that GitHub pages, under ``name``; each has an ``id``.

        It is read again until every page reports the same total, and that many different elements were found. If one
        was created while another was deleted, it may still be missed: look it up by name before you delete anything.

        Raises:
            GitHubError: see ``call``.
            UnavailableError: the list kept changing.
        """
        return read_steady(self.clock, f"GitHub's {name}", lambda: self._walk(path, name, query or {}))

    def named(self, path: str, name: str, size: int) -> dict[str, dict[str, Any]]:
        """Return all elements of a list whose elements have names and no ids, by name.

        Args:
            path: of the list.
            name: the member of the answer that it is.
            size: the most that a page has.

        Raises:
            GitHubError: see ``call``.
        """
        found: dict[str, dict[str, Any]] = {}
        page = 0
        while True:
            page += 1
            answer = self.call("GET", path, query={"per_page": size, "page": page})
            found.update((element["name"], element) for element in answer[name])
            if not answer[name] or len(found) >= answer["total_count"]:
                return found

    def _walk(self, path: str, name: str, query: Mapping[str, str | int]) -> list[Any] | None:
        found: dict[Any, Any] = {}
        totals: set[int] = set()
        page = 0
        while True:
            page += 1
            answer = self.call("GET", path, query={**query, "per_page": PAGE_SIZE, "page": page})
            elements = answer[name]
            found.update((element["id"], element) for element in elements)
            totals.add(answer["total_count"])
            if len(elements) < PAGE_SIZE or page * PAGE_SIZE >= max(totals):
                return list(found.values()) if totals == {len(found)} else None

    def close(self) -> None:
        """Close what is kept open between calls."""
        self._transport.close()

    def _attempt(
        self, endpoint: Endpoint, method: str, target: str, headers: dict[str, str], body: object, until: float
    ) -> tuple[int, Any]:
        content = json.dumps(body).encode() if body is not None else b""
        headers = {**headers, "host": endpoint.netloc, "user-agent": f"goldrun/{__version__}"}
        if content:
            headers["content-type"] = "application/json"
        for _ in range(MAX_REDIRECTS):
            self.calls += 1
            answer = self._transport.send(endpoint, method, target, headers, until, content)
            moved = answer.headers.get("location", "")
            # A renamed repository; the token is not sent to any other server.
            if answer.status not in _REDIRECTS or not moved.startswith(f"{endpoint}/"):
                break
            target = moved.removeprefix(str(endpoint))
        return answer.status, self._read(method, target, answer)

    def _read(self, method: str, target: str, answer: Answer) -> Any:
        if answer.status in (202, 204) and not answer.body.strip():
            return None
        try:
            body = json.loads(answer.body.removeprefix(_BYTE_ORDER_MARK))
        except ValueError:
            body = None
        if 200 <= answer.status < 300 and body is not None:
            return Members(body, self.url, _IN_THE_WAY) if isinstance(body, dict) else body
        message = str(body.get("message", "")) if isinstance(body, dict) else ""
        kind = str(body.get("typeName", "")) if isinstance(body, dict) else ""
        shown = message or f"{len(answer.body)} bytes that are not GitHub's"
        path = target.partition("?")[0].removeprefix(_split(self.url)[1])
        if 200 <= answer.status < 300:
            error = UnavailableError(
                f"{method} {path} was answered with {shown}.",
                fix=[_IN_THE_WAY],
            )
            error.unsure = True  # what answered may have passed the request on
            raise error
        raise GitHubError(
            f"GitHub answered {method} {path} with {answer.status}.",
            status=answer.status,
            message=message,
            wait=self._wait(answer),
            kind=kind.partition(",")[0].rpartition(".")[2],
            why=[f"{shown}."] if not shown.endswith(".") else [shown],
            fix=_FIXES.get(answer.status, ("try again in a few minutes.",) if answer.status >= 500 else ()),
            request_id=answer.headers.get("x-github-request-id", ""),
        )

    def _wait(self, answer: Answer) -> float:
        """Return the seconds that GitHub asks to wait; 0 if it does not."""
        after = answer.headers.get("retry-after", "")
        if after.isdecimal():
            return float(after) or 1.0
        if answer.status in (403, 429) and SECONDARY in answer.body.lower():
            return SECONDARY_SECONDS
        if answer.status in (403, 429) and answer.headers.get("x-ratelimit-remaining") == "0":
            reset = answer.headers.get("x-ratelimit-reset", "")
            now = parse_date(answer.headers.get("date", "")) or self.clock.now()
            return max(1.0, float(reset) - now) if reset.isdecimal() else 60.0
        return 0.0


def segment(text: str | int) -> str:
    """Return ``text`` encoded as a single part of a path."""
    return quote(str(text), safe="")


def _split(url: str) -> tuple[Endpoint, str]:
    """Return a URL's endpoint, and its path and query.

    Raises:
        UsageError: it is not a URL.
    """
    parts = split_url(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.fragment:
        raise UsageError(f"{url!r} is not the URL of a service.", fix=["for example https://api.github.com"])
    return parse_endpoint(f"{parts.scheme}://{parts.netloc}"), parts.path + (f"?{parts.query}" if parts.query else "")
