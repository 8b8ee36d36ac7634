"""The REST endpoints, as GitHub Enterprise Server has them: under ``/_github/api/v3``.

Sources: GitHub's OpenAPI description; statuses and messages as GitHub's own answers have them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from msgspec import Meta

from local_cloud import addresses
from local_cloud.clock import iso
from local_cloud.github import apps, archive, checks, contents, pulls, releases, repository_secrets, variables
from local_cloud.github.errors import GitHubFault, invalid, not_found
from local_cloud.github.jobs import Jobs
from local_cloud.github.payloads import example, job_json, repository_json, run_json, runner_json
from local_cloud.github.records import GitHubHook, GitHubJob, GitHubRun, GitHubRunner
from local_cloud.github.requests import Payload, Request, Route, link, page, read_object

API = addresses.GITHUB_API
TOKEN = addresses.GITHUB_TOKEN
JOB_TOKEN = "goldrun-local-job"  # noqa: S105 - like a job's GITHUB_TOKEN: it may not administer runners

SCOPE = r"/(?:repos/(?P<repository>[^/]+/[^/]+)|orgs/(?P<organization>[^/]+)|(?P<enterprise>enterprises/[^/]+))"
RUNNERS = f"{SCOPE}/actions/runners"
LATEST_RUNNER = "/repos/actions/runner/releases/latest"


class NewRunner(msgspec.Struct):
    """The members of a request for a just-in-time configuration; others are ignored."""

    name: str
    runner_group_id: Annotated[int, Meta(ge=1, lt=2**53)]
    labels: Annotated[list[str], Meta(max_length=100)]


class Api:
    """Answers requests."""

    def __init__(self, jobs: Jobs, url: str, ping: Callable[[GitHubHook, dict[str, Any]], None]) -> None:
        """Answer from ``jobs``.

        Args:
            jobs: runs, jobs and runners.
            url: the URL for runners.
            ping: sends a hook's ping; receives the hook as JSON too.
        """
        self.jobs, self.url, self._ping = jobs, url, ping
        serve: list[Route] = [
            ("GET", RUNNERS, "list-runners", self._list),
            ("GET", f"{RUNNERS}/downloads", "list-runner-applications", self._downloads),
            ("GET", f"{RUNNERS}/deprecations/(?P<version>[^/]+)", "runner-deprecations", self._deprecations),
            ("GET", LATEST_RUNNER, "latest-runner", self._latest_runner),
            ("POST", f"{RUNNERS}/generate-jitconfig", "generate-jitconfig", self._generate),
            ("POST", f"{RUNNERS}/registration-token", "registration-token", self._token),
            ("GET", rf"{RUNNERS}/(?P<runner>\d+)", "get-runner", self._get),
            ("DELETE", rf"{RUNNERS}/(?P<runner>\d+)", "delete-runner", self._delete),
            ("GET", f"{SCOPE}/actions/runs", "list-runs", self._list_runs),
            ("GET", rf"{SCOPE}/actions/runs/(?P<run>\d+)", "get-run", self._get_run),
            ("GET", rf"{SCOPE}/actions/runs/(?P<run>\d+)/jobs", "list-jobs", self._list_jobs),
            ("POST", rf"{SCOPE}/actions/runs/(?P<run>\d+)/cancel", "cancel-run", self._cancel),
            ("GET", rf"{SCOPE}/actions/jobs/(?P<job>\d+)", "get-job", self._get_job),
            ("POST", rf"{SCOPE}/actions/jobs/(?P<job>\d+)/rerun", "rerun-job", self._rerun),
            ("POST", f"{SCOPE}/actions/workflows/(?P<workflow>[^/]+)/dispatches", "dispatch", self._dispatch),
            ("GET", rf"{RUNNERS.replace('runners', 'runner-groups')}", "list-runner-groups", self._groups),
            ("POST", f"{SCOPE}/hooks", "create-hook", self._hook),
            ("GET", f"{SCOPE}/hooks", "list-hooks", self._list_hooks),
            ("GET", rf"{SCOPE}/hooks/(?P<hook>\d+)", "get-hook", self._get_hook),
            ("DELETE", rf"{SCOPE}/hooks/(?P<hook>\d+)", "delete-hook", self._delete_hook),
            ("POST", rf"{SCOPE}/hooks/(?P<hook>\d+)/pings", "ping-hook", self._ping_hook),
            ("POST", f"{SCOPE}/check-runs", "create-check", self._check),
            ("GET", f"{SCOPE}/commits/(?P<sha>[0-9a-f]{{40}})/check-runs", "list-checks", self._list_checks),
            ("GET", "/rate_limit", "rate-limit", self._rate_limit),
            ("GET", "/repos/(?P<repository>[^/]+/[^/]+)", "get-repository", self._repository),
            *variables.routes(jobs),
            *repository_secrets.routes(jobs),
            *contents.routes(jobs, url + API),
            *pulls.routes(jobs, url + API),
        ]
        self._routes = [(method, re.compile(path), name, function) for method, path, name, function in serve]

    def operation(self, method: str, path: str) -> str:
        """Return the request's name, for faults: ``generate-jitconfig``."""
        if name := apps.operation(path):
            return name
        return next((name for verb, form, name, _ in self._routes if verb == method and form.fullmatch(path)), "")

    def handle(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        """Return the status, the JSON of the answer (None if there is no content) and further headers.

        Raises:
            GitHubFault: an error.
        """
        token = headers.get("authorization", "").partition(" ")[2]
        # Public data needs no token; any valid one may read it.
        public = path == LATEST_RUNNER and not token
        if apps.operation(path):
            return *apps.handle(self.jobs.store, self.jobs.clock, self.url, method, path, token), {}
        store, now = self.jobs.store, self.jobs.clock.wall()
        as_app = apps.is_valid(store, token, now)
        if token not in (TOKEN, JOB_TOKEN) and not public and not as_app:
            raise GitHubFault(401, "Bad credentials")
        for verb, form, name, function in self._routes:
            match = form.fullmatch(path)
            if match is None or verb != method:
                continue
            readable = "run" in match.groupdict() or name in ("latest-runner", "get-repository", "rate-limit")
            if token == JOB_TOKEN and not readable:
                raise GitHubFault(403, "Resource not accessible by integration")
            found = {key: unquote(value) for key, value in match.groupdict().items() if value}
            scope = found.get("repository") or found.get("organization") or found.get("enterprise") or ""
            request = Request(scope, found, dict(parse_qsl(query)), read_object(body), {}, as_app=as_app)
            status, content = function(request)
            return status, content, link(f"{self.url}{API}{path}", request)
        raise not_found()

    def _list(self, request: Request) -> Payload:
        wanted = request.query.get("name")
        runners = [runner for runner in self.jobs.runners(request.scope) if wanted in (None, runner.name)]
        shown = page(request, runners)
        wall = self.jobs.clock.wall()
        return 200, {"total_count": len(runners), "runners": [runner_json(runner, wall) for runner in shown]}

    def _downloads(self, _: Request) -> Payload:
        version = releases.current(self.jobs.clock.now())
        found = [download for download in example("downloads") if download["os"] != "linux"]
        for kind in ("x64", "arm64"):
            name = archive.filename(version, kind)
            shown = {"os": "linux", "architecture": kind, "filename": name, "sha256_checksum": archive.sha256(version)}
            found.append({**shown, "download_url": f"{self.url}{archive.PATH}v{version}/{name}"})
        return 200, found

    def _deprecations(self, request: Request) -> Payload:
        answer = releases.deprecations(request.found["version"], self.jobs.clock.now())
        if answer is None:
            raise not_found()
        return 200, answer

    def _repository(self, request: Request) -> Payload:
        return 200, repository_json(request.scope, self.url + API)

    def _latest_runner(self, _: Request) -> Payload:
        now = self.jobs.clock.now()
        version = releases.current(now)
        released = iso(releases.released(version))
        named = {"tag_name": f"v{version}", "name": f"v{version}", "target_commitish": "main"}
        times = {"created_at": released, "published_at": released}
        return 200, {**example("release"), **named, **times, "draft": False, "prerelease": False, "assets": []}

    def _generate(self, request: Request) -> Payload:
        try:
            wanted = msgspec.convert(request.body, NewRunner)
        except msgspec.ValidationError:
            raise invalid("Invalid request.") from None
        runner = self.jobs.register(request.scope, wanted.name, wanted.labels, wanted.runner_group_id)
        answer = runner_json(runner, self.jobs.clock.wall())
        return 201, {"runner": answer, "encoded_jit_config": jit_config(runner, self.url)}

    def _token(self, request: Request) -> Payload:
        token = self.jobs.issue_token(request.scope)
        return 201, {"token": token.id, "expires_at": iso(token.expires)}

    def _get(self, request: Request) -> Payload:
        return 200, runner_json(self.jobs.runner(request.scope, request.found["runner"]), self.jobs.clock.wall())

    def _delete(self, request: Request) -> Payload:
        self.jobs.remove(self.jobs.runner(request.scope, request.found["runner"]))
        return 204, None

    def _list_runs(self, request: Request) -> Payload:
        runs = [run for run in self.jobs.store.all(GitHubRun) if run.repository.lower() == request.scope.lower()]
        shown = [run_json(run, self.jobs.of_run(run), self.url + API) for run in sorted(runs, key=_age)]
        # As at GitHub, the status is a status or a conclusion.
        if wanted := request.query.get("status"):
            shown = [run for run in shown if wanted in (run["status"], run["conclusion"])]
        return 200, {"total_count": len(shown), "workflow_runs": page(request, shown)}

    def _get_run(self, request: Request) -> Payload:
        run = self.jobs.run(request.scope, request.found["run"])
        return 200, run_json(run, self.jobs.of_run(run), self.url + API)

    def _list_jobs(self, request: Request) -> Payload:
        run = self.jobs.run(request.scope, request.found["run"])
        attempts = range(1, run.attempt + 1) if request.query.get("filter") == "all" else (run.attempt,)
        jobs = [job for attempt in attempts for job in self.jobs.of_run(run, attempt=attempt)]
        shown = [job_json(job, run, self.url + API) for job in page(request, jobs)]
        return 200, {"total_count": len(jobs), "jobs": shown}

    def _cancel(self, request: Request) -> Payload:
        self.jobs.cancel(self.jobs.run(request.scope, request.found["run"]))
        return 202, {}

    def _job(self, request: Request) -> tuple[GitHubJob, GitHubRun]:
        job = self.jobs.store.get(GitHubJob, request.found["job"])
        if job is None:
            raise not_found()
        return job, self.jobs.run(request.scope, job.run)

    def _get_job(self, request: Request) -> Payload:
        job, run = self._job(request)
        return 200, job_json(job, run, self.url + API)

    def _rerun(self, request: Request) -> Payload:
        job, run = self._job(request)
        self.jobs.rerun(run, job)
        return 201, {}

    def _dispatch(self, request: Request) -> Payload:
        given = request.body.get("inputs") or {}
        ref = request.body.get("ref")
        if not isinstance(ref, str) or not isinstance(given, dict):
            raise invalid("Invalid request.")
        if contents.head_of(self.jobs, request.scope, ref.removeprefix("refs/heads/")) is None:
            raise invalid(f"No ref found for: {ref}")
        run = self.jobs.begin_run(request.scope, request.found["workflow"], event="workflow_dispatch")
        inputs = " ".join(f"{name}={value}" for name, value in given.items())
        self.jobs.add_job(run, name=f"dispatched {inputs}".strip(), labels=("ubuntu-24.04",), hosted=True)
        return 204, None

    def _check(self, request: Request) -> Payload:
        return 201, checks.create(self.jobs, request)

    def _list_checks(self, request: Request) -> Payload:
        return 200, checks.list_of(self.jobs, request)

    def _hook(self, request: Request) -> Payload:
        config, events = request.body.get("config"), request.body.get("events", ["push"])
        if not isinstance(config, dict) or not _is_url(config.get("url")) or not isinstance(events, list):
            raise invalid("Validation Failed")
        events = tuple(str(event) for event in events)
        number = self.jobs.next_number(GitHubHook)
        secret = str(config.get("secret", ""))
        hook = GitHubHook(id=number, scope=request.scope, url=config["url"], secret=secret, events=events)
        self.jobs.store.put(hook)
        self._ping(hook, self._hook_json(hook))
        return 201, self._hook_json(hook)

    def _list_hooks(self, request: Request) -> Payload:
        hooks = [hook for hook in self.jobs.store.all(GitHubHook) if hook.scope.lower() == request.scope.lower()]
        return 200, [self._hook_json(hook) for hook in page(request, hooks)]

    def _get_hook(self, request: Request) -> Payload:
        return 200, self._hook_json(self._found_hook(request))

    def _delete_hook(self, request: Request) -> Payload:
        self.jobs.store.remove(self._found_hook(request))
        return 204, None

    def _ping_hook(self, request: Request) -> Payload:
        hook = self._found_hook(request)
        self._ping(hook, self._hook_json(hook))
        return 204, None

    def _found_hook(self, request: Request) -> GitHubHook:
        hook = self.jobs.store.get(GitHubHook, request.found["hook"])
        if hook is None or hook.scope.lower() != request.scope.lower():
            raise not_found()
        return hook

    def _hook_json(self, hook: GitHubHook) -> dict[str, Any]:
        kind = "repos" if "/" in hook.scope else "orgs"
        place = f"{self.url}{API}/{kind}/{hook.scope}/hooks/{hook.id}"
        shown = {"url": hook.url, "content_type": "json", "insecure_ssl": "0"}
        if hook.secret:
            shown["secret"] = "********"  # noqa: S105 - as GitHub shows one
        links = {"url": place, "ping_url": f"{place}/pings", "deliveries_url": f"{place}/deliveries"}
        return {**example("hook"), **links, "id": int(hook.id), "events": list(hook.events), "config": shown}

    def _groups(self, request: Request) -> Payload:
        """The runner groups of an organization: the default one alone."""
        if "organization" not in request.found:
            raise not_found()
        place = f"{self.url}{API}/orgs/{request.scope}/actions/runner-groups/1"
        group = {
            "id": 1,
            "name": "Default",
            "visibility": "all",
            "default": True,
            "runners_url": f"{place}/runners",
            "inherited": False,
            "allows_public_repositories": True,
            "restricted_to_workflows": False,
            "selected_workflows": [],
            "workflow_restrictions_read_only": False,
        }
        return 200, {"total_count": 1, "runner_groups": [group]}

    def _rate_limit(self, _: Request) -> Payload:
        """The limits; the local GitHub counts no requests."""
        hour = {"limit": 5000, "used": 0, "remaining": 5000, "reset": int(self.jobs.clock.wall()) + 3600}
        return 200, {"resources": {"core": hour, "search": hour, "graphql": hour}, "rate": hour}


def jit_config(runner: GitHubRunner, url: str) -> str:
    """Return a just-in-time configuration: the runner's files, packed as GitHub does."""
    settings = {
        "agentId": int(runner.id),
        "agentName": runner.name,
        "poolId": runner.group,
        "serverUrl": f"{url}/_runner",
        "gitHubUrl": f"{url}/{runner.scope}",
        "workFolder": "_work",
        "ephemeral": True,
    }
    credentials = {"scheme": "OAuth", "data": {"clientId": runner.id, "token": runner.credential}}
    contents = {".runner": settings, ".credentials": credentials, ".credentials_rsaparams": {}}
    packed = {name: base64.b64encode(json.dumps(value).encode()).decode() for name, value in contents.items()}
    return base64.b64encode(json.dumps(packed).encode()).decode()


def _age(run: GitHubRun) -> int:
    return -int(run.id)


def _is_url(value: object) -> bool:
    """Return whether webhooks can be sent to a URL."""
    try:
        found = urlsplit(value if isinstance(value, str) else "")
        return found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
    except ValueError:
        return False
