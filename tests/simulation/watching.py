"""A transport beside which somebody else acts or looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from goldrun.cloud.client import EcsClient
from goldrun.http.endpoint import Endpoint
from goldrun.http.http1 import Answer
from goldrun.http.transport import Transport


class Watching:
    """A transport before and after each of whose calls something happens."""

    def __init__(
        self,
        inner: Transport,
        *,
        before: Callable[[], object] = lambda: None,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        self.inner, self.before, self.after = inner, before, after

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        self.before()
        answer = self.inner.send(endpoint, method, target, headers, deadline, content)
        self.after()
        return answer

    def close(self) -> None:
        self.inner.close()


def meanwhile(
    client: EcsClient, at: int, act: Callable[[], object], *, after: Callable[[], object] = lambda: None
) -> Callable[[], bool]:
    """Let somebody else act before the client's n-th call; tell whether it has made so many.

    Args:
        client: whose calls are counted.
        at: before which of them.
        act: what is done.
        after: called after each of them.
    """
    calls, reached = count(1), False

    def before() -> None:
        nonlocal reached
        if next(calls) == at:
            reached = True
            act()

    client._transport = Watching(client._transport, before=before, after=after)
    return lambda: reached
