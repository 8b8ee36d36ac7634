"""Asks on the terminal what a build does next: about a step that failed, or at a pause between two steps."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import click

from goldrun import stdio
from goldrun.bake.step_handler import Decision, FixedDecision, StepHandler
from goldrun.cli import output
from goldrun.errors import RefusedError, UsageError

ASK, KEEP, SSH, DELETE = "ask", "keep", "ssh", "delete"
CHOICES = (DELETE, KEEP, ASK, SSH)
_AFTER_FAILURE = {"r": Decision.RETRY, "k": Decision.KEEP, "d": Decision.DELETE}
_AT_PAUSE = {"c": True}

T = TypeVar("T")


def step_handler(on_failure: str, *, pauses: bool, several: bool, region: str, private: bool) -> StepHandler:
    """Return what decides about the build's steps.

    Raises:
        UsageError: the terminal is needed, and there is none, or more than one build would ask on it.
    """
    if on_failure in (DELETE, KEEP) and not pauses:
        return FixedDecision(Decision.KEEP if on_failure == KEEP else Decision.DELETE)
    if not (stdio.is_terminal(sys.stdin) and stdio.is_terminal(sys.stderr)):
        raise UsageError("There is no terminal to ask on.", fix=["--on-failure keep keeps the builder without asking."])
    if several:
        raise UsageError(
            "Builds of several architectures cannot ask on one terminal.", fix=["choose one: --arch amd64"]
        )
    return TerminalPrompt(on_failure, region, private)


@dataclass(frozen=True)
class TerminalPrompt:
    """Asks whoever is at the terminal.

    Attributes:
        on_failure_choice: what to do about a step that fails: one of ``CHOICES``.
        region: where the builder is; empty: the region of the settings.
        private: whether it has no public address.
    """

    on_failure_choice: str
    region: str
    private: bool

    def on_failure(self, step: str, instance_id: str, error: RefusedError) -> Callable[[], Decision | None]:
        """See ``StepHandler.on_failure``."""
        if self.on_failure_choice == KEEP:
            return lambda: Decision.KEEP
        if self.on_failure_choice == DELETE:
            return lambda: Decision.DELETE
        output.error(error)
        if self.on_failure_choice == SSH:
            return _in_background(lambda: self._log_in(instance_id, Decision.DELETE))
        question = f"{step!r} failed on {instance_id}. Retry it, log in, keep the builder, or delete it?"
        return _in_background(lambda: self._ask(question, "r, s, k, d", instance_id, _AFTER_FAILURE, Decision.DELETE))

    def on_pause(self, step: str, instance_id: str) -> Callable[[], bool | None]:
        """See ``StepHandler.on_pause``."""
        question = f"{step!r} is done on {instance_id}. Continue, or log in?"
        return _in_background(lambda: self._ask(question, "c, s", instance_id, _AT_PAUSE, True))

    def _ask(self, question: str, keys: str, instance_id: str, answers: Mapping[str, T], at_end: T) -> T:
        while True:
            output.note(question)
            click.echo(f"[{keys}] ", err=True, nl=False)
            line = sys.stdin.readline()
            if not line:
                return at_end
            key = line.strip().lower()[:1]
            if key == "s":
                self._log_in(instance_id, None)
            elif key in answers:
                return answers[key]

    def _log_in(self, instance_id: str, then: T) -> T:
        words = ["-m", "goldrun", "instance", "ssh", *(["--private"] if self.private else [])]
        words += ["--region", self.region] if self.region else []
        subprocess.run([sys.executable, *words, instance_id], check=False)
        return then


def _in_background(ask: Callable[[], T]) -> Callable[[], T | None]:
    """Start to ask, and return a function that returns the answer; None: not yet. Meanwhile the heartbeat continues."""
    answers: list[T] = []
    threading.Thread(target=lambda: answers.append(ask()), daemon=True).start()
    return lambda: answers[0] if answers else None
