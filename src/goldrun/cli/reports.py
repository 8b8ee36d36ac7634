"""Shows a build on stderr: live on a terminal, in groups in GitHub Actions, line by line elsewhere."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

import click

from goldrun import language, stdio, workflow
from goldrun.bake.progress import BuildProgress
from goldrun.durations import clock_time


class View(Protocol):
    """Shows the builds of several architectures."""

    def of(self, architecture: str) -> BuildProgress:
        """Return the report of one of them."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def view(architectures: tuple[str, ...], *, quiet: bool, live: bool = True) -> View:
    """Return the view that suits stderr; one that is not live leaves room for questions."""
    if quiet:
        return Lines(architectures, quiet=True)
    if workflow.in_workflow(os.environ):
        return Groups(architectures)
    if not (live and stdio.is_terminal(sys.stderr)):
        return Lines(architectures)
    from goldrun.cli.live import Screen

    return Screen(architectures)


def _named(step: str) -> str:
    """Return a step's name: a build's own steps are translated, a recipe's are not."""
    return language.say(os.environ, step)


@dataclass
class _Plain:
    """Prints line by line, each with its architecture."""

    prefix: str
    quiet: bool = False

    def begin(self, step: str) -> None:
        self._say(f"==> {_named(step)}")

    def line(self, text: str) -> None:
        self._say(f"    {text}")

    def end(self, step: str, seconds: float, failed: bool) -> None:
        self._say(f"{'FAILED' if failed else 'ok'}: {_named(step)} ({clock_time(seconds)})")

    def _say(self, text: str) -> None:
        if not self.quiet:
            click.echo(f"[{self.prefix}] {text}", err=True)


class Lines:
    """Plain lines."""

    def __init__(self, architectures: tuple[str, ...], *, quiet: bool = False) -> None:
        self._reports = {name: _Plain(name, quiet) for name in architectures}

    def of(self, architecture: str) -> BuildProgress:
        """See ``View.of``."""
        return self._reports[architecture]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


@dataclass
class _Grouped:
    """Prints a step's lines when it ends: parallel builds would interleave their groups."""

    prefix: str
    lock: threading.Lock
    kept: list[str] = field(default_factory=list)

    def begin(self, step: str) -> None:  # noqa: ARG002 - the end says it
        self.kept.clear()

    def line(self, text: str) -> None:
        # Text from the guest and the recipe.
        self.kept.append(workflow.harmless(text))

    def end(self, step: str, seconds: float, failed: bool) -> None:
        title = f"{self.prefix}: {_named(step)} ({clock_time(seconds)}){' FAILED' if failed else ''}"
        with self.lock:
            click.echo("\n".join([f"::group::{workflow.escape(title)}", *self.kept, "::endgroup::"]), err=True)


class Groups(Lines):
    """``::group::`` for each step."""

    def __init__(self, architectures: tuple[str, ...]) -> None:
        lock = threading.Lock()
        self._grouped = {name: _Grouped(name, lock) for name in architectures}

    def of(self, architecture: str) -> BuildProgress:
        """See ``View.of``."""
        return self._grouped[architecture]
