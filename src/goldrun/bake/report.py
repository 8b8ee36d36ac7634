"""The progress of a build. Where and how it is shown is up to the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from goldrun.clock import Clock


class Report(Protocol):
    """Receives the progress of one architecture's build."""

    def begin(self, step: str) -> None:
        """A step begins."""

    def line(self, text: str) -> None:
        """The step printed a line, or goldrun did about it."""

    def end(self, step: str, seconds: float, failed: bool) -> None:
        """A step has ended."""


class Silence:
    """Shows nothing."""

    def begin(self, step: str) -> None:
        """See ``Report.begin``."""

    def line(self, text: str) -> None:
        """See ``Report.line``."""

    def end(self, step: str, seconds: float, failed: bool) -> None:
        """See ``Report.end``."""


@contextmanager
def reported(report: Report, clock: Clock, name: str) -> Iterator[None]:
    """Report a step's beginning, and its end with the time it took."""
    start = clock.now()
    report.begin(name)
    failed = True
    try:
        yield
        failed = False
    finally:
        report.end(name, clock.now() - start, failed)
