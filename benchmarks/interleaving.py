"""Many pieces of work side by side in virtual time, one running at a moment: which one is drawn, by seed.

Each has a stack of its own (a greenlet) and gives way whenever it waits, as a thread would, without what a turn of the
operating system costs. All are one thread: no lock may be held over a wait. Time moves when nobody is ready: to the
next who is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Self
from unittest.mock import patch

from greenlet import getcurrent, greenlet


class Ended(BaseException):
    """The stage closes: work without an end of its own ends at its next wait."""


@dataclass(eq=False)
class Work:
    """A piece of work.

    Attributes:
        name: what it is, for people.
        run: does it.
        wakes: when it goes on, on the stage's clock.
        endless: it ends with the stage, and not before.
        done: it has ended, in whatever way.
        error: what it ended with.
        own: where it runs, from its first turn on.
    """

    name: str
    run: Callable[[], None]
    wakes: float
    endless: bool = False
    done: bool = False
    error: BaseException | None = None
    own: greenlet | None = None


class Stage:
    """A clock whose waits are where others get their turn."""

    def __init__(self, random: Random, now: float) -> None:
        """Begin at ``now``; ``random`` decides who goes first of those that are ready at the same moment."""
        self._random, self._now = random, now
        self._works: list[Work] = []
        self._current: Work | None = None
        self._everyone = getcurrent()
        self._closing = False

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now

    def pass_by(self, seconds: float) -> None:
        """Let time pass, with nobody on the stage."""
        self._now += seconds

    def sleep(self, seconds: float) -> None:
        """Give way for ``seconds``."""
        work = self._current
        assert work is not None
        if self._closing:
            raise Ended
        work.wakes = self._now + seconds
        self._everyone.switch()
        if self._closing:
            raise Ended

    def add(self, name: str, run: Callable[[], None], *, after: float = 0.0, endless: bool = False) -> Work:
        """Let it begin ``after`` seconds."""
        work = Work(name, run, self._now + after, endless)
        self._works.append(work)
        return work

    def play(self, *, longer: float) -> None:
        """Until all that ends by itself has ended, and for ``longer`` seconds of the endless rest."""
        while any(not work.done and not work.endless for work in self._works):
            self._turn()
        end = self._now + longer
        while self._now < end:
            self._turn()
        self._closing = True
        for work in self._works:
            if work.own and not work.done:
                self._give(work)

    def _turn(self) -> None:
        ready = [work for work in self._works if not work.done]
        first = min(work.wakes for work in ready)
        work = self._random.choice([work for work in ready if work.wakes == first])
        self._now = max(self._now, first)
        self._give(work)

    def _give(self, work: Work) -> None:
        self._current = work
        if work.own is None:
            work.own = greenlet(partial(self._play, work), self._everyone)
        work.own.switch()

    def _play(self, work: Work) -> None:
        try:
            work.run()
        except BaseException as error:  # noqa: BLE001 - whatever ends it, the others go on
            work.error = error
        work.done = True


class OneAfterTheOther:
    """Stands for a pool of threads: the stage knows of none but its own."""

    def __init__(self, max_workers: int) -> None:
        del max_workers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to wait for."""

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """See ``Executor.map``."""
        return map(work, items)


@contextmanager
def chance(random: Random) -> Iterator[None]:
    """Ids, nonces and jitter by seed; no threads but the stage's."""
    with (
        patch("os.urandom", random.randbytes),
        patch("secrets.choice", random.choice),
        patch("concurrent.futures.ThreadPoolExecutor", OneAfterTheOther),
    ):
        yield
