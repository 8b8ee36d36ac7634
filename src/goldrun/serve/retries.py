"""Tries steps again that have failed: after a pause, each one longer than the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from goldrun.clock import Clock
from goldrun.errors import GoldrunError
from goldrun.report import Report
from goldrun.serve.log import failed

PAUSE_SECONDS = (2.0, 60.0)  # after a failure: the first pause and the longest


@dataclass
class Retries:
    """What is known of a scale set's steps, by their names.

    Attributes:
        name: the scale set's name.
        clock: tells the time.
        report: receives a sentence about each failure.
    """

    name: str
    clock: Clock
    report: Report
    _pauses: dict[str, float] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)

    def attempt(self, step: str, run: Callable[[], object]) -> float:
        """Run a step, unless it has failed a moment ago; return for how long it is not to be run now."""
        if (left := self._until.get(step, 0.0) - self.clock.now()) > 0:
            return left
        try:
            run()
        except GoldrunError as error:
            pause = self._pauses.get(step, PAUSE_SECONDS[0])
            self._pauses[step] = min(PAUSE_SECONDS[1], 2 * pause)
            self._until[step] = self.clock.now() + pause
            why = f" {error.why[0]}" if error.why else ""
            words = f"{self.name}: {error.what}{why} Trying again in {pause:.0f} s."
            self.report(failed(words, error, set=self.name))
            return pause
        self.forget([step])
        return 0.0

    def forget(self, steps: Iterable[str]) -> None:
        """Know no failures of these steps."""
        for step in steps:
            self._pauses.pop(step, None)
            self._until.pop(step, None)
