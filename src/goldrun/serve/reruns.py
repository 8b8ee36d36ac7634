"""Runs jobs again whose machine the market took back.

GitHub does not rerun jobs during a run, and gives the job of a silent runner to nobody. So this waits until the run has
ended. What waits is not recorded anywhere: if the server dies meanwhile, a person runs the job again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from goldrun.errors import GoldrunError
from goldrun.github.client import GitHub, GitHubError
from goldrun.github.scale_sets import JobEvent
from goldrun.github.scope import Scope
from goldrun.github.workflows import get_run, list_jobs, rerun_job
from goldrun.report import Report
from goldrun.runners.rerun import MAX_ATTEMPTS, count_tries

LOOK_SECONDS = 15.0
PATIENCE_SECONDS = 6 * 3600.0  # a run that has not ended by then is left alone


@dataclass
class Reruns:
    """Jobs that wait for the end of their run.

    Attributes:
        github: GitHub's API; the token needs Actions: write.
        report: receives a sentence about each job.
    """

    github: GitHub
    report: Report
    _waiting: dict[tuple[str, int, str], float] = field(default_factory=dict)  # repository, run and runner; since when
    _looked: float = 0.0

    def add(self, event: JobEvent) -> None:
        """Run a job again, once its run has ended."""
        self._waiting[event.repository, event.run, event.runner] = self.github.clock.now()

    def step(self) -> None:
        """Run again what can be, now and then. Failures are reported: they keep nothing else from being done."""
        now = self.github.clock.now()
        if not self._waiting or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        for key, since in list(self._waiting.items()):
            try:
                done = self._try(*key) or now - since > PATIENCE_SECONDS
            except GoldrunError as error:
                done = isinstance(error, GitHubError) and not error.retryable
                if done:
                    self.report(f"{key[0]}, run {key[1]}: the job could not be run again: {error.what}")
            if done:
                self._waiting.pop(key, None)

    def _try(self, repository: str, run: int, runner: str) -> bool:
        """Return whether nothing is left to be done."""
        scope = Scope(repository)
        found = get_run(self.github, scope, str(run))
        if not found.completed:
            return False
        job = next((one for one in list_jobs(self.github, scope, str(run)) if one.runner == runner), None)
        if job is None:
            return True  # someone has run it again already
        if (tries := count_tries(self.github, scope, str(run), job.name)) >= MAX_ATTEMPTS:
            self.report(f"{repository}, run {run}: {job.name} was tried {tries} times; it is not run again.")
            return True
        rerun_job(self.github, scope, str(job.id))
        self.report(f"{repository}, run {run}: the job of {runner} is run again, as its instance was reclaimed.")
        return True
