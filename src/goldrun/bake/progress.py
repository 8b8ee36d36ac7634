"""The progress of a build. The caller decides where and how it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from goldrun.clock import Clock
from goldrun.errors import UnavailableError


class BuildProgress(Protocol):
    """Receives the progress of one architecture's build."""

    def begin(self, step: str) -> None:
        """A step begins."""

    def line(self, text: str) -> None:
        """The step, or goldrun, printed a line."""

    def end(self, step: str, seconds: float, failed: bool) -> None:
        """A step has ended."""


class GivesWayError(UnavailableError):
    """Another build of the lineage is at work: this one waits for it, and has not failed."""


@contextmanager
def reported(report: BuildProgress, clock: Clock, name: str) -> Iterator[None]:
    """Report the start of a step, and its end with the time that it took."""
    start = clock.now()
    report.begin(name)
    failed = True
    try:
        yield
        failed = False
    except GivesWayError:
        failed = False
        raise
    finally:
        report.end(name, clock.now() - start, failed)
