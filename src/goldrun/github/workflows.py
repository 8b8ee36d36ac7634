"""Workflow runs and their jobs: read, started and repeated.

Sources: "REST API endpoints for workflow runs", "… workflow jobs", "Create a workflow dispatch event".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from goldrun.github.client import GitHub, segment
from goldrun.github.scope import Scope


class Run(NamedTuple):
    """A workflow run.

    Attributes:
        attempt: from 1.
        completed: whether it has ended.
        head: the repository that its code comes from: another one if a fork asks to be merged; empty: it is gone.
        sha: its commit.
        succeeded: whether it has ended well.
    """

    attempt: int
    completed: bool
    head: str = ""
    sha: str = ""
    succeeded: bool = False


class Job(NamedTuple):
    """A job of a run.

    Attributes:
        id: its id.
        runner: the name of its runner; empty: none yet.
        running: whether it runs now.
        name: as people know it.
        succeeded: whether it has ended well.
        started: when, as GitHub writes it: in UTC, so that later is greater.
    """

    id: int
    runner: str
    running: bool
    name: str = ""
    succeeded: bool = False
    started: str = ""

    @classmethod
    def from_api(cls, element: Mapping[str, Any]) -> Self:
        """Return the job that an element of ``jobs`` describes."""
        return cls(
            int(element["id"]),
            str(element["runner_name"] or ""),
            element["status"] == "in_progress",
            str(element["name"]),
            element["conclusion"] == "success",
            str(element["started_at"] or ""),
        )


def get_run(github: GitHub, scope: Scope, run: str) -> Run:
    """Return a run by its id."""
    element = github.call("GET", f"{_path(scope)}/runs/{segment(run)}")
    head = str((element.get("head_repository") or {}).get("full_name") or "")
    return Run(
        int(element["run_attempt"]),
        element["status"] == "completed",
        head,
        str(element.get("head_sha") or ""),
        element["conclusion"] == "success",
    )


def list_jobs(github: GitHub, scope: Scope, run: str, *, earlier: bool = False) -> list[Job]:
    """Return the jobs of a run's latest attempt; with ``earlier``, those of the attempts before it, too."""
    query = {"filter": "all" if earlier else "latest"}
    elements = github.pages(f"{_path(scope)}/runs/{segment(run)}/jobs", "jobs", query)
    return [Job.from_api(job) for job in elements]


def get_job(github: GitHub, scope: Scope, job: str) -> Job:
    """Return a job by its id."""
    return Job.from_api(github.call("GET", f"{_path(scope)}/jobs/{segment(job)}"))


def dispatch_workflow(github: GitHub, scope: Scope, workflow: str, ref: str, inputs: Mapping[str, str]) -> None:
    """Start a workflow, given the name of its file.

    Raises:
        GitHubError: the workflow was not found, or the token may not start it (Actions: write).
    """
    body = {"ref": ref, "inputs": dict(inputs)}
    github.call("POST", f"{_path(scope)}/workflows/{segment(workflow)}/dispatches", body)


def rerun_job(github: GitHub, scope: Scope, job: str) -> None:
    """Run a job and its dependents again; GitHub refuses until the run has completed."""
    github.call("POST", f"{_path(scope)}/jobs/{segment(job)}/rerun")


def _path(scope: Scope) -> str:
    return f"{scope.path}/actions"
