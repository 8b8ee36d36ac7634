"""Workflow runs and their jobs: read, started, run again.

Sources: "REST API endpoints for workflow runs", "… workflow jobs", "Create a workflow dispatch event".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from goldrun.github.client import GitHub, segment
from goldrun.github.scope import Scope


class Run(NamedTuple):
    """A workflow run.

    Attributes:
        attempt: from 1.
        completed: whether it has ended.
    """

    attempt: int
    completed: bool


class Job(NamedTuple):
    """A job of a run.

    Attributes:
        id: its number.
        runner: the name of the runner that has it; empty: none yet.
        running: whether it runs now.
    """

    id: int
    runner: str
    running: bool


def get_run(github: GitHub, scope: Scope, run: str) -> Run:
    """A run by its number."""
    element = github.call("GET", f"{_path(scope)}/runs/{segment(run)}")
    return Run(int(element["run_attempt"]), element["status"] == "completed")


def list_jobs(github: GitHub, scope: Scope, run: str) -> list[Job]:
    """The jobs of a run's latest attempt."""
    elements = github.pages(f"{_path(scope)}/runs/{segment(run)}/jobs", "jobs")
    return [Job(int(one["id"]), str(one["runner_name"] or ""), one["status"] == "in_progress") for one in elements]


def dispatch_workflow(github: GitHub, scope: Scope, workflow: str, ref: str, inputs: Mapping[str, str]) -> None:
    """Start a workflow, by its file's name.

    Raises:
        GitHubError: there is no such workflow, or the token may not start it (Actions: write).
    """
    body = {"ref": ref, "inputs": dict(inputs)}
    github.call("POST", f"{_path(scope)}/workflows/{segment(workflow)}/dispatches", body)


def rerun_job(github: GitHub, scope: Scope, job: str) -> None:
    """Run a job again, and what depends on it; GitHub refuses while its run goes on."""
    github.call("POST", f"{_path(scope)}/jobs/{segment(job)}/rerun")


def _path(scope: Scope) -> str:
    return f"{scope.path}/actions"
