"""Clocks: every reading of the time and every wait uses a clock that is passed in."""

from __future__ import annotations

import time

from goldrun.lean import Protocol

BREAK_SECONDS = 1.0
# Linux has a separate clock that includes the time spent suspended; other systems have the monotonic one.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_seconds() -> float:
    """Return the seconds since some past moment. Unaffected by setting the time of day, they never go back."""
    return time.clock_gettime(_STEADY)


# One for the process: a deadline that one clock sets holds for another.
_START = time.time() - steady_seconds()


class Clock(Protocol):
    """Reads the time, and waits."""

    def now(self) -> float:
        """Return the seconds since 1970-01-01 UTC."""

    def sleep(self, seconds: float) -> None:
        """Return when ``seconds`` have passed on this clock."""


class SystemClock:
    """The machine's clock: the time of day when the process started, plus the time since.

    Setting the machine's time does not affect it, nor the waits and deadlines that use it.
    """

    def now(self) -> float:
        """Return the seconds since 1970-01-01 UTC."""
        return _START + steady_seconds()

    def sleep(self, seconds: float) -> None:
        """Block the thread for ``seconds``."""
        time.sleep(seconds)


class StoppableClock(SystemClock):
    """The machine's clock for work in other threads: their next waits raise KeyboardInterrupt after ``stop``.

    It is raised once in each of them, and never in the one that made the clock, so that clean-ups can wait.
    """

    def __init__(self) -> None:
        import threading  # takes long, and a look-up needs no thread

        self._stop, self._this_thread = threading.Event(), threading.get_ident
        self._spared = {threading.get_ident()}  # threads whose waits are not ended, or not any more

    def stop(self) -> None:
        """End the work at its next wait; called from another thread."""
        self._stop.set()

    def sleep(self, seconds: float) -> None:
        """Block the thread for ``seconds``, or until the work is stopped."""
        if self._this_thread() in self._spared:
            time.sleep(seconds)
        elif self._stop.wait(seconds):
            self._spared.add(self._this_thread())
            raise KeyboardInterrupt


class BreakableClock:
    """Another clock; once ``broken`` is set, each of its waits ends and raises KeyboardInterrupt."""

    def __init__(self, inner: Clock) -> None:
        self.broken, self._inner = False, inner

    def now(self) -> float:
        """Return the seconds since 1970-01-01 UTC."""
        return self._inner.now()

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``, or until it is broken."""
        end = self.now() + seconds
        while not self.broken and (left := end - self.now()) > 0:
            self._inner.sleep(min(left, BREAK_SECONDS))
        if self.broken:
            raise KeyboardInterrupt
