"""GitHub's objects as JSON: members that are used here, in copies of GitHub's examples, which have all others.

The examples are those that Octokit publishes (tools/github_description.py).
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import msgspec

from local_cloud.addresses import GITHUB_API
from local_cloud.clock import iso
from local_cloud.github.records import GitHubJob, GitHubRun, GitHubRunner

ONLINE_SECONDS = 30.0  # without a request from its program, a runner counts as offline
DEFAULT_LABELS = ("self-hosted", "Linux", "X64")
# The repository in a URL of an example.
_REPOSITORY = re.compile(r"(https://(?:api\.github\.com/repos|github\.com)/)[\w-]+/[\w-]+(?=$|[/.{])")


@cache
def _examples() -> dict[str, Any]:
    text = files("local_cloud.github").joinpath("examples.json").read_text(encoding="utf-8")
    examples: dict[str, Any] = json.loads(text)
    return examples


def example(name: str) -> Any:
    """Return a copy of one of GitHub's examples."""
    return copy.deepcopy(_examples()[name])


def example_of(name: str, repository: str, api: str) -> Any:
    """Return a copy of one of GitHub's examples, with its URLs on this server and of this repository."""
    return msgspec.json.decode(_moved(name, repository, api))


@lru_cache(maxsize=256)
def _moved(name: str, repository: str, api: str) -> bytes:
    server = api.removesuffix(GITHUB_API)

    def move(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: move(item) for key, item in value.items()}
        if isinstance(value, list):
            return [move(item) for item in value]
        if not isinstance(value, str):
            return value
        value = _REPOSITORY.sub(rf"\g<1>{repository}", value)
        for theirs, ours in (("https://api.github.com", api), ("https://github.com", server)):
            value = value.replace(theirs, ours)
        return value

    return msgspec.json.encode(move(_examples()[name]))


def number_of(name: str) -> int:
    """Return the stable number of a user, an organization or a repository."""
    return 1 + int.from_bytes(hashlib.sha256(name.lower().encode()).digest()[:4], "big")


def repository_json(name: str, api: str) -> dict[str, Any]:
    """Return a repository: every name exists, and is not a fork."""
    owner, _, short = name.partition("/")
    whole = {
        key: value for key, value in example_of("repository", name, api).items() if key not in ("parent", "source")
    }
    return {
        **whole,
        "id": number_of(name),
        "name": short,
        "full_name": name,
        "owner": {**whole["owner"], "login": owner, "id": number_of(owner), "type": "Organization"},
        "url": f"{api}/repos/{name}",
        "default_branch": "main",
        "fork": False,
        "language": None,
    }


def is_online(runner: GitHubRunner, wall: float) -> bool:
    """Return whether the runner's program has sent a request recently."""
    return wall - runner.seen < ONLINE_SECONDS


def runner_json(runner: GitHubRunner, wall: float) -> dict[str, Any]:
    """Return a runner."""
    kinds = [(name, "read-only") for name in DEFAULT_LABELS if not runner.labels or name == "self-hosted"]
    kinds += [(name, "custom") for name in runner.labels if name not in DEFAULT_LABELS]
    return {
        "id": int(runner.id),
        "runner_group_id": runner.group,
        "name": runner.name,
        "os": "linux" if runner.seen else "unknown",
        "status": "online" if is_online(runner, wall) else "offline",
        "busy": bool(runner.job),
        "ephemeral": True,
        "labels": [{"id": number, "name": name, "type": kind} for number, (name, kind) in enumerate(kinds, 1)],
    }


def sha_of(run: GitHubRun) -> str:
    """Return the commit of a run: every run has one of its own."""
    return hashlib.sha1(f"{run.repository}/{run.id}".encode(), usedforsecurity=False).hexdigest()


def run_json(run: GitHubRun, jobs: list[GitHubJob], api: str) -> dict[str, Any]:
    """Return a workflow run, with the state of its jobs."""
    done = bool(jobs) and all(job.status == "completed" for job in jobs)
    begun = any(job.status != "queued" for job in jobs)
    bad = next((name for name in ("failure", "cancelled") if any(job.conclusion == name for job in jobs)), "success")
    url = f"{api}/repos/{run.repository}/actions/runs/{run.id}"
    return {
        **example_of("run", run.repository, api),
        "id": int(run.id),
        "name": run.workflow,
        "event": run.event,
        "head_sha": sha_of(run),
        "head_repository": {
            **example_of("run", run.repository, api)["head_repository"],
            "full_name": run.head or run.repository,
        },
        "path": f".github/workflows/{run.workflow}",
        "run_attempt": run.attempt,
        "status": "completed" if done else "in_progress" if begun else "queued",
        "conclusion": bad if done else None,
        "created_at": iso(run.created),
        "updated_at": iso(max([run.created, *(job.completed for job in jobs)])),
        "url": url,
        "html_url": f"{api.removesuffix('/api/v3')}/{run.repository}/actions/runs/{run.id}",
        "jobs_url": f"{url}/jobs",
        "rerun_url": f"{url}/rerun",
        "cancel_url": f"{url}/cancel",
    }


def job_json(job: GitHubJob, run: GitHubRun, api: str) -> dict[str, Any]:
    """Return a job."""
    whole = example_of("job", run.repository, api)["jobs"][0]
    repository = f"{api}/repos/{run.repository}"
    times = {
        "created_at": iso(job.created),
        "started_at": iso(job.started or job.created),
        "completed_at": iso(job.completed) if job.completed else None,
    }
    steps = [
        {
            "name": job.name,
            "status": job.status,
            "conclusion": job.conclusion or None,
            "number": 1,
            "started_at": times["started_at"],
            "completed_at": times["completed_at"],
        }
    ]
    return {
        **whole,
        **times,
        "id": int(job.id),
        "run_id": int(job.run),
        "run_attempt": job.attempt,
        "head_sha": sha_of(run),
        "run_url": f"{repository}/actions/runs/{job.run}",
        "workflow_name": run.workflow,
        "name": job.name,
        "url": f"{repository}/actions/jobs/{job.id}",
        "html_url": f"{api.removesuffix('/api/v3')}/{run.repository}/actions/runs/{job.run}/job/{job.id}",
        "check_run_url": f"{repository}/check-runs/{job.id}",
        "status": job.status,
        "conclusion": job.conclusion or None,
        "labels": list(job.labels),
        "runner_id": int(job.runner) if job.runner else None,
        "runner_name": job.runner_name or None,
        "runner_group_id": 1 if job.runner else None,
        "runner_group_name": "Default" if job.runner else None,
        "steps": steps if job.status != "queued" else [],
    }


def webhook_json(job: GitHubJob, run: GitHubRun, api: str) -> dict[str, Any]:
    """Return the payload of a ``workflow_job`` webhook."""
    whole = example_of("workflow_job", run.repository, api)[job.status]
    described = job_json(job, run, api)
    known = {name: value for name, value in described.items() if name in whole["workflow_job"]}
    whole["workflow_job"] |= known
    owner, _, name = run.repository.partition("/")
    whole["repository"] |= {"name": name, "full_name": run.repository}
    whole["repository"]["owner"]["login"] = owner
    return dict(whole)
