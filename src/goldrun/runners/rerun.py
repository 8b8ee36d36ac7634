"""Reruns a job whose runner the spot market reclaimed.

GitHub does not rerun jobs during a run. So the job that notices the reclaim (the one that stops the runner) starts
another workflow, which waits for the run to end, then reruns the job that started the runner and all jobs that depend
on it.
"""

from __future__ import annotations

from goldrun.config import Environment
from goldrun.errors import GoldrunError, RefusedError, UnavailableError, UsageError
from goldrun.github.client import GitHub, GitHubError
from goldrun.github.repositories import get_repository
from goldrun.github.scope import Scope
from goldrun.github.workflows import Job, dispatch_workflow, get_job, get_run, list_jobs, rerun_job
from goldrun.report import Report
from goldrun.waiting import at_least, wait_for, watch

MAX_ATTEMPTS = 3


def find_this_job(github: GitHub, scope: Scope, env: Environment) -> int:
    """Return the number of the job that this process runs in.

    Raises:
        UsageError: it does not run in a job.
        RefusedError: GitHub does not list the job.
    """
    run, runner = env.get("GITHUB_RUN_ID", ""), env.get("RUNNER_NAME", "")
    if not run or not runner:
        raise UsageError("A job can be run again only if a GitHub Actions job starts its runner.")
    for job in list_jobs(github, scope, run):
        if job.runner == runner and job.running:
            return job.id
    raise RefusedError(f"GitHub lists no job of run {run} on {runner}.")


def has_succeeded(github: GitHub, scope: Scope, run: str, runner: str) -> bool:
    """Return whether a runner's job of a run has ended well: a reclaim is announced minutes before it happens."""
    return any(job.runner == runner and job.succeeded for job in list_jobs(github, scope, run))


def count_tries(github: GitHub, scope: Scope, run: str, name: str) -> int:
    """Return how often a run's job has begun: attempts in which only others were rerun have it as it was."""
    return len({job.started for job in list_jobs(github, scope, run, earlier=True) if job.name == name})


def ask_for_rerun(github: GitHub, scope: Scope, workflow: str, run: str, job: str) -> None:
    """Start the workflow that reruns the job, on the default branch: a pull request's ref is none that has workflows.

    Raises:
        GitHubError: there is no such workflow, or the token may not start it (Actions: write).
    """
    branch = get_repository(github, scope).default_branch
    dispatch_workflow(github, scope, workflow, branch, {"run-id": run, "job-id": job})


def rerun(
    github: GitHub,
    scope: Scope,
    run: str,
    job: str,
    *,
    seconds: float,
    most: int = MAX_ATTEMPTS,
    report: Report = lambda _: None,
) -> int:
    """Wait until the run has ended, then rerun the job and the jobs that depend on it, if that is still to be done.

    Several may ask at once, for the same job or for others of the run: GitHub reruns one job at a time.

    Args:
        github: the API.
        scope: the repository.
        run: the run's number.
        job: the job's number.
        seconds: how long the run may still take.
        most: how often the job is tried at most, including the first time.
        report: receives why nothing is rerun.

    Returns:
        The number of the run's attempt that the job is part of.

    Raises:
        RefusedError: the maximum is reached.
        UnavailableError: the run does not end in time.
    """
    lost = get_job(github, scope, job)

    def look() -> int | None:
        found = get_run(github, scope, run)
        if not found.completed:
            return None
        if found.succeeded:
            report(f"run {run} has succeeded: there is nothing to rerun.")
            return found.attempt
        latest = next((one for one in list_jobs(github, scope, run) if one.name == lost.name), lost)
        if latest.started > lost.started:
            report(f"{lost.name} has been rerun already.")
            return found.attempt
        if (tries := count_tries(github, scope, run, lost.name)) >= most:
            raise _tried(run, lost.name, tries)
        return found.attempt + 1 if _begin(github, scope, run, latest, found.attempt) else None

    return wait_for(
        github.clock,
        look,
        seconds=seconds,
        late=lambda elapsed: UnavailableError(
            f"Run {run} has not ended after {elapsed:.0f} s.", fix=["run this again later."]
        ),
        often=at_least(5.0),
    )


def _begin(github: GitHub, scope: Scope, run: str, job: Job, attempt: int) -> bool:
    """Rerun a job; return False if another job of the run is rerun first: GitHub refuses while it runs.

    Raises:
        GoldrunError: GitHub refuses for another reason.
    """
    try:
        rerun_job(github, scope, str(job.id))
    except GoldrunError as error:
        # A first call, whose answer was lost, may have rerun it.
        if error.unsure:
            if watch(github.clock, lambda: get_run(github, scope, run).attempt > attempt or None) is None:
                raise
            return True
        if not isinstance(error, GitHubError) or error.status != 403 or get_run(github, scope, run).completed:
            raise
        return False
    return True


def _tried(run: str, name: str, tries: int) -> RefusedError:
    return RefusedError(
        f"{name} of run {run} has been tried {tries} times.",
        why=["its instance was reclaimed every time."],
        fix=["choose steadier offers: --policy steadiest, or --on-demand-fallback"],
    )
