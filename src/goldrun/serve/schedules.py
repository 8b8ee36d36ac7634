"""Times of the week, in a time zone: ``mon-fri``, ``08:00-19:00``."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from goldrun.errors import UsageError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})")


def parse_days(text: str) -> frozenset[int]:
    """Return the days of ``mon-fri`` or ``sat,sun``: 0 is Monday. A range may go over the end of the week.

    Raises:
        UsageError: it does not name days.
    """
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (name.strip() for name in part.partition("-"))
        if first not in DAYS or (last if dash else first) not in DAYS:
            raise UsageError(f"{text!r} does not name days.", fix=["for example mon-fri, or sat,sun."])
        start, end = DAYS.index(first), DAYS.index(last or first)
        found |= {number % 7 for number in range(start, end + (7 if end < start else 0) + 1)}
    return frozenset(found)


def parse_hours(text: str) -> tuple[int, int]:
    """Return the minutes of the day of ``08:00-19:00``: the first one, and the one after the last.

    Raises:
        UsageError: it is not a time of day, or it ends before it begins.
    """
    match = _HOURS.fullmatch(text)
    if match:
        hours, minutes = (int(match[1]), int(match[3])), (int(match[2]), int(match[4]))
        begin, end = (60 * hour + minute for hour, minute in zip(hours, minutes, strict=True))
        if max(minutes) < 60 and begin < end <= 24 * 60:
            return begin, end
    raise UsageError(f"{text!r} is not a time of day.", fix=["for example 08:00-19:00; over midnight, write two."])


def includes(days: str, hours: str, timezone: str, now: float) -> bool:
    """Return whether a moment (seconds since 1970) is in that time of the week."""
    there = datetime.fromtimestamp(now, ZoneInfo(timezone))
    begin, end = parse_hours(hours)
    return there.weekday() in parse_days(days) and begin <= 60 * there.hour + there.minute < end
