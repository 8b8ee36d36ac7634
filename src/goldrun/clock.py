"""The second of the two doors: every reading of the time and every wait goes through a clock that is passed in."""

from __future__ import annotations

import threading
import time
from typing import Protocol

# Linux counts the time that a machine slept in a clock of its own; elsewhere the monotonic one has to do.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_seconds() -> float:
    """Seconds since some moment in the past. It never goes back, and nobody who sets the time of day moves it."""
    return time.clock_gettime(_STEADY)


# One for the process: a deadline that one clock sets is kept by another.
_START = time.time() - steady_seconds()


class Clock(Protocol):
    """What the time is, and how to wait."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""

    def sleep(self, seconds: float) -> None:
        """Return when ``seconds`` have passed on this clock."""


class SystemClock:
    """The machine's clock: the time of day when the process began, and what has passed since.

    Setting the machine's time does not reach it: a wait is as long as it was meant to be, a deadline where it was put.
    """

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return _START + steady_seconds()

    def sleep(self, seconds: float) -> None:
        """Block the thread for ``seconds``."""
        time.sleep(seconds)


class StoppableClock(SystemClock):
    """The machine's clock for work in a thread of its own: a wait ends with KeyboardInterrupt when the work is stopped.

    That is raised once, so that whoever cleans up can wait.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._raised = False

    def stop(self) -> None:
        """End the work at its next wait; called from another thread."""
        self._stop.set()

    def sleep(self, seconds: float) -> None:
        """Block the thread for ``seconds``, or until the work is stopped."""
        if self._raised:
            time.sleep(seconds)
        elif self._stop.wait(seconds):
            self._raised = True
            raise KeyboardInterrupt
