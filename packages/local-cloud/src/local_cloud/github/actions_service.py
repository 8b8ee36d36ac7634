"""The Actions service behind runner scale sets, over HTTP: registration, scale sets, sessions, messages, runners.

Sources: GitHub's public client (github.com/actions/scaleset); errors as its users report them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Meta

from local_cloud.clock import iso
from local_cloud.github.api import jit_config
from local_cloud.github.errors import GitHubFault, invalid
from local_cloud.github.records import GitHubRunner, GitHubScaleSet, GitHubToken
from local_cloud.github.requests import read_object
from local_cloud.github.scale_sets import NEVER, ScaleSets, conflict, missing
from local_cloud.github.service_tokens import ServiceTokens

REGISTRATION = "/actions/runner-registration"  # at the REST API's address
PREFIX = "/_services/pipelines"
MESSAGES = "/message"
CAPACITY = "x-scalesetmaxcapacity"
POLL_SECONDS = 50.0
SETS = "/_apis/runtime/runnerscalesets"
AGENTS = "/_apis/distributedtask/pools/0/agents"
GROUP = {"id": 1, "name": "Default", "size": 0, "isDefaultGroup": True}


class _Label(msgspec.Struct):
    name: str


class _Setting(msgspec.Struct):
    disableUpdate: bool = False  # noqa: N815 - the service's name


class _NewSet(msgspec.Struct):
    """The members of a scale set that a client may set."""

    name: Annotated[str, Meta(max_length=256)] = ""
    runnerGroupId: Annotated[int, Meta(ge=0, lt=2**53)] = 0  # noqa: N815
    labels: Annotated[list[_Label], Meta(max_length=100)] = msgspec.field(default_factory=list)
    RunnerSetting: _Setting = msgspec.field(default_factory=_Setting)


class _NewSession(msgspec.Struct):
    ownerName: str  # noqa: N815


class _NewRunner(msgspec.Struct):
    name: Annotated[str, Meta(min_length=1, max_length=256)]


class _Registration(msgspec.Struct):
    url: str


class _Request(msgspec.Struct, frozen=True):
    """An authenticated request."""

    scope: str
    scale_set: str
    session: str
    found: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    capacity: int


Answer = tuple[int, Any]


class ActionsService:
    """Answers requests under ``PREFIX``, and the registration that leads to it."""

    def __init__(self, sets: ScaleSets, url: str, runners: str, secret: bytes) -> None:
        """Answer; clients reach it under ``url``, runners under ``runners``; its tokens are signed with ``secret``."""
        self.sets, self.url, self._runners = sets, url, runners
        self._tokens = ServiceTokens(secret, sets.jobs.clock.wall)
        one = rf"{SETS}/(?P<set>\d+)"
        serve: list[tuple[str, str, str, Callable[[_Request], Answer]]] = [
            ("GET", SETS, "find-scale-set", self._find),
            ("POST", SETS, "create-scale-set", self._create),
            ("GET", one, "get-scale-set", self._get),
            ("PATCH", one, "update-scale-set", self._update),
            ("DELETE", one, "delete-scale-set", self._delete),
            ("GET", "/_apis/runtime/runnergroups/?", "find-runner-group", self._groups),
            ("POST", f"{one}/sessions", "create-session", self._begin),
            ("PATCH", f"{one}/sessions/(?P<session>[^/]+)", "refresh-session", self._refresh),
            ("DELETE", f"{one}/sessions/(?P<session>[^/]+)", "delete-session", self._end),
            ("POST", f"{one}/acquirejobs", "acquire-jobs", self._acquire),
            ("POST", f"{one}/generatejitconfig", "generate-set-jitconfig", self._generate),
            ("GET", AGENTS, "find-agent", self._find_agent),
            ("GET", rf"{AGENTS}/(?P<agent>\d+)", "get-agent", self._get_agent),
            ("DELETE", rf"{AGENTS}/(?P<agent>\d+)", "delete-agent", self._delete_agent),
            ("GET", MESSAGES, "get-message", self._message),
            ("DELETE", rf"{MESSAGES}/(?P<message>\d+)", "delete-message", self._acknowledge),
        ]
        self._routes = [(method, re.compile(path), name, function) for method, path, name, function in serve]

    def operation(self, method: str, path: str) -> str:
        """Return the request's name, for faults: ``get-message``."""
        return next((name for verb, form, name, _ in self._routes if verb == method and form.fullmatch(path)), "")

    def register(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the service's address and an admin token for a registration token.

        Raises:
            GitHubFault: the token is not valid for the scope.
        """
        wanted = self._read(body, _Registration)
        scope = _scope(wanted.url, self.url)
        kind, _, token = headers.get("authorization", "").partition(" ")
        known = self.sets.jobs.store.get(GitHubToken, token)
        valid = known and known.scope.lower() == scope.lower() and self.sets.jobs.clock.wall() <= known.expires
        if kind != "RemoteAuth" or not valid:
            raise GitHubFault(401, "Bad credentials")
        return 200, {
            "url": f"{self.url}{PREFIX}/",
            "token": self._tokens.issue({"scope": scope}),
            "token_schema": "OAuthAccessToken",
        }

    def handle(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the status and the JSON of the answer.

        Raises:
            GitHubFault: an error.
        """
        claims = self._tokens.read(headers)
        for verb, form, _, function in self._routes:
            match = form.fullmatch(path)
            if match is None or verb != method:
                continue
            found = {key: value for key, value in match.groupdict().items() if value}
            # What belongs to a session takes the session's own token, and nothing else does.
            if ("session" in claims) != (function in (self._message, self._acknowledge, self._acquire)):
                raise GitHubFault(401, "The token is not one for this request.")
            capacity = headers.get(CAPACITY, "")
            return function(
                _Request(
                    scope=claims["scope"],
                    scale_set=claims.get("set", ""),
                    session=claims.get("session", ""),
                    found=found,
                    query=dict(parse_qsl(query)),
                    body=body,
                    capacity=int(capacity) if re.fullmatch(r"[0-9]{1,9}", capacity, re.ASCII) else 0,
                )
            )
        raise missing("The controller for path was not found.", "VssServiceException")

    def _find(self, request: _Request) -> Answer:
        found = self.sets.all(request.scope)
        if name := request.query.get("name"):
            found = [one for one in found if one.name.lower() == name.lower()]
        if group := request.query.get("runnerGroupId"):
            found = [one for one in found if str(one.group) == group]
        return 200, _listed([self._set_json(one) for one in found])

    def _create(self, request: _Request) -> Answer:
        wanted = self._read(request.body, _NewSet)
        if not wanted.name:
            raise invalid("The name of a runner scale set is required.")
        made = self.sets.create(
            request.scope,
            wanted.name,
            wanted.runnerGroupId or 1,
            [label.name for label in wanted.labels],
            disable_update=wanted.RunnerSetting.disableUpdate,
        )
        return 200, self._set_json(made)

    def _get(self, request: _Request) -> Answer:
        return 200, self._set_json(self._set(request))

    def _update(self, request: _Request) -> Answer:
        """Change the name, the group and the settings: labels stay as they were created."""
        scale_set, wanted = self._set(request), self._read(request.body, _NewSet)
        name, group = wanted.name or scale_set.name, wanted.runnerGroupId or scale_set.group
        if any(one.id != scale_set.id for one in self.sets.find(request.scope, name, group)):
            raise conflict(f"The runner scale set {name} already exists.", "RunnerScaleSetExistsException")
        disable = wanted.RunnerSetting.disableUpdate
        return 200, self._set_json(self.sets.change(scale_set, name=name, group=group, disable_update=disable))

    def _delete(self, request: _Request) -> Answer:
        self.sets.delete(self._set(request))
        return 204, None

    def _groups(self, request: _Request) -> Answer:
        name = request.query.get("groupName", "")
        return 200, _listed([GROUP] if name.lower() in ("", "default") else [])

    def _begin(self, request: _Request) -> Answer:
        owner = self._read(request.body, _NewSession).ownerName
        return 200, self._session_json(self.sets.begin_session(self._set(request), owner))

    def _refresh(self, request: _Request) -> Answer:
        return 200, self._session_json(self._open_session(self._set(request), request.found["session"]))

    def _end(self, request: _Request) -> Answer:
        self.sets.change(self._open_session(self._set(request), request.found["session"]), session="", owner="")
        return 204, None

    def _acquire(self, request: _Request) -> Answer:
        try:
            numbers = msgspec.json.decode(request.body, type=list[int])
        except msgspec.MsgspecError:
            raise invalid("The body is not a list of request ids.") from None
        got = self.sets.acquire(self._polled(request), numbers)
        return 200, _listed(got)

    def _generate(self, request: _Request) -> Answer:
        scale_set, wanted = self._set(request), self._read(request.body, _NewRunner)
        runner = self.sets.jobs.register(
            request.scope, wanted.name, scale_set.labels, scale_set.group, scale_set=scale_set.id
        )
        return 200, {"runner": _runner_json(runner), "encodedJITConfig": jit_config(runner, self._runners)}

    def _find_agent(self, request: _Request) -> Answer:
        name = request.query.get("agentName")
        found = [one for one in self.sets.jobs.runners(request.scope) if name in (None, one.name)]
        return 200, _listed([_runner_json(one) for one in found])

    def _get_agent(self, request: _Request) -> Answer:
        return 200, _runner_json(self._agent(request))

    def _delete_agent(self, request: _Request) -> Answer:
        self.sets.jobs.remove(self._agent(request))
        return 204, None

    def _message(self, request: _Request) -> Answer:
        scale_set = self._polled(request)
        last = request.query.get("lastMessageId", "")
        message = self.sets.next_message(scale_set, int(last) if last.isdecimal() else 0, request.capacity)
        if message is None:
            return 202, {}
        return 200, {
            "messageId": message.number,
            "messageType": "RunnerScaleSetJobMessages",
            "body": json.dumps([json.loads(part) for part in message.parts]),
            "statistics": self.sets.statistics(scale_set),
        }

    def _acknowledge(self, request: _Request) -> Answer:
        self.sets.acknowledge(self._polled(request), int(request.found["message"]))
        return 204, None

    def _set(self, request: _Request) -> GitHubScaleSet:
        return self.sets.get(request.scope, request.found["set"])

    def _polled(self, request: _Request) -> GitHubScaleSet:
        """Return the scale set of the caller's session."""
        scale_set = self.sets.get(request.scope, request.scale_set)
        return self._open_session(scale_set, request.session)

    def _open_session(self, scale_set: GitHubScaleSet, session: str) -> GitHubScaleSet:
        if scale_set.session != session:
            raise missing(f"The session {session} was not found.", "TaskAgentSessionNotFoundException")
        return scale_set

    def _agent(self, request: _Request) -> GitHubRunner:
        for runner in self.sets.jobs.runners(request.scope):
            if runner.id == request.found["agent"]:
                return runner
        raise missing(f"No agent found with identifier {request.found['agent']}.", "AgentNotFoundException")

    def _set_json(self, scale_set: GitHubScaleSet) -> dict[str, Any]:
        return {
            "id": int(scale_set.id),
            "name": scale_set.name,
            "runnerGroupId": scale_set.group,
            "runnerGroupName": GROUP["name"],
            "labels": [
                {"id": number, "name": name, "type": "System"} for number, name in enumerate(scale_set.labels, 1)
            ],
            "RunnerSetting": {"ephemeral": True, "disableUpdate": scale_set.disable_update},
            "createdOn": iso(scale_set.created) if scale_set.created else NEVER,
            "runnerJitConfigUrl": f"{self.url}{PREFIX}{SETS}/{scale_set.id}/generatejitconfig",
            "statistics": self.sets.statistics(scale_set),
        }

    def _session_json(self, scale_set: GitHubScaleSet) -> dict[str, Any]:
        claims = {"scope": scale_set.scope, "set": scale_set.id, "session": scale_set.session}
        return {
            "sessionId": scale_set.session,
            "ownerName": scale_set.owner,
            "runnerScaleSet": self._set_json(scale_set),
            "messageQueueUrl": f"{self.url}{PREFIX}{MESSAGES}?sessionId={scale_set.session}",
            "messageQueueAccessToken": self._tokens.issue(claims),
            "statistics": self.sets.statistics(scale_set),
        }

    def _read(self, body: bytes, kind: type[Any]) -> Any:
        try:
            return msgspec.convert(read_object(body), kind)
        except msgspec.ValidationError as error:
            raise invalid(f"{error}.") from None


def error_json(fault: GitHubFault) -> dict[str, Any]:
    """Return an error as the service answers it."""
    kind = fault.kind or "VssServiceException"
    name = f"GitHub.Actions.Runtime.WebApi.{kind}, GitHub.Actions.Runtime.WebApi"
    return {
        "$id": "1",
        "innerException": None,
        "message": fault.message,
        "typeName": name,
        "typeKey": kind,
        "errorCode": 0,
        "eventId": 3000,
    }


def _scope(url: str, server: str) -> str:
    """Return the scope that a URL names: below this server's address, or below its host."""
    base = urlsplit(server).path
    path = urlsplit(url).path
    return path.removeprefix(base).strip("/")


def _runner_json(runner: GitHubRunner) -> dict[str, Any]:
    return {"id": int(runner.id), "name": runner.name, "runnerScaleSetId": int(runner.scale_set or 0)}


def _listed(found: list[Any]) -> dict[str, Any]:
    return {"count": len(found), "value": found}
