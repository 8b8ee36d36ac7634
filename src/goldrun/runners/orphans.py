"""Orphans: instances without a registration, and registrations without an instance.

A runner that is starting, or ending by itself, is not an orphan: both take minutes. And a missing registration is weak
evidence: GitHub's list is also empty when the token has lost its permission or another repository has taken the name.
So an instance without a registration is deleted only if GitHub lists other runners of the scope, or the instance
itself reports that it is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import Instance
from goldrun.cloud.tags import ONLINE_WITHIN, PROTECTED
from goldrun.github.client import GitHub
from goldrun.github.runners import has_registrations
from goldrun.github.scope import Scope
from goldrun.runners.diagnostics import has_ended
from goldrun.runners.listing import Row, list_runners, look_at

GRACE_SECONDS = 20 * 60.0  # longer than a runner takes to come online, unless its instance's tag says otherwise


@dataclass(frozen=True)
class Orphan:
    """A runner that has only an instance or only a registration, or that is offline.

    Attributes:
        row: the runner.
        instance: its instance is to be deleted.
        registration: its registration is to be removed.
        reason: why.
        doubt: why to keep it nevertheless; empty: no reason.
    """

    row: Row
    instance: bool
    registration: bool
    reason: str
    doubt: str = ""


def find_orphans(client: EcsClient, github: GitHub, scope: Scope) -> Iterator[Orphan]:
    """Yield the orphans of a scope, in the client's region.

    Raises:
        GoldrunError: the cloud or GitHub cannot be read: then nothing is an orphan.
    """
    for row in list_runners(client, github, scope):
        if orphan := _judge(row):
            yield _doubted(client, github, scope, orphan)


def look_again(client: EcsClient, github: GitHub, scope: Scope, name: str, instance: Instance | None) -> Orphan | None:
    """Look one runner up again, by its name, right before its deletion; None if it is not an orphan.

    Args:
        client: the cloud.
        github: GitHub's API.
        scope: the runner's repository or organization.
        name: the runner's name.
        instance: its instance, just read by its id; None: look it up by its tags.
    """
    orphan = _judge(look_at(client, github, scope, name, instance))
    return orphan and _doubted(client, github, scope, orphan)


def _judge(row: Row) -> Orphan | None:
    if row.age <= _grace(row) or (row.instance and PROTECTED.matches(row.instance.tags)):
        return None
    if row.registration is None:
        return Orphan(row, instance=True, registration=False, reason="GitHub has no runner of its name")
    if row.registration.online or (row.registration.busy and row.instance):
        return None
    if row.instance is None:
        return Orphan(row, instance=False, registration=True, reason="it has no instance")
    return Orphan(row, instance=True, registration=True, reason="its runner is offline")


def _grace(row: Row) -> float:
    seconds = ONLINE_WITHIN.read(row.instance.tags) if row.instance else ""
    return max(GRACE_SECONDS, 2 * float(seconds) if seconds.isdecimal() else 0.0)


def _doubted(client: EcsClient, github: GitHub, scope: Scope, orphan: Orphan) -> Orphan:
    instance = orphan.row.instance
    if orphan.registration or not instance or has_registrations(github, scope) or has_ended(client, instance.id):
        return orphan
    return replace(
        orphan, doubt=f"GitHub shows no runner of {scope} at all, and the instance does not say that it ended"
    )
