"""Asks less important scale sets to give up machines without a job: until it has helped, but not for ever."""

from __future__ import annotations

import math
from dataclasses import dataclass

from goldrun.clock import Clock

ASKED_SECONDS = 300.0  # less important sets give up machines for so long; if that is in vain, not again so soon
VAIN_SECONDS = 3600.0


@dataclass
class YieldRequest:
    """What one scale set asks for.

    Attributes:
        clock: tells the time.
        asked: machines of less important sets that are asked for, whether they have been given up yet or not.
        for_quota: whether it is the account's quota alone that they hold.
    """

    clock: Clock
    asked: int = 0
    for_quota: bool = False
    _lacked: int = 0  # for how many machines of its own
    _since: float = 0.0
    _last: float = 0.0
    _from: int = 0  # how many machines there were when it began to ask
    _vain_until: float = 0.0
    _vain_pool_until: float = 0.0

    @property
    def vain(self) -> bool:
        """Whether it has not helped: nothing is asked for, for a while."""
        return self.clock.now() < self._vain_until

    def demand(self, jobs: int, pool: int, alive: int, to_give: int, *, for_quota: bool) -> int:
        """Return how many machines less important sets are to give up.

        What was asked for once is asked for until it is launched, so that it is not launched elsewhere meanwhile.

        Args:
            jobs: machines that jobs lack.
            pool: machines that the pool lacks.
            alive: machines that there are.
            to_give: how many machines without a job would help.
            for_quota: whether it is the quota alone that they hold.
        """
        if self.vain:
            return 0
        now = self.clock.now()
        lacks = jobs if now < self._vain_pool_until else jobs + pool
        pending = math.ceil(self.asked * min(1.0, lacks / self._lacked)) if self._lacked else 0
        if to_give > pending:
            self.for_quota = for_quota
        self.asked, self._lacked = max(pending, to_give) if lacks else 0, lacks
        if not self.asked:
            return 0
        if alive > self._from or now - self._last > ASKED_SECONDS:
            self._since, self._from = now, alive  # anew
        self._last = now
        if now - self._since > ASKED_SECONDS:
            self._vain_until = self._vain_pool_until = now + VAIN_SECONDS
            self.asked = 0
        return self.asked

    def withdraw(self) -> None:
        """Ask for nothing: nothing is missing."""
        self.asked = 0

    def all_launched(self, alive: int) -> None:
        """Learn that all that was missing is there: if there are more machines than before, it has helped."""
        if alive > self._from:
            self._last = 0.0  # the next time is another one

    def launched(self) -> None:
        """Learn that something was launched: the pool may ask again."""
        if not self.vain:
            self._vain_pool_until = 0.0

    def sold_out(self) -> None:
        """Learn that a launch was refused for another reason than the quota: for the pool nobody gives up anything."""
        self._vain_pool_until = self.clock.now() + VAIN_SECONDS
