"""What machines have cost on a day and in a month of Beijing's time, as on the bill."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from goldrun.cloud.billing import BILL_OFFSET
from goldrun.cloud.moments import format_moment, parse_moment
from goldrun.durations import DAY


@dataclass(frozen=True)
class Spent:
    """An amount, counted up to a moment.

    Attributes:
        until: that moment, in seconds since 1970.
        day: on that day.
        month: in that month.
        paid: what the machines cost an hour that ran at that moment.
    """

    until: float = 0.0
    day: float = 0.0
    month: float = 0.0
    paid: float = 0.0

    def at(self, now: float) -> Spent:
        """Return it as of a later moment: a new day, or month, begins with nothing."""
        if day_begin(now) <= self.until:
            return Spent(max(now, self.until), self.day, self.month, self.paid)
        month = self.month if month_begin(now) <= self.until else 0.0
        return Spent(now, 0.0, month, self.paid)

    def add(self, price: float, begin: float, end: float) -> Spent:
        """Add what a machine costs between two moments, at a price per hour; ``end`` is now."""
        base = self.at(end)
        today = price * max(0.0, end - max(begin, day_begin(end))) / 3600
        month = price * max(0.0, end - max(begin, month_begin(end))) / 3600
        return replace(base, day=base.day + today, month=base.month + month)

    def text(self) -> str:
        """Return it as the value of a tag."""
        return f"{format_moment(self.until)} {self.day:.4f} {self.month:.4f} {self.paid:.4f}"


def parse(text: str) -> Spent:
    """Return the amount of a tag's value; nothing if it has none."""
    try:
        until, day, month, *more = text.split(" ")
        return Spent(parse_moment(until), float(day), float(month), float(more[0]) if more else 0.0)
    except ValueError:
        return Spent()


def day_begin(now: float) -> float:
    """Return when the day began, in Beijing."""
    offset = BILL_OFFSET.total_seconds()
    return (now + offset) // DAY * DAY - offset


def month_begin(now: float) -> float:
    """Return when the month began, in Beijing."""
    there = datetime.fromtimestamp(now, UTC) + BILL_OFFSET
    return (there.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - BILL_OFFSET).timestamp()
