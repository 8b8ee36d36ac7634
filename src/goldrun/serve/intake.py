"""Accepts the jobs that GitHub offers: those that are admitted, whose turn it is, and that the budget holds.

What has to wait is looked at again at every step, until it is accepted or GitHub's offer has surely ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from goldrun.clock import Clock
from goldrun.github.scale_sets import JobEvent
from goldrun.serve.admission import Admission
from goldrun.serve.concurrency import Concurrency
from goldrun.serve.listener import Listener
from goldrun.serve.notices import Notices

OFFER_SECONDS = 600.0


@dataclass
class _Offer:
    """A job that GitHub offers: since when, and why it is not admitted; empty: it is; None: that was not asked yet."""

    event: JobEvent
    since: float
    refusal: str | None = None


@dataclass
class Intake:
    """The offered jobs of one scale set.

    Attributes:
        clock: the clock of the machine.
        listener: the scale set's session.
        admission: decides whose jobs are run at all.
        concurrency: decides whose turn it is.
        notices: tells people why a job waits.
        crowded: how many offered jobs wait for a machine alone, and not for their turn.
    """

    clock: Clock
    listener: Listener
    admission: Admission
    concurrency: Concurrency
    notices: Notices
    crowded: int = 0
    _offered: dict[int, _Offer] = field(default_factory=dict)  # by request

    @property
    def waiting(self) -> int:
        """How many offered jobs are kept waiting, or not run at all: GitHub counts them as if they were accepted."""
        return len(self._offered)

    def clear(self) -> None:
        """Forget the offers of another session."""
        self._offered.clear()

    def offer(self, event: JobEvent) -> None:
        """Receive an offer."""
        self._offered[event.request] = _Offer(event, self.clock.now())

    def assigned(self, event: JobEvent) -> None:
        """Count a job that the set has got: the answer that said so may have been lost."""
        self._offered.pop(event.request, None)
        self.concurrency.take(event)

    def end(self, event: JobEvent) -> None:
        """Forget a job that has ended."""
        self._offered.pop(event.request, None)
        self.concurrency.end(event)

    def admit(self) -> None:
        """Find out which of the offered jobs are run at all.

        Raises:
            GoldrunError: GitHub fails; the rest is asked about at a later step.
        """
        late = self.clock.now() - OFFER_SECONDS
        self._offered = {request: offer for request, offer in self._offered.items() if offer.since > late}
        unknown = [offer for offer in self._offered.values() if offer.refusal is None]
        for offer in sorted(unknown, key=lambda one: self.admission.asks(one.event)):  # while it fails: the others
            offer.refusal = self.admission.reason(offer.event)

    def step(self, room: float, full: str) -> int:
        """Accept what may be accepted of the admitted jobs; return how many that are.

        Args:
            room: how many jobs can be given a machine.
            full: why it is not more.

        Raises:
            GoldrunError: GitHub refuses or fails; the jobs are accepted at a later step.
        """
        self.notices.tidy(self._offered)
        chosen: list[JobEvent] = []
        self.crowded = 0
        for offer in self._offered.values():
            if offer.refusal is None:
                continue
            event, reason = offer.event, offer.refusal or self.concurrency.reason(offer.event)
            if not reason and len(chosen) >= room:
                reason, self.crowded = full, self.crowded + 1
            if reason:
                self.notices.post(event, reason)
            else:
                self.concurrency.take(event)
                chosen.append(event)
        got: frozenset[int] = frozenset()
        try:
            got = self.listener.acquire(event.request for event in chosen)
            for event in chosen:
                del self._offered[event.request]
        finally:
            for event in chosen:
                if event.request not in got:
                    self.concurrency.release(event)
        return len(got)
