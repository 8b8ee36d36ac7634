"""Tells people at GitHub why a job waits: by a check at the job's commit."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from goldrun.errors import GoldrunError
from goldrun.github.checks import create_check
from goldrun.github.client import GitHub
from goldrun.github.scale_sets import JobEvent
from goldrun.github.scope import Scope
from goldrun.github.workflows import get_run
from goldrun.report import Report

KEPT = 1000


@dataclass
class Notices:
    """The messages of one scale set; each is sent once.

    Attributes:
        github: GitHub's API; an App with Checks: write.
        name: of the checks.
        report: receives the same sentences.
    """

    github: GitHub
    name: str
    report: Report
    _posted: dict[int, tuple[int, str]] = field(default_factory=dict)  # run and reason, by request
    _checked: set[tuple[int, str]] = field(default_factory=set)  # run and reason
    _may: bool = True

    def tidy(self, waiting: Container[int]) -> None:
        """Forget jobs that do not wait any more, if there are many; those that do would be posted again."""
        if len(self._posted) > KEPT:
            self._posted = {request: posted for request, posted in self._posted.items() if request in waiting}
            runs = {run for run, _ in self._posted.values()}
            self._checked = {checked for checked in self._checked if checked[0] in runs}

    def post(self, event: JobEvent, reason: str) -> None:
        """Say why a job waits; a failure is reported once, and keeps nothing else from being done."""
        if self._posted.get(event.request) == (event.run, reason):
            return
        self._posted[event.request] = event.run, reason
        self.report(f"{event.name} of {event.repository} waits: {reason}.")
        if not self._may or (event.run, reason) in self._checked:
            return
        self._checked.add((event.run, reason))
        try:
            run = get_run(self.github, Scope(event.repository), str(event.run))
            title = f"Waits: {reason}"
            summary = f"`{event.name}` waits in GitHub's queue. goldrun does not run it yet: {reason}."
            create_check(self.github, event.repository, run.sha, f"goldrun: {self.name}", title=title, summary=summary)
        except GoldrunError as error:
            self._may = error.retryable
            self.report(f"{self.name}: GitHub does not show why jobs wait: {error.what}")
