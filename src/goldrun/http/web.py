"""Reads public files from the web: registries, release pages, mirrors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

from goldrun import __version__
from goldrun.clock import Clock
from goldrun.errors import NotFoundError, UnavailableError, UsageError
from goldrun.http.endpoint import parse_endpoint, split_url
from goldrun.http.retrying import jittered_backoff, passes, retry
from goldrun.http.transport import Transport

MOST_REDIRECTS = 8


@dataclass(frozen=True)
class Web:
    """A reader of files.

    Attributes:
        transport: sends the requests.
        clock: the machine's.
        timeout: seconds that a file may take, with all redirections and repetitions.
        notice: receives a sentence about every repetition.
    """

    transport: Transport
    clock: Clock
    timeout: float = 300.0
    notice: Callable[[str], None] = lambda _: None

    def read(self, url: str) -> bytes:
        """Return a file; redirections are followed, from https to https alone.

        Raises:
            NotFoundError: the server says that there is none.
            UnavailableError: it could not be read.
            UsageError: the URL is not valid, or not https.
        """
        until = self.clock.now() + self.timeout
        for _ in range(MOST_REDIRECTS):
            answer = self._try(url, until)
            if isinstance(answer, bytes):
                return answer
            before, url = url, urljoin(url, answer)
            if before.startswith("https://") and not url.startswith("https://"):
                raise UsageError(f"{before} leads to {url}.", why=["a file is fetched by https alone."])
        raise UnavailableError(f"{url} leads from one address to the next without an end.")

    def _try(self, url: str, until: float) -> bytes | str:
        """Return the file, or where it is; a failure that may pass is tried again."""
        # Each attempt may take all of the time: a big file takes longer than an attempt of an API's call may.
        left = until - self.clock.now()
        return retry(lambda _: self._get(url, until), self.clock, left, jittered_backoff, self.notice)

    def _get(self, url: str, until: float) -> bytes | str:
        """Return the file, or where it is."""
        parts = split_url(url)
        endpoint = parse_endpoint(f"{parts.scheme}://{parts.netloc}")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"host": endpoint.netloc, "user-agent": f"goldrun/{__version__}", "accept": "*/*"}
        answer = self.transport.send(endpoint, "GET", target, headers, until)
        if answer.status in (301, 302, 303, 307, 308) and answer.headers.get("location"):
            return answer.headers["location"]
        if answer.status in (404, 410):
            raise NotFoundError(f"Not found: {url}")
        if answer.status != 200:
            error = UnavailableError(f"{url} was answered with HTTP {answer.status}.")
            error.retryable = passes(answer.status)
            raise error
        return answer.body
