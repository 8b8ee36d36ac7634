"""The second of the two doors: every reading of the time and every wait goes through a clock that is passed in."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What the time is, and how to wait."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""

    def sleep(self, seconds: float) -> None:
        """Return when ``seconds`` have passed on this clock."""


class StoppableClock:
    """The machine's clock for work in a thread of its own: a wait ends with KeyboardInterrupt when the work is stopped.

    That is raised once, so that whoever cleans up can wait.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._raised = False

    def stop(self) -> None:
        """End the work at its next wait; called from another thread."""
        self._stop.set()

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Block the thread for ``seconds``, or until the work is stopped."""
        if self._raised:
            time.sleep(seconds)
        elif self._stop.wait(seconds):
            self._raised = True
            raise KeyboardInterrupt


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Block the thread for ``seconds``."""
        time.sleep(seconds)
