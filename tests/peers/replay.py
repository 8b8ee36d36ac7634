"""Replays a recording: asks the local cloud what a real client once asked, at the same moments, and compares.

Resources have other ids each time. Where an answer has another id than the recorded one, in the same place, later calls
ask for it instead.
"""

from __future__ import annotations

import http.client
import itertools
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from goldrun.cloud import signature
from local_cloud import seed
from local_cloud.clock import iso
from local_cloud.github.actions_service import MESSAGES, REGISTRATION
from local_cloud.github.actions_service import PREFIX as SERVICE
from local_cloud.github.api import TOKEN
from local_cloud.github.router import PREFIX
from tests.conftest import Running

# An id that the cloud or GitHub has made: `i-bp1…`, `vpc-…`; or a long number or word of hexadecimal digits.
_ID = re.compile(r"[a-z]{1,5}-[0-9a-z]{10,}|[0-9A-Fa-f-]{32,}")


@dataclass
class Replay:
    """A recording that is being replayed.

    Attributes:
        told: what was asked and what was answered this time, by action.
        problems: where the answers differ from the recorded ones in a way that the client could notice.
    """

    running: Running
    told: dict[str, list[Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _ids: dict[str, str] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)
    _nonces: Iterator[int] = field(default_factory=itertools.count)

    def run(self, calls: list[dict[str, Any]]) -> None:
        """Make every call."""
        for number, call in enumerate(calls, 2):  # the line of the file
            self.running.wall.value = max(self.running.wall.value, call["at"])
            status, answer = self._ask(call)
            where = f"line {number}, {call['action']}"
            if status != call["status"]:
                self.problems.append(f"{where}: {status} {answer}, and not {call['status']}")
            self.problems += [f"{where}: {problem}" for problem in self._compare(call["answer"], answer, "")]
            self.told.setdefault(call["action"].split("?")[0], []).append(answer)

    def _ask(self, call: Mapping[str, Any]) -> tuple[int, Any]:
        params = {name: self._known(str(value)) for name, value in call["params"].items()}
        if call["product"] == "github":
            method, _, path = call["action"].partition(" ")
            target = PREFIX + quote(self._known(path)) + (f"?{urlencode(params)}" if params else "")
            body = json.loads(self._known(json.dumps(call["body"]))) if call["body"] else None
            headers = {**call.get("headers", {}), "authorization": self._authorization(path)}
            status, answer = self._send(method, target, headers, body)
            self._keep_token(path, answer)
            return status, answer
        everything = {
            **params,
            "Action": call["action"],
            "Version": call["version"],
            "Format": "JSON",
            "AccessKeyId": seed.KEY.id,
            "SignatureNonce": f"replay {next(self._nonces)}",
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "Timestamp": iso(self.running.wall.value),
        }
        everything["Signature"] = signature.signature_v1("POST", everything, seed.KEY.secret)
        return self._send("POST", f"/?{signature.canonical_query(everything)}", {}, None)

    def _authorization(self, path: str) -> str:
        """Return what a client sends: recordings have no tokens, so it is the one that it was given this time."""
        if path.endswith(REGISTRATION):
            return f"RemoteAuth {self._tokens['registration']}"
        if not path.startswith(SERVICE):
            return f"token {TOKEN}"
        own = path.startswith(SERVICE + MESSAGES) or path.endswith("/acquirejobs")
        return f"Bearer {self._tokens['queue' if own else 'admin']}"

    def _keep_token(self, path: str, answer: Any) -> None:
        kind = (
            "registration" if path.endswith("/registration-token") else "admin" if path.endswith(REGISTRATION) else ""
        )
        if kind and "token" in answer:
            self._tokens[kind] = answer["token"]
        if path.partition("/sessions")[1] and "messageQueueAccessToken" in answer:
            self._tokens["queue"] = answer["messageQueueAccessToken"]

    def _send(self, method: str, target: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.running.port, timeout=30)
        try:
            connection.request(method, target, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text else ""

    def _known(self, text: str) -> str:
        """Return the text with the ids of this time."""
        return _ID.sub(lambda found: self._ids.get(found[0], found[0]), text)

    def _compare(self, before: Any, now: Any, place: str) -> Iterator[str]:
        """Yield what the client was given and is not any more: a member, a type, the elements of a list."""
        if isinstance(before, str) and isinstance(now, str):
            if before != now and _ID.fullmatch(before) and _ID.fullmatch(now):
                self._ids.setdefault(before, now)
        elif isinstance(before, dict) and isinstance(now, dict):
            for name, value in before.items():
                if name in now:
                    yield from self._compare(value, now[name], f"{place}.{name}")
                else:
                    yield f"{place}.{name} is missing"
        elif isinstance(before, list) and isinstance(now, list):
            if before and not now:
                yield f"{place} is empty"
            for old, new in zip(before, now, strict=False):
                yield from self._compare(old, new, f"{place}[]")
        elif not (_is_number(before) and _is_number(now)) and type(before) is not type(now):
            yield f"{place} is {now!r}, and not {before!r}"


def read_recording(path: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return a recording's head, and its calls."""
    head, *calls = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return head, calls


@dataclass(frozen=True)
class Expectation:
    """What must hold of an answer: its value at a path.

    Attributes:
        action: the action.
        number: which of its answers, from 0; -1: the last.
        path: names and numbers, separated by dots; ``#`` at the end: the number of elements.
        value: what must be there; text in slashes is a regular expression.
    """

    action: str
    number: int
    path: str
    value: Any

    def problem(self, told: Mapping[str, list[Any]]) -> str:
        """Return what is wrong; empty if it holds."""
        try:
            found = told[self.action][self.number]
            for step in self.path.split("."):
                found = len(found) if step == "#" else found[int(step) if isinstance(found, list) else step]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            return f"{self.action} {self.path}: nothing there ({error!r})"
        pattern = re.fullmatch("/(.*)/", self.value) if isinstance(self.value, str) else None
        holds = bool(re.search(pattern[1], str(found))) if pattern else found == self.value
        return "" if holds else f"{self.action} {self.path} is {found!r}, and not {self.value!r}"


def read_expectations(path: Path) -> list[Expectation]:
    """Return what must hold of the answers of a recording."""
    found = tomllib.loads(path.read_text(encoding="utf-8")).get("answers", [])
    return [Expectation(one["action"], one.get("number", -1), one["path"], one["value"]) for one in found]


def read_jobs(path: Path) -> list[dict[str, Any]]:
    """Return the jobs that were queued before the recording began."""
    return list(tomllib.loads(path.read_text(encoding="utf-8")).get("jobs", []))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
