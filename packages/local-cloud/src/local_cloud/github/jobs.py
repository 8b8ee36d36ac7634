"""Runs, jobs and runners: assigns jobs and tracks their results, independently of HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from local_cloud.clock import LocalClock
from local_cloud.github.errors import GitHubFault, invalid, not_found
from local_cloud.github.payloads import is_online
from local_cloud.github.records import GitHubJob, GitHubRun, GitHubRunner, GitHubToken
from local_cloud.records import Record
from local_cloud.store import Store

LOST = "The self-hosted runner lost communication with the server."
SHUT_DOWN = (
    "The runner has received a shutdown signal. This can happen when the runner service is stopped, or a manually"
    " started runner is canceled."
)
TOKEN_SECONDS = 3600.0
MAX_LOG = 256 * 1024
FREE: dict[str, Any] = {"scale_set": "", "offered": 0.0, "assigned": 0.0, "told": ""}  # a job of no scale set


@dataclass
class Jobs:
    """GitHub's runs, jobs and runners. ``changed`` is called with every job that changes."""

    store: Store
    clock: LocalClock
    changed: Callable[[GitHubJob], None] = field(default=lambda _: None)

    def next_number(self, kind: type[Record]) -> str:
        """Return the number of the next record of a kind whose ids are numbers."""
        return str(1 + max((int(record.id) for record in self.store.all(kind)), default=0))

    def register(
        self, scope: str, name: str, labels: Iterable[str], group: int, *, scale_set: str = ""
    ) -> GitHubRunner:
        """Add a runner; one of a scale set takes that set's jobs alone.

        Raises:
            GitHubFault: the name is taken, or there are no labels.
        """
        wanted = tuple(labels)
        if not wanted or not name:
            raise invalid("Invalid request.")
        if any(runner.name == name for runner in self.runners(scope)):
            message = f"Already exists - A runner with the name {name} already exists."
            raise GitHubFault(409, message, kind="AgentExistsException")
        runner = GitHubRunner(
            id=self.next_number(GitHubRunner),
            scope=scope,
            name=name,
            labels=wanted,
            group=group,
            credential=secrets.token_urlsafe(32),
            scale_set=scale_set,
        )
        self.store.put(runner)
        return runner

    def runners(self, scope: str) -> list[GitHubRunner]:
        """Return the scope's runners in their current state."""
        self.settle()
        return [runner for runner in self.store.all(GitHubRunner) if runner.scope.lower() == scope.lower()]

    def runner(self, scope: str, number: str) -> GitHubRunner:
        """Return a runner of the scope.

        Raises:
            GitHubFault: it does not exist.
        """
        found = [runner for runner in self.runners(scope) if runner.id == number]
        if not found:
            raise not_found()
        return found[0]

    def remove(self, runner: GitHubRunner) -> None:
        """Remove a runner.

        Raises:
            GitHubFault: it runs a job.
        """
        if runner.job:
            message = f'Bad request - Runner "{runner.name}" is still running a job.'
            raise GitHubFault(422, message, kind="JobStillRunningException")
        self.store.remove(runner)

    def issue_token(self, scope: str) -> GitHubToken:
        """Return a new registration token."""
        token = GitHubToken(id=secrets.token_hex(15).upper(), scope=scope, expires=self.clock.wall() + TOKEN_SECONDS)
        self.store.put(token)
        return token

    def begin_run(self, repository: str, workflow: str, *, event: str = "push", head: str = "") -> GitHubRun:
        """Add a run, without jobs; ``head`` is the repository of its code, if it is another one."""
        run = GitHubRun(
            id=self.next_number(GitHubRun),
            repository=repository,
            workflow=workflow,
            created=self.clock.now(),
            event=event,
            head=head,
        )
        self.store.put(run)
        return run

    def add_job(self, run: GitHubRun, **fields: object) -> GitHubJob:
        """Add a job to a run's current attempt."""
        number = self.next_number(GitHubJob)
        job = GitHubJob(id=number, run=run.id, attempt=run.attempt, created=self.clock.now(), **fields)  # type: ignore[arg-type]
        self._put(job)
        return job

    def run(self, repository: str, number: str) -> GitHubRun:
        """Return a run.

        Raises:
            GitHubFault: it does not exist.
        """
        run = self.store.get(GitHubRun, number)
        if run is None or run.repository.lower() != repository.lower():
            raise not_found()
        return run

    def of_run(self, run: GitHubRun, *, attempt: int | None = None) -> list[GitHubJob]:
        """Return the jobs of a run's attempt (default: the current one)."""
        self.settle()
        wanted = run.attempt if attempt is None else attempt
        return [job for job in self.store.all(GitHubJob) if job.run == run.id and job.attempt == wanted]

    def rerun(self, run: GitHubRun, job: GitHubJob) -> None:
        """Rerun a job and the jobs that depend on it; the others keep their results.

        Raises:
            GitHubFault: the run has not ended.
        """
        jobs = self.of_run(run)
        if any(job.status != "completed" for job in jobs):
            raise GitHubFault(403, "This workflow is already running")
        again = {job.name}
        while more := {job.name for job in jobs if again & set(job.needs)} - again:
            again |= more
        following = replace(run, attempt=run.attempt + 1)
        self.store.put(following)
        for ended in jobs:
            kept = {"attempt": following.attempt, "id": self.next_number(GitHubJob)}
            if ended.name not in again:
                self.store.put(replace(ended, **kept))
                continue
            # Jobs for a new runner's labels are queued when the job that starts the runner reports it.
            self._put(
                replace(
                    ended,
                    **kept,
                    status="queued",
                    conclusion="",
                    created=self.clock.now(),
                    started=0.0,
                    completed=0.0,
                    runner="",
                    runner_name="",
                    log="",
                    cancelled=False,
                    note="",
                    assignments=0,
                    **FREE,
                )
            )

    def cancel(self, run: GitHubRun) -> None:
        """Cancel a run: queued jobs immediately, running ones by a request to stop."""
        for job in self.of_run(run):
            if job.status == "queued":
                self.end(job, "cancelled")
            elif job.status == "in_progress":
                self._put(replace(job, cancelled=True))

    def report(self, job: GitHubJob, status: str, conclusion: str) -> None:
        """Record the progress of a hosted job."""
        if status == "completed":
            self.end(job, conclusion)
        else:
            self._put(replace(job, status=status, started=self.clock.now()))

    def end(self, job: GitHubJob, conclusion: str, *, log: str | None = None, note: str = "") -> None:
        """Record the end of a job."""
        ended = replace(
            job,
            status="completed",
            conclusion=conclusion,
            completed=self.clock.now(),
            log=(job.log if log is None else log)[-MAX_LOG:],
            note=note or job.note,
        )
        self._put(ended)

    def take(self, runner: GitHubRunner) -> GitHubJob | None:
        """Return the next job for a runner; a runner that has a job gets the same one again."""
        if runner.job and (taken := self.store.get(GitHubJob, runner.job)) and taken.status == "in_progress":
            return taken
        for job in self.store.all(GitHubJob):
            run = self.store.get(GitHubRun, job.run)
            if job.status != "queued" or job.hosted or run is None or run.attempt != job.attempt:
                continue
            if runner.scale_set or job.scale_set:
                fits = job.scale_set == runner.scale_set and bool(job.assigned)
            else:
                fits = covers(runner.scope, run.repository) and {label.lower() for label in job.labels} <= _answers_to(
                    runner
                )
            if fits:
                taken = replace(
                    job,
                    status="in_progress",
                    started=self.clock.now(),
                    runner=runner.id,
                    runner_name=runner.name,
                )
                self.store.put(replace(runner, job=job.id, seen=self.clock.wall()))
                self._put(taken)
                return taken
        return None

    def settle(self) -> None:
        """Fail jobs whose runner is silent. Its registration stays, offline, as at GitHub."""
        for runner in self.store.all(GitHubRunner):
            if runner.job and not is_online(runner, self.clock.wall()):
                job = self.store.get(GitHubJob, runner.job)
                self.store.put(replace(runner, job=""))
                if job and job.status != "completed":
                    self.end(job, "failure", note=LOST)

    def _put(self, job: GitHubJob) -> None:
        self.store.put(job)
        self.changed(job)


def covers(scope: str, repository: str) -> bool:
    """Return whether a repository belongs to a scope; the one enterprise here has all."""
    mine = scope.lower()
    return mine.startswith("enterprises/") or mine in (repository.lower(), repository.partition("/")[0].lower())


def _answers_to(runner: GitHubRunner) -> set[str]:
    return {label.lower() for label in (*runner.labels, "self-hosted", "linux")}
