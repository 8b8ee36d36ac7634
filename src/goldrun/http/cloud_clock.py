"""The cloud's time, read from the ``Date`` header of its answers.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun.clock import Clock
from goldrun.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


# The local cloud reports in every answer how fast its time runs; the real one has no such header.
SPEED_HEADER = "x-goldrun-speed"
MAX_SPEED = 1e6
RESOLUTION = 1.0  # seconds: a Date has no fractions
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


class _Known(NamedTuple):
    """The same moment on both clocks, and how many seconds pass in the cloud during one second on this machine.

    Attributes:
        local: whether it is a local cloud, whose time is its own.
    """

    cloud: float
    machine: float
    speed: float
    local: bool

    def at(self, machine: float) -> float:
        return self.cloud + (machine - self.machine) * self.speed


class _Learnt:
    """What is known of the cloud's time, and how to ask for it as long as nothing is."""

    def __init__(self, ask: Callable[[], None] | None) -> None:
        self.known: _Known | None = None
        self.ask = ask


class CloudClock:
    """A clock that shows the cloud's time and waits on the machine's.

    Release times, ages and costs are computed from it, so that a machine whose clock is wrong, or is set while goldrun
    runs, gets the same results as any other. It never shows less than the ``Date`` of the last answer: nothing that the
    cloud has reported lies in the future. If the cloud's time runs fast (the local cloud's can), waits are shorter to
    match.
    """

    def __init__(self, machine: Clock, ask: Callable[[], None] | None = None) -> None:
        """Make a clock.

        Args:
            machine: the machine's clock.
            ask: makes any request that is answered; called once, if the time is read before the first answer.
        """
        self.machine = machine
        self._learnt = _Learnt(ask)

    def now(self) -> float:
        """Return seconds since 1970-01-01 UTC; the machine's time if the cloud cannot be reached."""
        learnt = self._learnt
        if learnt.known is None and learnt.ask:
            ask, learnt.ask = learnt.ask, None
            ask()
        machine = self.machine.now()
        return learnt.known.at(machine) if learnt.known else machine

    def sleep(self, seconds: float) -> None:
        """Sleep until ``seconds`` have passed in the cloud, as far as is known; never longer than on this machine."""
        self.machine.sleep(self.here(seconds))

    def here(self, seconds: float) -> float:
        """Return how long ``seconds`` in the cloud take on this machine, in seconds; never more."""
        known = self._learnt.known
        return seconds / max(1.0, known.speed if known else 1.0)

    def learn(self, headers: Mapping[str, str], sent: float, received: float) -> None:
        """Update the time from an answer's headers.

        What is known stays as long as the answer does not contradict it: a ``Date`` is in whole seconds, and was
        written at an unknown moment between ``sent`` and ``received``.

        Args:
            headers: with their names in lower case.
            sent: when the request was sent, on the machine's clock.
            received: when the answer was complete, on the same clock.
        """
        date = parse_date(headers.get("date", ""))
        if date is None:
            return
        shown = headers.get(SPEED_HEADER)
        speed = _speed(shown or "")
        latest = date + RESOLUTION + (received - sent) * speed
        known = self._learnt.known
        expected = known.at(received) if known else date
        self._learnt.known = _Known(min(max(date, expected), latest), received, speed, shown is not None)

    def is_known(self) -> bool:
        """Return whether the cloud has said its time, if need be when asked."""
        self.now()
        return self._learnt.known is not None

    def ahead(self) -> float | None:
        """Return how many seconds the cloud's time is ahead of the machine's; None: not known, or it is a local one."""
        now = self.now()
        known = self._learnt.known
        return now - self.machine.now() if known and not known.local else None

    def on(self, machine: Clock) -> CloudClock:
        """Return a clock of the same time that waits on another clock of the machine; both learn from every answer."""
        other = CloudClock(machine)
        other._learnt = self._learnt
        return other


def parse_date(text: str) -> float | None:
    """Return seconds since 1970 of ``Tue, 24 Nov 2026 08:00:00 GMT``; None if it is not such a date.

    Source: IMF-fixdate of RFC 9110. Parsed by hand, as ``datetime`` takes longer to load than the rest of a look-up.
    """
    try:
        _, day, name, year, clock, zone = text.split()
        hours, minutes, seconds = map(int, clock.split(":"))
        month = _MONTHS.index(name) // 3 + 1
        # Years that begin in March have the leap day at their end.
        y, m = (int(year), month - 3) if month > 2 else (int(year) - 1, month + 9)
        days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + int(day) - 719_469
    except ValueError:
        return None
    return float(days * 86_400 + hours * 3600 + minutes * 60 + seconds) if zone == "GMT" else None


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        return 1.0
    return speed if 0 <= speed <= MAX_SPEED else 1.0
