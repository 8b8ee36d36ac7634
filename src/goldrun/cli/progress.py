"""The progress of waits, on stderr: bars, or a clock that moves, on a terminal; nothing elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from goldrun import language, stdio
from goldrun.cli import output
from goldrun.durations import clock_time
from goldrun.images.availability import Progress as Waited


@contextmanager
def moving(words: str) -> Iterator[Callable[[], None]]:
    """Show on a terminal, while this is entered, that something goes on, and for how long; nothing elsewhere.

    Notes of the work appear above; nothing stays of it. Yields what ends it before: results on stdout would otherwise
    be on its line.
    """
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True, emoji=False),
        transient=True,
        redirect_stdout=False,
        disable=not stdio.is_terminal(sys.stderr) or output.is_quiet(),
    )
    progress.add_task(language.say(os.environ, words), total=None)
    with progress:
        yield progress.stop


class Bars:
    """A bar for each name: percent, elapsed time, estimate of the remaining time."""

    def __init__(self, names: Sequence[str]) -> None:
        """Create the bars; they are shown while this is entered."""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[times]}"),
            console=Console(stderr=True, emoji=False),
            disable=not stdio.is_terminal(sys.stderr),
        )
        self._tasks: dict[str, TaskID] = {name: self._progress.add_task(name, total=100, times="") for name in names}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def move(self, name: str, waited: Waited) -> None:
        """Move a bar."""
        left = "" if waited.left is None or waited.percent == 100 else f", about {clock_time(waited.left)} left"
        self._progress.update(self._tasks[name], completed=waited.percent, times=f"{clock_time(waited.elapsed)}{left}")
