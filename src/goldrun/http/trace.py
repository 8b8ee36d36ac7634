"""What ``--debug`` shows: a line for each request, retry and pause.

A trace wraps the transport and the clock; clients do not know about it. It reads a few named fields of a request and of
its answer and nothing else, so parameters, headers, bodies and keys cannot end up in a log. Loaded only when requested.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qs

from goldrun.clock import Clock
from goldrun.http.endpoint import Endpoint
from goldrun.http.errors import UnreachableError
from goldrun.http.http1 import Answer
from goldrun.http.transport import Transport

# The headers with the request id, which the providers' support needs.
REQUEST_IDS = ("x-acs-request-id", "x-github-request-id")
MASK = "***"
# A shorter secret could be a part of any word; every real one is longer.
SHORTEST_SECRET = 8


class Trace:
    """Records what one client sends and how long it pauses."""

    def __init__(self, write: Callable[[str], None], secrets: Iterable[str] = ()) -> None:
        """Make a trace.

        Args:
            write: receives each line.
            secrets: masked in every line, in case one is part of a field that is shown, such as a path.
        """
        self._write = write
        self._secrets = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]

    def transport(self, inner: Transport, clock: Clock) -> Transport:
        """The same transport, traced; ``clock`` measures how long each request takes."""
        return _TracedTransport(inner, clock, self)

    def clock(self, inner: Clock) -> Clock:
        """The same clock, traced."""
        return _TracedClock(inner, self)

    def retry(self, words: str) -> None:
        """Record that a call failed and will be repeated."""
        self.line("retry:", words)

    def line(self, *words: str) -> None:
        """Write a line; empty words are left out."""
        text = " ".join(word for word in words if word)
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        self._write("".join(sign if sign.isprintable() else "?" for sign in text))


class _TracedTransport:
    """See ``Trace.transport``."""

    def __init__(self, inner: Transport, clock: Clock, trace: Trace) -> None:
        self._inner, self._clock, self._trace = inner, clock, trace

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
        path, _, query = target.partition("?")
        action = headers.get("x-acs-action") or _action_in(content)
        what = (f"{endpoint.netloc} {action}", *parse_qs(query).get("RegionId", ())[:1]) if action else ()
        what = what or (f"{endpoint.netloc} {method} {path}",)
        start = self._clock.now()

        def took() -> str:
            return f"{1000 * (self._clock.now() - start):.0f} ms"

        try:
            answer = self._inner.send(endpoint, method, target, headers, deadline, content)
        except UnreachableError as error:
            self._trace.line(*what, "no answer,", took(), f"({error.what})")
            raise
        request_id = next((answer.headers[name] for name in REQUEST_IDS if name in answer.headers), "")
        self._trace.line(*what, str(answer.status), _code_in(answer), took(), request_id[:100])
        return answer

    def close(self) -> None:
        """See ``Transport.close``."""
        self._inner.close()


class _TracedClock:
    """See ``Trace.clock``."""

    def __init__(self, inner: Clock, trace: Trace) -> None:
        self._inner, self._trace = inner, trace

    def now(self) -> float:
        """See ``Clock.now``."""
        return self._inner.now()

    def sleep(self, seconds: float) -> None:
        """See ``Clock.sleep``."""
        self._trace.line(f"pause {seconds:.2f} s")
        self._inner.sleep(seconds)


def _action_in(content: bytes) -> str:
    """The action of a call whose parameters are in its body; they start with it (``goldrun.cloud.oidc``)."""
    name = content.partition(b"&")[0]
    return name.removeprefix(b"Action=").decode() if name.startswith(b"Action=") else ""


def _code_in(answer: Answer) -> str:
    """The error code of the cloud's API; empty if there is none."""
    if answer.status < 400:
        return ""
    try:
        code = json.loads(answer.body)["Code"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(code)[:100]
