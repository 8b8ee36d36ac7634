"""The local cloud's time: it can run fast, leap forward, and continues while the server is down."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate

import msgspec

from goldrun.clock import steady_seconds
from goldrun.http.cloud_clock import SPEED_HEADER

# At a million times the usual speed it is reached in a year; moments beyond the year 9999 could not be written.
LAST_MOMENT = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?Z")


class Anchor(msgspec.Struct, frozen=True):
    """A pair of moments that belong together, and how fast virtual time has run since."""

    virtual: float
    wall: float
    speed: float


class LocalClock:
    """Virtual time, and ``wall``, the computer's, in seconds since 1970.

    Requests are signed with the computer's time, so their age is judged by ``wall``; all resources use virtual time.
    It runs by the steady clock: it never goes back, even if ``wall`` does.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        anchor: Anchor | None = None,
        steady: Callable[[], float] | None = None,
    ) -> None:
        """Make a clock.

        Args:
            wall: the computer's time.
            anchor: where it begins; None: at the computer's time.
            steady: the clock that it runs by; None: the computer's steady clock, or a ``wall`` that was passed in.
        """
        self.wall = wall
        self._steady = steady or (steady_seconds if wall is time.time else wall)
        self._anchor = anchor or Anchor(wall(), wall(), 1.0)
        self._since = self._steady()

    @property
    def anchor(self) -> Anchor:
        """Return the present moment and the speed: the clock resumes from them after the server was down."""
        return Anchor(self.now(), self.wall(), self._anchor.speed)

    def resume(self, anchor: Anchor, latest: float = 0.0) -> None:
        """Resume from an anchor: add the time that has passed on the computer's clock since.

        Args:
            anchor: the saved anchor.
            latest: a moment that had certainly been reached; the computer's clock may have been set back.
        """
        passed = max(0.0, self.wall() - anchor.wall) * anchor.speed
        self._set(max(anchor.virtual + passed, latest), anchor.speed)

    def now(self) -> float:
        """Return the virtual seconds since 1970-01-01 UTC."""
        return min(LAST_MOMENT, self._anchor.virtual + (self._steady() - self._since) * self._anchor.speed)

    def set_speed(self, speed: float) -> None:
        """Let virtual time run ``speed`` times as fast as the computer's from now on."""
        self._set(self.now(), speed)

    def advance(self, seconds: float) -> None:
        """Move virtual time forward immediately."""
        self._set(self.now() + seconds, self._anchor.speed)

    def headers(self) -> dict[str, str]:
        """Return the headers about time: the ``Date``, and the speed."""
        return {"date": formatdate(self.now() // 1, usegmt=True), SPEED_HEADER: f"{self._anchor.speed:g}"}

    def _set(self, virtual: float, speed: float) -> None:
        self._anchor, self._since = Anchor(virtual, self.wall(), speed), self._steady()


def iso(moment: float) -> str:
    """Return ``2026-11-23T08:00:00Z``, as the API writes moments."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_iso(text: str) -> float:
    """Return the moment of ``2026-11-23T08:00:00Z`` or ``2026-11-23T08:00Z``.

    Raises:
        ValueError: ``text`` has neither form.
    """
    # `fromisoformat` takes more forms; `strptime` takes these two, and twenty times as long.
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text).timestamp()
