"""Reruns a job whose runner the spot market reclaimed.

GitHub does not rerun jobs during a run. So the job that notices the reclaim (the one that stops the runner) starts
another workflow, which waits for the run to end, then reruns the job that started the runner and all jobs that depend
on it.
"""

from __future__ import annotations

from goldrun.config import Environment
from goldrun.errors import GoldrunError, RefusedError, UnavailableError, UsageError
from goldrun.github.client import GitHub
from goldrun.github.scope import Scope
from goldrun.github.workflows import dispatch_workflow, get_run, list_jobs, rerun_job
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


def ask_for_rerun(github: GitHub, scope: Scope, workflow: str, ref: str, run: str, job: str) -> None:
    """Start the workflow that reruns the job.

    Raises:
        GitHubError: there is no such workflow, or the token may not start it (Actions: write).
    """
    dispatch_workflow(github, scope, workflow, ref, {"run-id": run, "job-id": job})


def rerun(github: GitHub, scope: Scope, run: str, job: str, *, seconds: float, most: int = MAX_ATTEMPTS) -> int:
    """Wait until the run has ended, then rerun the job and the jobs that depend on it.

    Args:
        github: the API.
        scope: the repository.
        run: the run's number.
        job: the job's number.
        seconds: how long the run may still take.
        most: the maximum number of attempts, including the first one.

    Returns:
        The number of the new attempt.

    Raises:
        RefusedError: the maximum is reached.
        UnavailableError: the run does not end in time.
    """

    def look() -> int | None:
        found = get_run(github, scope, run)
        return found.attempt if found.completed else None

    attempt = wait_for(
        github.clock,
        look,
        seconds=seconds,
        late=lambda elapsed: UnavailableError(
            f"Run {run} has not ended after {elapsed:.0f} s.", fix=["run this again later."]
        ),
        often=at_least(5.0),
    )
    if attempt >= most:
        raise RefusedError(
            f"Run {run} has been tried {attempt} times.",
            why=["its instance was reclaimed every time."],
            fix=["choose steadier offers: --policy steadiest, or --on-demand-fallback"],
        )
    try:
        rerun_job(github, scope, job)
    except GoldrunError as error:
        # GitHub refuses to rerun a running job: also one that a first call, whose answer was lost, has rerun.
        if (
            not error.unsure
            or watch(github.clock, lambda: get_run(github, scope, run).attempt > attempt or None) is None
        ):
            raise
    return attempt + 1
