"""Decides whose jobs a profile runs: by repository, by event, and whether the code comes from a fork."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from goldrun.errors import GoldrunError
from goldrun.github.client import GitHub
from goldrun.github.scale_sets import JobEvent
from goldrun.github.scope import Scope
from goldrun.github.workflows import get_run
from goldrun.serve.config import Profile


@dataclass
class Admission:
    """Admits jobs. What is not admitted stays in GitHub's queue: nobody else is kept from running it.

    Attributes:
        github: GitHub's API; for pull requests, the token needs Actions: read.
        profile: the rules.
    """

    github: GitHub
    profile: Profile

    def asks(self, event: JobEvent) -> bool:
        """Return whether GitHub is asked where a job's code comes from."""
        return not self.profile.forks and event.event.startswith("pull_request")

    def reason(self, event: JobEvent) -> str:
        """Return why a job may not run; empty: it may.

        Raises:
            GoldrunError: GitHub fails for a passing reason.
        """
        profile, repository = self.profile, event.repository.lower()
        if profile.repositories and not any(fnmatchcase(repository, one.lower()) for one in profile.repositories):
            return "its repository is not among those of the profile"
        if profile.events and event.event not in profile.events:
            return f"its event, {event.event}, is not among those of the profile"
        if self.asks(event):
            try:
                run = get_run(self.github, Scope(event.repository), str(event.run))
            except GoldrunError as error:
                if error.retryable:
                    raise
                return f"GitHub does not say whether it comes from a fork ({error.what})"
            if run.head.lower() != repository:
                return "its code comes from a fork"
        return ""
