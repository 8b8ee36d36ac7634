"""Time that a test moves: sleeping takes none, and parallel sleeps pass together.

When a thread sleeps, time goes on to the first moment that anybody waits for, once every other thread that reads the
clock sleeps too, has ended, or waits for another one. So a thread that the machine is slow to run is
never late, and one that waits for an answer gets it at the moment of its question.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import thread as pool
from dataclasses import dataclass, field
from urllib.parse import unquote

from goldrun.http.endpoint import Endpoint
from goldrun.http.errors import UnreachableError
from goldrun.http.http1 import Answer
from goldrun.http.transport import HttpTransport
from local_cloud.server import LocalCloud

IDLE_SECONDS = 0.5  # real ones; a thread that has not read the clock for so long will not soon


class Wall:
    """A machine's clock that a test moves."""

    def __init__(self, now: float) -> None:
        self.value = now
        self._people: dict[threading.Thread, _Person] = {}
        self._changed = threading.Condition()

    def __call__(self) -> float:
        return self.value

    def read(self) -> float:
        """Return the time to a thread that lives by it."""
        me = self._people.get(threading.current_thread())
        if me is None:
            with self._changed:
                me = self._me()
        me.seen = time.monotonic()
        return self.value

    @contextlib.contextmanager
    def question(self) -> Iterator[None]:
        """Hold the time until the answer is there."""
        with self._changed:
            me = self._me()
            me.asks = True
        try:
            yield
        finally:
            with self._changed:
                me.asks, me.seen = False, time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let time pass, together with whoever else sleeps."""
        with self._changed:
            me = self._me()
            me.wakes = wake = self.value + max(0.0, seconds)
            while self.value < wake:
                if self._is_anybody_busy():
                    self._changed.wait(0.002)
                    continue
                self.value = max(self.value, min(one.wakes for one in self._people.values() if one.wakes is not None))
                self._changed.notify_all()
            me.wakes, me.seen = None, time.monotonic()

    def _me(self) -> _Person:
        thread = threading.current_thread()
        return self._people.get(thread) or self._people.setdefault(thread, _Person())

    def _is_anybody_busy(self) -> bool:
        """Return whether somebody may still do something at this moment."""
        self._people = {thread: one for thread, one in self._people.items() if thread.is_alive()}
        return any(one.is_busy(self.value, thread) for thread, one in self._people.items())


def _waits(thread: threading.Thread) -> bool:
    """Return whether a thread waits for another one, or for work: what it runs is a wait of the standard library."""
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code.co_filename in (threading.__file__, pool.__file__)


@dataclass
class _Person:
    """What is known of a thread: when it was seen (monotonic seconds), until when it sleeps, whether it asks."""

    seen: float = field(default_factory=time.monotonic)
    wakes: float | None = None
    asks: bool = False

    def is_busy(self, value: float, thread: threading.Thread) -> bool:
        if self.wakes is not None:
            return self.wakes <= value
        return self.asks or (time.monotonic() < self.seen + IDLE_SECONDS and not _waits(thread))


class FakeClock:
    """A client's clock in virtual time; what it sleeps is written down."""

    def __init__(self, wall: Wall) -> None:
        self.wall = wall
        self.slept: list[float] = []

    def now(self) -> float:
        return self.wall.read()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.wall.sleep(seconds)


class FakeTimeTransport(HttpTransport):
    """A transport in virtual time, to a server in the same one."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__({}, clock)
        self._wall = clock.wall

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        with self._wall.question():
            return super().send(endpoint, method, target, headers, deadline, content)


class DirectTransport:
    """A transport in virtual time to a local cloud in this process, without a network: as fast as its answers."""

    def __init__(self, cloud: LocalCloud, clock: FakeClock) -> None:
        self._cloud, self._clock = cloud, clock

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        """See ``Transport.send``. A call that is held up takes no time; one that waits for news takes real time."""
        path, _, query = target.partition("?")
        given = {name.lower(): value for name, value in headers.items()}
        with self._clock.wall.question():
            reply = self._cloud.answer(method, unquote(path), query, given, content)
            end = time.monotonic() + reply.patience
            while reply.again and reply.status == 202 and time.monotonic() < end:
                time.sleep(0.01)
                reply = self._cloud.poll(reply.again)
        if reply.hold is not None and reply.hold >= deadline - self._clock.now():
            raise UnreachableError(f"{endpoint} did not answer in time.")
        status = reply.status if reply.hold is None else 504
        found = {**reply.headers, **self._cloud.clock.headers()}
        return Answer(status, found.get("content-type", ""), reply.body, found)

    def close(self) -> None:
        """See ``Transport.close``: nothing is kept open."""
