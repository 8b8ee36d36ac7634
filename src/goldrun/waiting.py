"""The only loop that sleeps: polls until something is so or the time is up.

Everything waits here: for the cloud, for GitHub, for the next attempt of a call. So it is below `http`, and needs the
standard library alone: this module is on the look-up path.

Work that needs a heartbeat gives its client a clock that beats (``Beating``): then every wait beats, including the one
between two attempts of a call.
"""

from __future__ import annotations

from goldrun.clock import Clock
from goldrun.errors import GoldrunError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias, TypeVar

    T = TypeVar("T")


SHARE = 0.02
SHORTEST = 1.0
LONGEST = 10.0
# Reads lag behind writes: for this long, something just created may be missing from what the API returns.
LAG_SECONDS = 60.0

Pause: TypeAlias = "Callable[[float], float]"


def pause(elapsed: float) -> float:
    """Return seconds until the next look: a share of the ``elapsed`` ones, so that a long wait makes few calls."""
    return min(LONGEST, max(SHORTEST, SHARE * elapsed))


def at_least(seconds: float) -> Pause:
    """Return a pause like ``pause``, but never shorter than ``seconds``."""
    return lambda elapsed: max(seconds, pause(elapsed))


def every(seconds: float) -> Pause:
    """Return a pause of always ``seconds``."""
    return lambda _: seconds


def approach(left: float, longest: float = LONGEST) -> float:
    """Return seconds until the next look with about ``left`` to go: three quarters of them, but at most ``longest``.

    An estimate may be wrong; then the look is no later than that.
    """
    return min(longest, 0.75 * left)


def expecting(seconds: float, often: Pause = pause) -> Pause:
    """Return a pause like ``often``, but longer while much is left of the ``seconds`` that the wait should take."""
    return lambda elapsed: max(often(elapsed), approach(seconds - elapsed))


def looks(clock: Clock, *, seconds: float = float("inf"), often: Pause = pause, later: bool = False) -> Iterator[float]:
    """Yield once for each look, and sleep in between.

    Args:
        clock: the clock to sleep on.
        seconds: time limit. The last look begins after it: the machine may have been suspended for hours during an
            earlier one.
        often: seconds until the next look, given the seconds since the wait began.
        later: the first look is after a pause: what has begun just now is not over.

    Yields:
        Seconds since the wait began.
    """
    start = clock.now()
    end = start + seconds
    if later:
        clock.sleep(min(often(0.0), seconds))
    while True:
        began = clock.now()
        yield began - start
        if began >= end:
            return
        now = clock.now()
        clock.sleep(max(0.0, min(often(now - start), end - now)))


def watch(
    clock: Clock,
    look: Callable[[], T | None],
    *,
    seconds: float = LAG_SECONDS,
    often: Pause = pause,
    later: bool = False,
) -> T | None:
    """Poll until ``look`` returns something other than None, and return it; None when the time is up."""
    for _ in looks(clock, seconds=seconds, often=often, later=later):
        if (found := look()) is not None:
            return found
    return None


def wait_for(
    clock: Clock,
    look: Callable[[], T | None],
    *,
    seconds: float,
    late: Callable[[float], GoldrunError],
    often: Pause = pause,
    later: bool = False,
) -> T:
    """Poll until ``look`` returns something other than None, and return it.

    Args:
        clock: the clock to sleep on.
        look: returns the result, or None to poll again; raises if there will never be one.
        seconds: time limit; see ``looks``.
        late: makes the error to raise when the limit is reached, given the seconds that passed.
        often: see ``looks``.
        later: see ``looks``.

    Raises:
        GoldrunError: made by ``late``, or raised by ``look``.
    """
    start = clock.now()
    found = watch(clock, look, seconds=seconds, often=often, later=later)
    if found is None:
        raise late(clock.now() - start)
    return found


class Beating:
    """A clock that beats during every sleep, however long."""

    def __init__(self, clock: Clock, beat: Callable[[], None], piece: float) -> None:
        """Sleep in pieces of at most ``piece`` seconds, and call ``beat`` in between; it decides whether it is due."""
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
