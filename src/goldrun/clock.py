"""The second of the two doors: every reading of the time and every wait goes through a clock that is passed in."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the time is, and how to wait."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""

    def sleep(self, seconds: float) -> None:
        """Return when ``seconds`` have passed on this clock."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Block the thread for ``seconds``."""
        time.sleep(seconds)
