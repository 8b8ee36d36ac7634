"""Somebody who attends to a build: decides about a step that failed, and looks at the builder in between."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from goldrun.errors import RefusedError


class Decision(Enum):
    """What to do about a step that failed on the builder."""

    RETRY = "retry"
    KEEP = "keep"
    DELETE = "delete"


class Attendant(Protocol):
    """Answers a build. Each method begins to ask, and returns a function that tells the answer; None: not yet."""

    def failed(self, step: str, instance_id: str, error: RefusedError) -> Callable[[], Decision | None]:
        """Ask what to do about a step that failed on that builder."""

    def paused(self, step: str, instance_id: str) -> Callable[[], bool | None]:
        """Ask whether the build may go on after a step."""


class Nobody:
    """Attends to no build: decides without asking."""

    def __init__(self, decision: Decision = Decision.DELETE) -> None:
        """Always decide the same."""
        self._decision = decision

    def failed(self, step: str, instance_id: str, error: RefusedError) -> Callable[[], Decision | None]:  # noqa: ARG002
        """See ``Attendant.failed``."""
        return lambda: self._decision

    def paused(self, step: str, instance_id: str) -> Callable[[], bool | None]:  # noqa: ARG002
        """See ``Attendant.paused``."""
        return lambda: True
