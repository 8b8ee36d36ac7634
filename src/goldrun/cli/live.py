"""The live view of builds on a terminal."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from goldrun import language
from goldrun.bake.progress import BuildProgress
from goldrun.cli import colours
from goldrun.durations import clock_time

TAIL_LINES = 6


@dataclass
class _Shown:
    """One architecture's column of the live view."""

    name: str
    done: list[tuple[str, float, bool]] = field(default_factory=list)
    step: str = ""
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))

    def begin(self, step: str) -> None:
        self.step = language.say(os.environ, step)
        self.tail.clear()

    def line(self, text: str) -> None:
        self.tail.append(text)

    def end(self, step: str, seconds: float, failed: bool) -> None:
        self.done.append((language.say(os.environ, step), seconds, failed))
        self.step = ""

    def __rich__(self) -> Table:
        drawn = Table(box=None, pad_edge=False, title=self.name, title_justify="left")
        drawn.add_column("step", ratio=1)
        drawn.add_column("time", justify="right")
        for step, seconds, failed in self.done:
            drawn.add_row(
                Text(f"{'✗' if failed else '✓'} {step}", style="red" if failed else "green"), clock_time(seconds)
            )
        if self.step:
            drawn.add_row(Text(f"… {self.step}", style="yellow"), "")
            for line in self.tail:
                drawn.add_row(Text(f"    {line}", style="dim", no_wrap=True), "")
        return drawn


class Screen:
    """Steps, times and the last lines of each architecture, redrawn as they change."""

    def __init__(self, architectures: tuple[str, ...]) -> None:
        self._shown = {name: _Shown(name) for name in architectures}
        plain = colours.wants_plain()
        self._live = Live(
            Group(*self._shown.values()),
            console=Console(stderr=True, no_color=plain, emoji=False),
            refresh_per_second=4,
        )

    def of(self, architecture: str) -> BuildProgress:
        """See ``View.of``."""
        return self._shown[architecture]

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
