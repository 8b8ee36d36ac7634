"""Bugs that are planted on request: what the field and this project have had before. The stories have to find each."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl

from goldrun.cloud import rpc
from goldrun.cloud.client import EcsClient, Request
from goldrun.cloud.credentials import Credentials
from goldrun.cloud.endpoints import Api
from goldrun.cloud.images import describe_images
from goldrun.cloud.instances import delete_instances, describe_instances
from goldrun.cloud.signature import canonical_query
from goldrun.errors import GoldrunError
from goldrun.http.cloud_clock import CloudClock
from goldrun.images import moving, publish, removal, retention
from goldrun.images.age import newest_first
from goldrun.images.retention import Verdict
from goldrun.runners import orphans
from goldrun.sweep import finding


def _swapped() -> AbstractContextManager[Any]:
    """The old image loses its mark and its name before the new one has them."""
    steps = moving._missing_steps

    def wrong(*given: Any) -> Iterator[Any]:
        found = list(steps(*given))
        yield from sorted(found, key=lambda step: ("remove the tag", "rename", "tag", "show").index(_begin(step.words)))

    return patch.object(moving, "_missing_steps", wrong)


def _begin(words: str) -> str:
    return next((one for one in ("remove the tag", "rename", "tag", "show") if words.startswith(one)), "show")


@contextmanager
def _pruned_by_age() -> Iterator[None]:
    """Retention counts versions, and neither it nor the deletion asks anything else."""

    def wrong(lineage: Any, *, keep: int, now: float, older_than: float = 0.0) -> list[Verdict]:
        del now, older_than
        return [Verdict(image, at < keep, "counted") for at, image in enumerate(newest_first(lineage.versions()))]

    with patch.object(retention, "judge", wrong), patch.object(removal, "protection", lambda _: ""):
        yield


def _errors_are_absence() -> AbstractContextManager[Any]:
    """A call that fails looks like an empty account."""

    def wrong(*given: Any, **named: Any) -> list[Any]:
        try:
            return describe_images(*given, **named)
        except GoldrunError:
            return []

    return patch("goldrun.images.lookup.describe_images", wrong)


@contextmanager
def _believed() -> Iterator[None]:
    """Whatever a deletion answers, the instance is taken for gone."""

    def wrong(*given: Any) -> None:
        try:
            delete_instances(*given)
        except GoldrunError:
            return

    with (
        patch("goldrun.launch.release.delete_instances", wrong),
        patch("goldrun.launch.release.describe_instances", lambda *_, **__: []),
    ):
        yield


def _changed(change: Callable[[dict[str, str]], None]) -> AbstractContextManager[Any]:
    """Each attempt of a call is changed before it is sent."""
    attempt = EcsClient._attempt

    def wrong(self: EcsClient, request: Request, until: float) -> Any:
        params = dict(parse_qsl(request.target.removeprefix("/?"), keep_blank_values=True))
        change(params)
        query = canonical_query(params)

        def sign_changed(credentials: Credentials, now: float) -> dict[str, str]:
            said = request.sign(credentials, now)
            api = Api("", said["x-acs-version"])
            return rpc.sign(api, said["x-acs-action"], query, request.endpoint, credentials, now)

        return attempt(self, request._replace(target=f"/?{query}", sign=sign_changed), until)

    return patch.object(EcsClient, "_attempt", wrong)


def _new_token(params: dict[str, str]) -> None:
    """Each repetition of a call has a ``ClientToken`` of its own."""
    if "ClientToken" in params:
        params["ClientToken"] = secrets.token_hex(16)


def _no_end(params: dict[str, str]) -> None:
    """Instances have no release time."""
    params.pop("AutoReleaseTime", None)


@contextmanager
def _anybodys() -> Iterator[None]:
    """A sweep asks nobody whose an instance is."""

    def wrong(client: EcsClient, **named: Any) -> Any:
        return describe_instances(client, **{**named, "tags": {}} if "tags" in named else named)

    with patch("goldrun.sweep.finding.describe_instances", wrong), patch.object(finding, "is_kept", lambda *_: False):
        yield


@contextmanager
def _snapshots_stay() -> Iterator[None]:
    """Deleted images leave their snapshots behind, and the bill."""
    with (
        patch("goldrun.images.removal.delete_snapshot", lambda *_: None),
        patch("goldrun.sweep.removal.delete_snapshot", lambda *_: None),
    ):
        yield


BUGS: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "": nullcontext,
    "swapped": _swapped,
    "untested": lambda: patch.object(publish, "_check_candidate", lambda *_: None),
    "pruned-by-age": _pruned_by_age,
    "errors-are-absence": _errors_are_absence,
    "believed": _believed,
    "new-tokens": lambda: _changed(_new_token),
    "no-end": lambda: _changed(_no_end),
    "anybodys": _anybodys,
    "no-heartbeat": lambda: patch.object(finding, "_is_active", lambda *_: False),
    "no-grace": lambda: patch.object(orphans, "_grace", lambda _: 0.0),
    "own-clock": lambda: patch.object(CloudClock, "now", lambda self: self.machine.now()),
    "snapshots-stay": _snapshots_stay,
}
