"""The local cloud's time: it can run fast, be moved forward, and goes on while the server is down."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

# At a million times the usual speed it is there in a year; beyond the year 9999 no moment could be written.
LAST_MOMENT = datetime(9000, 1, 1, tzinfo=UTC).timestamp()


class Anchor(msgspec.Struct, frozen=True):
    """A pair of moments that belong together, and how fast virtual time has run since."""

    virtual: float
    wall: float
    speed: float


class LocalClock:
    """Virtual time. ``wall`` is the machine's, in seconds since 1970; both can be asked.

    Requests are signed with the machine's time, so their age is judged by ``wall``; everything that lives in the
    cloud lives in virtual time.
    """

    def __init__(self, wall: Callable[[], float] = time.time, anchor: Anchor | None = None) -> None:
        self.wall = wall
        self.anchor = anchor or Anchor(wall(), wall(), 1.0)

    def now(self) -> float:
        """Virtual seconds since 1970-01-01 UTC."""
        return min(LAST_MOMENT, self.anchor.virtual + (self.wall() - self.anchor.wall) * self.anchor.speed)

    def set_speed(self, speed: float) -> None:
        """Let virtual time run ``speed`` times as fast as the machine's from now on."""
        self.anchor = Anchor(self.now(), self.wall(), speed)

    def advance(self, seconds: float) -> None:
        """Move virtual time forward at once."""
        self.anchor = Anchor(self.now() + seconds, self.wall(), self.anchor.speed)


def iso(moment: float) -> str:
    """``2026-11-23T08:00:00Z``, as the API writes moments."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_iso(text: str) -> float:
    """The moment that ``2026-11-23T08:00:00Z`` or ``2026-11-23T08:00Z`` names.

    Raises:
        ValueError: if ``text`` has neither form.
    """
    form = "%Y-%m-%dT%H:%MZ" if text.count(":") == 1 else "%Y-%m-%dT%H:%M:%SZ"
    return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
