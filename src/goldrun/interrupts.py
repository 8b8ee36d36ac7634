"""Ctrl-C, SIGTERM and a closed terminal: the first signal ends the work, later ones do not disturb its clean-up.

GitHub Actions cancels a job with SIGINT, and with SIGTERM 7.5 seconds later; cleaning up takes longer than that.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from types import FrameType
else:
    import _signal as signal  # without its enumerations, which take long to import


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN_SECONDS = 0.01


def end_once(words: str = "") -> None:
    """Let the first signal raise KeyboardInterrupt, and ignore later ones; so does SIGHUP, unless ``nohup`` ignores it.

    Args:
        words: what a person is told at once, on stderr, while what was begun is cleaned up; empty: nothing.
    """

    def end(_: int, __: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if words:
            try:  # noqa: SIM105 - contextlib takes long to import
                os.write(2, f"\n{words}\n".encode())  # a stream may be in the middle of something
            except OSError:
                pass
        raise KeyboardInterrupt

    sys.unraisablehook = _raise_again
    signal.signal(signal.SIGALRM, end)
    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


def _raise_again(lost: sys.UnraisableHookArgs) -> None:
    """Repeat an interrupt that occurred in a finalizer or a weak reference's callback, where Python drops it."""
    if lost.exc_type is KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
    else:
        sys.__unraisablehook__(lost)
