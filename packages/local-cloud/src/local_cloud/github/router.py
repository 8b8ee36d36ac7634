"""The local GitHub's HTTP, under ``/_github`` like an Enterprise Server: routes, injected faults and errors.

Its API is at the server's own ``/api/v3`` too: some clients (``gh``) know a host, and no path before.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from local_cloud import addresses
from local_cloud.faults import FaultRule, Faults
from local_cloud.gateway import Reply, new_request_id
from local_cloud.github import actions_service, archive
from local_cloud.github.actions_service import ActionsService
from local_cloud.github.api import API, Api
from local_cloud.github.app_pages import Pages, opens_to_others
from local_cloud.github.errors import GitHubFault, not_found
from local_cloud.github.identity import ISSUER, Identity
from local_cloud.github.jobs import Jobs
from local_cloud.github.records import GitHubJob
from local_cloud.github.runner_service import RunnerService
from local_cloud.github.scale_sets import ScaleSets
from local_cloud.github.webhooks import Webhooks

PREFIX = addresses.GITHUB
RUNNER = "/_runner"
PROOF = f"{RUNNER}/proof"
SERVICE = f"{actions_service.PREFIX}/"


def path_at_github(path: str) -> str | None:
    """Return the path as GitHub's router reads it; None if the request is not for GitHub."""
    if f"{path}/".startswith(f"{PREFIX}/"):
        return path.removeprefix(PREFIX)
    return path if f"{path}/".startswith(f"{API}/") else None


def admits_pages(method: str, path: str) -> bool:
    """Return whether another site's page may lead a browser to this path: a page that waits for a confirmation."""
    return path.startswith(PREFIX) and opens_to_others(method, path.removeprefix(PREFIX))


class Urls(NamedTuple):
    """Where GitHub is reached.

    Attributes:
        clients: by clients on this computer.
        runners: by runners, which may be in virtual machines.
    """

    clients: str
    runners: str


class Router:
    """Answers requests under ``PREFIX``.

    Stand-ins that this server has started verify its identity before they send other requests.

    Faults match ``github:generate-jitconfig`` and so on; ``github:runner`` stands for the runner program's requests.

    Attributes:
        poll_seconds: how long a request for messages waits for one.
    """

    def __init__(self, jobs: Jobs, faults: Faults, urls: Urls, *, secret: str, refusal: str = "") -> None:
        """Answer.

        Args:
            jobs: GitHub's runs, jobs and runners.
            faults: the faults to inject.
            urls: where it is reached.
            secret: identifies this server to the stand-ins that it starts.
            refusal: if not empty, jobs fail with this text instead of being run.
        """
        self.jobs = jobs
        self._secret = secret.encode()
        self._faults = faults
        webhooks = Webhooks(jobs.store, urls.runners + API)
        self._api = Api(jobs, urls.runners, webhooks.ping)
        self._pages = Pages(jobs.store, jobs.clock, urls.clients)
        self._identity = Identity(jobs, urls.runners)
        self._runners = RunnerService(jobs, urls.runners, refusal)
        scale_sets = ScaleSets(jobs)
        self._service = ActionsService(scale_sets, urls.clients, urls.runners, self._secret)
        self.poll_seconds = actions_service.POLL_SECONDS

        def report(job: GitHubJob) -> None:
            webhooks.deliver_change(job)
            scale_sets.note(job)

        jobs.changed = report

    def handle(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer a request; the path is without ``PREFIX``."""
        if path.startswith(archive.PATH):
            return Reply(200, {"content-type": "application/octet-stream"}, archive.content(archive.version_of(path)))
        if path == PROOF:
            proof = hmac.new(self._secret, query.encode(), hashlib.sha256).hexdigest()
            return Reply(200, {"content-type": "text/plain"}, proof.encode())
        rule = self._faults.take_rule(f"github:{self._operation(method, path)}")
        try:
            if rule and not rule.kind.endswith("-after"):
                return _fail(rule)
            reply = self._perform(method, path, query, headers, body)
            return _fail(rule) if rule else reply
        except GitHubFault as fault:
            if path.startswith(SERVICE):
                return _json(fault.status, actions_service.error_json(fault), fault.headers)
            return self.refuse(fault.status, fault.message, new_request_id(), fault.headers)

    def _operation(self, method: str, path: str) -> str:
        if path.startswith(RUNNER):
            return "runner"
        if path == API + actions_service.REGISTRATION:
            return "runner-registration"
        if path.startswith(SERVICE):
            return self._service.operation(method, path.removeprefix(actions_service.PREFIX))
        return self._api.operation(method, path.removeprefix(API))

    def refuse(self, status: int, message: str, request_id: str, headers: Mapping[str, str] | None = None) -> Reply:
        """An error answer."""
        content = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
        return _json(status, content, {"x-github-request-id": request_id, **(headers or {})})

    def _perform(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if path.startswith(SERVICE):
            return self._serve(method, path.removeprefix(actions_service.PREFIX), query, headers, body)
        if (method, path) == ("POST", API + actions_service.REGISTRATION):
            return _json(*self._service.register(headers, body))
        if path.startswith(RUNNER):
            return _json(*self._runners.handle(method, path.removeprefix(RUNNER), headers, body))
        if path.startswith(ISSUER):
            return _json(*self._identity.handle(method, path.removeprefix(ISSUER), query, headers))
        if page := self._pages.handle(method, path, query, body):
            return page
        if path.startswith(API):
            return _json(*self._api.handle(method, path.removeprefix(API), query, headers, body))
        raise not_found()

    def _serve(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer for the Actions service; the answer that there is no message yet is held back for some time."""

        def answer() -> Reply:
            try:
                return _json(*self._service.handle(method, path, query, headers, body))
            except GitHubFault as fault:
                return _json(fault.status, actions_service.error_json(fault), fault.headers)

        reply = answer()
        return replace(reply, again=answer, patience=self.poll_seconds) if reply.status == 202 else reply


def _fail(rule: FaultRule) -> Reply:
    if rule.kind.startswith("timeout"):
        return Reply(0, hold=rule.seconds)
    if rule.kind == "throttle":
        raise GitHubFault(403, "You have exceeded a secondary rate limit.", {} if rule.code else {"retry-after": "1"})
    raise GitHubFault(rule.status or 502, rule.code or "Server Error")


def _json(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Reply:
    body = b"" if status == 204 else json.dumps(content).encode()
    common = {"x-github-request-id": uuid.uuid4().hex[:20].upper(), "x-github-media-type": "github.v3; format=json"}
    kind = {"content-type": "application/json; charset=utf-8"} if body else {}
    return Reply(status, {**kind, **common, **(headers or {})}, body)
