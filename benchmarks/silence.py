"""A report of a build that nobody reads, for benchmarks and tests."""

from __future__ import annotations


class SilentReport:
    """Discards a build's progress; see ``goldrun.bake.progress.Report``."""

    def begin(self, step: str) -> None:
        """Discard it."""

    def line(self, text: str) -> None:
        """Discard it."""

    def end(self, step: str, seconds: float, failed: bool) -> None:
        """Discard it."""
