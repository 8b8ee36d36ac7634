"""The one way of waiting: look, and look again less and less often, until it is there or it has taken too long.

Whoever must show a sign of life meanwhile gives its client a clock that beats (``Beating``): then every wait beats,
also the one between two tries of a call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from goldrun.clock import Clock
from goldrun.errors import GoldrunError

SHARE = 0.02
SHORTEST = 1.0
LONGEST = 10.0
# Reads lag behind: for so long, something that was just made may be missing from what the API shows.
LAG_SECONDS = 60.0

T = TypeVar("T")
Pause = Callable[[float], float]


def pause(elapsed: float) -> float:
    """Seconds to the next look, ``elapsed`` seconds after the first: a share of them, so that waiting costs little."""
    return min(LONGEST, max(SHORTEST, SHARE * elapsed))


def at_least(seconds: float) -> Pause:
    """As ``pause``, but never sooner than after ``seconds``."""
    return lambda elapsed: max(seconds, pause(elapsed))


def wait_for(
    clock: Clock,
    look: Callable[[], T | None],
    *,
    seconds: float,
    late: Callable[[float], GoldrunError],
    often: Pause = pause,
) -> T:
    """Wait until ``look`` finds something.

    Args:
        clock: waited on.
        look: returns what was waited for, or None while it is not there; raises if it never will be.
        seconds: how long at most; the last look is at their end.
        late: the error to raise when it has taken too long, made from the seconds that it took.
        often: seconds to the next look, by the seconds since the first.

    Raises:
        GoldrunError: what ``late`` has made, or ``look`` has raised.
    """
    start = clock.now()
    found = watch(clock, look, seconds=seconds, often=often)
    if found is None:
        raise late(clock.now() - start)
    return found


def watch(
    clock: Clock, look: Callable[[], T | None], *, seconds: float = LAG_SECONDS, often: Pause = pause
) -> T | None:
    """As ``wait_for``, where it may well never come: None if it does not."""
    start = clock.now()
    end = start + seconds
    while True:
        began = clock.now()
        if (found := look()) is not None:
            return found
        # Only a look that began after the end counts as the last: before it the machine may have slept for hours.
        if began >= end:
            return None
        now = clock.now()
        clock.sleep(max(0.0, min(often(now - start), end - now)))


class Beating:
    """A clock that beats while it is waited on, however long that takes."""

    def __init__(self, clock: Clock, beat: Callable[[], None], piece: float) -> None:
        """Wait in pieces of ``piece`` seconds at most, and call ``beat`` between them; whether it is time, it knows."""
        self._clock, self._beat, self._piece = clock, beat, piece

    def now(self) -> float:
        """See ``Clock.now``."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """See ``Clock.sleep``."""
        end = self.now() + seconds
        self._beat()
        while (left := end - self.now()) > 0:
            self._clock.sleep(min(left, self._piece))
            self._beat()
