"""Asks a person on a terminal what a build does next: about a step that failed, or between two steps."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import click

from goldrun import stdio
from goldrun.bake.attendant import Attendant, Decision, Nobody
from goldrun.cli import output
from goldrun.errors import RefusedError, UsageError

ASK, KEEP, SSH, DELETE = "ask", "keep", "ssh", "delete"
CHOICES = (DELETE, KEEP, ASK, SSH)
_FAILED = {"r": Decision.RETRY, "k": Decision.KEEP, "d": Decision.DELETE}
_PAUSED = {"c": True}

T = TypeVar("T")


def attendant(on_failure: str, *, pauses: bool, architectures: int, region: str, private: bool) -> Attendant:
    """Return who answers the build.

    Raises:
        UsageError: a person is to answer, and there is no terminal, or more than one build asks.
    """
    if on_failure in (DELETE, KEEP) and not pauses:
        return Nobody(Decision.KEEP if on_failure == KEEP else Decision.DELETE)
    if not (stdio.is_terminal(sys.stdin) and stdio.is_terminal(sys.stderr)):
        raise UsageError("There is no terminal to ask on.", fix=["--on-failure keep keeps the builder without asking."])
    if architectures > 1:
        raise UsageError("Only one architecture can be attended to at a time.", fix=["choose one: --arch amd64"])
    return Person(on_failure, region, private)


@dataclass(frozen=True)
class Person:
    """Somebody at the terminal.

    Attributes:
        on_failure: what to do about a step that fails: one of ``CHOICES``.
        region: where the builder is; empty: where the settings say.
        private: whether it has no public address.
    """

    on_failure: str
    region: str
    private: bool

    def failed(self, step: str, instance_id: str, error: RefusedError) -> Callable[[], Decision | None]:
        """See ``Attendant.failed``."""
        if self.on_failure == KEEP:
            return lambda: Decision.KEEP
        if self.on_failure == DELETE:
            return lambda: Decision.DELETE
        output.error(error)
        if self.on_failure == SSH:
            return _in_background(lambda: self._log_in(instance_id, Decision.DELETE))
        question = f"{step!r} failed on {instance_id}. Retry it, log in, keep the builder, or delete it?"
        return _in_background(lambda: self._ask(question, "r, s, k, d", instance_id, _FAILED, Decision.DELETE))

    def paused(self, step: str, instance_id: str) -> Callable[[], bool | None]:
        """See ``Attendant.paused``."""
        question = f"{step!r} is done on {instance_id}. Continue, or log in?"
        return _in_background(lambda: self._ask(question, "c, s", instance_id, _PAUSED, True))

    def _ask(self, question: str, keys: str, instance_id: str, answers: Mapping[str, T], ended: T) -> T:
        while True:
            output.note(question)
            click.echo(f"[{keys}] ", err=True, nl=False)
            line = sys.stdin.readline()
            if not line:
                return ended
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
    """Begin to ask, and return a function that tells the answer: the build beats on while a person thinks."""
    answers: list[T] = []
    threading.Thread(target=lambda: answers.append(ask()), daemon=True).start()
    return lambda: answers[0] if answers else None
