"""Ctrl-C and SIGTERM: the first one ends the work, and lets it clean up in peace.

GitHub Actions cancels a job with SIGINT, and with SIGTERM 7.5 seconds later; cleaning up takes longer than that.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_AGAIN_SECONDS = 0.01


def end_once() -> None:
    """From now on the first SIGINT or SIGTERM raises KeyboardInterrupt, and the others do nothing."""
    sys.unraisablehook = _raise_again
    signal.signal(signal.SIGALRM, _end)
    for number in _SIGNALS:
        signal.signal(number, _end)


def _end(_: int, __: FrameType | None) -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _raise_again(lost: sys.UnraisableHookArgs) -> None:
    """Repeat an interrupt that fell into a finalizer or a weak reference's callback: Python drops it there."""
    if lost.exc_type is KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
    else:
        sys.__unraisablehook__(lost)
