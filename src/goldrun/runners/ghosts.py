"""Ghosts: runners that one side has and the other has not. Looked for from both sides.

A runner that is coming up, or ending by itself, is none: both take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from goldrun.ecs.client import EcsClient
from goldrun.ecs.tags import PROTECTED
from goldrun.runners.github import GitHub
from goldrun.runners.listing import Row, list_runners
from goldrun.runners.scope import Scope

GRACE_SECONDS = 20 * 60.0  # longer than a runner may take to come online


@dataclass(frozen=True)
class Ghost:
    """What should not be.

    Attributes:
        row: the runner.
        instance: its instance should go.
        registration: its registration should go.
        reason: why.
    """

    row: Row
    instance: bool
    registration: bool
    reason: str


def find_ghosts(client: EcsClient, github: GitHub, scope: Scope) -> Iterator[Ghost]:
    """The ghosts of a scope, in the client's region.

    Raises:
        GoldrunError: one side cannot be asked: then nothing is a ghost.
    """
    for row in list_runners(client, github, scope):
        if row.age <= GRACE_SECONDS or (row.instance and row.instance.tags.get(PROTECTED) == "true"):
            continue
        if row.registration is None:
            yield Ghost(row, instance=True, registration=False, reason="GitHub has no runner of its name")
        elif row.registration.online or (row.registration.busy and row.instance):
            continue
        elif row.instance is None:
            yield Ghost(row, instance=False, registration=True, reason="it has no instance")
        else:
            yield Ghost(row, instance=True, registration=True, reason="its runner is offline")
