"""Counts a client's requests, by what was asked for and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from goldrun.errors import GoldrunError
from goldrun.github.paths import general_path
from goldrun.http.endpoint import Endpoint
from goldrun.http.http1 import Answer
from goldrun.http.transport import Transport
from goldrun.serve.observer import Observer


@dataclass(frozen=True)
class CountedTransport:
    """A transport that tells an observer about each request.

    Attributes:
        inner: sends them.
        observer: is told.
    """

    inner: Transport
    observer: Observer

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
        action = headers.get("x-acs-action", "")
        api, call = ("aliyun", action) if action else ("github", f"{method} {general_path(target)}")
        try:
            answer = self.inner.send(endpoint, method, target, headers, deadline, content)
        except GoldrunError:
            self.observer.called(api, call, "failed")
            raise
        self.observer.called(api, call, _result(answer))
        return answer

    def close(self) -> None:
        """See ``Transport.close``."""
        self.inner.close()


def _result(answer: Answer) -> str:
    if answer.status < 400:
        return "ok"
    limited = answer.status == 403 and answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status == 429 or limited or b'"Throttling' in answer.body:
        return "throttled"
    return "refused" if answer.status < 500 else "failed"
