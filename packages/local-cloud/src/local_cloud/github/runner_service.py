"""The stand-in runner's endpoints, under ``/_github/_runner``. GitHub's own protocol is not public."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from local_cloud.github.api import jit_config
from local_cloud.github.errors import GitHubFault, invalid, not_found
from local_cloud.github.jobs import MAX_LOG, SHUT_DOWN, Jobs
from local_cloud.github.records import GitHubJob, GitHubRunner, GitHubToken
from local_cloud.github.requests import Payload, read_object


class RunnerService:
    """Sessions of runners, and their jobs.

    Attributes:
        refusal: if not empty, jobs fail with this text instead of being given to their runners.
    """

    def __init__(self, jobs: Jobs, url: str, refusal: str) -> None:
        self.jobs, self.url, self.refusal = jobs, url, refusal

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Payload:
        """Answer a runner.

        Raises:
            GitHubFault: the request or its credential is not valid.
        """
        report = read_object(body)
        if (method, path) == ("POST", "/register"):
            return self._register(report)
        runner = self._runner(headers)
        if (method, path) == ("POST", "/session"):
            self._see(runner)
            return 200, {"name": runner.name}
        if (method, path) == ("DELETE", "/session"):
            # GitHub keeps the registration of a runner that had no job; after a job the registration is removed.
            self.jobs.store.put(replace(runner, seen=0.0))
            return 204, None
        if (method, path) == ("GET", "/job"):
            self._see(runner)
            job = self.jobs.take(runner)
            if job and self.refusal:
                self._end(runner, job, "failure", self.refusal, self.refusal.strip())
                return 204, None
            return (200, {"id": job.id, "name": job.name, "script": job.script}) if job else (204, None)
        if (method, path) == ("POST", f"/job/{runner.job}") and runner.job:
            return self._report(runner, report)
        raise not_found()

    def _register(self, report: Mapping[str, Any]) -> Payload:
        token = self.jobs.store.get(GitHubToken, str(report.get("token", "")))
        scope = str(report.get("scope", ""))
        if token is None or token.scope.lower() != scope.lower() or self.jobs.clock.wall() > token.expires:
            raise GitHubFault(404, "Not Found")
        name, labels = str(report.get("name", "")), report.get("labels")
        if not isinstance(labels, list):
            raise invalid("Invalid request.")
        for old in self.jobs.runners(scope):
            if old.name == name:
                self.jobs.store.remove(old)
        runner = self.jobs.register(scope, name, [str(label) for label in labels], 1)
        return 201, {"encoded_jit_config": jit_config(runner, self.url)}

    def _report(self, runner: GitHubRunner, report: Mapping[str, Any]) -> Payload:
        job = self.jobs.store.get(GitHubJob, runner.job)
        assert job is not None
        conclusion = str(report.get("conclusion", ""))
        log = str(report.get("log", ""))[-MAX_LOG:]
        if not conclusion:
            self._see(runner)
            self.jobs.store.put(replace(job, log=log))
            return 200, {"cancelled": job.cancelled}
        note = SHUT_DOWN if report.get("shut_down") else ""
        self._end(runner, job, "cancelled" if job.cancelled else conclusion, log, note)
        return 200, {}

    def _end(self, runner: GitHubRunner, job: GitHubJob, conclusion: str, log: str, note: str) -> None:
        self.jobs.store.remove(runner)  # ephemeral: it had its job
        self.jobs.end(job, conclusion, log=log, note=note)

    def _runner(self, headers: Mapping[str, str]) -> GitHubRunner:
        credential = headers.get("authorization", "").partition(" ")[2]
        self.jobs.settle()
        for runner in self.jobs.store.all(GitHubRunner):
            if credential and runner.credential == credential:
                return runner
        raise GitHubFault(401, "The runner registration has been deleted from the server, please re-configure.")

    def _see(self, runner: GitHubRunner) -> None:
        self.jobs.store.put(replace(runner, seen=self.jobs.clock.wall()))
