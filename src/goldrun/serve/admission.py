"""Decides whose jobs a profile runs: by repository, by event, and whether the code comes from a fork."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from goldrun.errors import GoldrunError
from goldrun.github.client import GitHub
from goldrun.github.scale_sets import JobEvent
from goldrun.github.scope import Scope
from goldrun.github.workflows import get_run
from goldrun.launch.launch import Report
from goldrun.serve.config import Profile

KEPT = 1000


@dataclass
class Admission:
    """Admits jobs. What is not admitted stays in GitHub's queue: nobody else is kept from running it.

    Attributes:
        github: GitHub's API; for pull requests, the token needs Actions: read.
        profile: the rules.
        report: receives a sentence about each job that is not admitted, once.
    """

    github: GitHub
    profile: Profile
    report: Report
    _refused: dict[int, str] = field(default_factory=dict)  # by request

    def admits(self, event: JobEvent) -> bool:
        """Return whether a job may run.

        Raises:
            GoldrunError: GitHub does not say where a pull request comes from; it is asked again at the next offer.
        """
        reason = self._reason(event)
        if reason and self._refused.get(event.request) != reason:
            self.report(f"{event.name} of {event.repository} is not run: {reason}.")
            if len(self._refused) >= KEPT:
                self._refused.clear()
            self._refused[event.request] = reason
        return not reason

    def _reason(self, event: JobEvent) -> str:
        """Return why a job may not run; empty: it may."""
        profile, repository = self.profile, event.repository.lower()
        if profile.repositories and not any(fnmatchcase(repository, one.lower()) for one in profile.repositories):
            return "its repository is not among those of the profile"
        if profile.events and event.event not in profile.events:
            return f"its event, {event.event}, is not among those of the profile"
        if not profile.forks and event.event.startswith("pull_request"):
            try:
                run = get_run(self.github, Scope(event.repository), str(event.run))
            except GoldrunError as error:
                return f"GitHub does not say whether it comes from a fork ({error.what})"
            if run.head.lower() != repository:
                return "its code comes from a fork"
        return ""
