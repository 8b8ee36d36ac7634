"""A transport beside which somebody else acts or looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from goldrun.cloud.client import EcsClient
from goldrun.http.endpoint import Endpoint
from goldrun.http.http1 import Answer
from goldrun.http.transport import Transport


class Watching:
    """A transport before and after each of whose calls something happens; before it, given the call's action."""

    def __init__(
        self,
        inner: Transport,
        *,
        before: Callable[[str], object] = lambda _: None,
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
        self.before(headers.get("x-acs-action", ""))
        answer = self.inner.send(endpoint, method, target, headers, deadline, content)
        self.after()
        return answer

    def close(self) -> None:
        self.inner.close()


def meanwhile(
    client: EcsClient, at: int | str, act: Callable[[], object], *, after: Callable[[], object] = lambda: None
) -> Callable[[], bool]:
    """Let somebody else act, once, before one of the client's calls; tell whether it has come to that.

    Args:
        client: whose calls are watched.
        at: before which of them, by its number, or by its action: the first one.
        act: what is done.
        after: called after each of them.
    """
    calls, reached = count(1), False

    def before(action: str) -> None:
        nonlocal reached
        if at in (next(calls), action) and not reached:
            reached = True
            act()

    client._transport = Watching(client._transport, before=before, after=after)
    return lambda: reached
