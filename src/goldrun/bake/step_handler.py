"""Handles the steps of a build that fail or pause, each of which waits for a decision."""

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


class StepHandler(Protocol):
    """Decides what a build does next. Each method returns a function that the build polls; None: not decided yet."""

    def on_failure(self, step: str, instance_id: str, error: RefusedError) -> Callable[[], Decision | None]:
        """Decide what to do about a step that failed on that builder."""

    def on_pause(self, step: str, instance_id: str) -> Callable[[], bool | None]:
        """Decide when the build continues after a step."""


class FixedDecision:
    """Decides every failure alike, and does not pause."""

    def __init__(self, decision: Decision = Decision.DELETE) -> None:
        """Always return that decision."""
        self._decision = decision

    def on_failure(self, step: str, instance_id: str, error: RefusedError) -> Callable[[], Decision | None]:  # noqa: ARG002
        """See ``StepHandler.on_failure``."""
        return lambda: self._decision

    def on_pause(self, step: str, instance_id: str) -> Callable[[], bool | None]:  # noqa: ARG002
        """See ``StepHandler.on_pause``."""
        return lambda: True
