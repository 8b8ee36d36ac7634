"""Ctrl-C and SIGTERM: the first one ends the work, and lets it clean up in peace.

GitHub Actions cancels a job with SIGINT, and with SIGTERM 7.5 seconds later; cleaning up takes longer than that.
"""

from __future__ import annotations

import signal
from types import FrameType


def end_once() -> None:
    """From now on the first SIGINT or SIGTERM raises KeyboardInterrupt, and the others do nothing."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)


def _end(_: int, __: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
