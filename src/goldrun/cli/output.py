"""Output of the commands: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from goldrun import language, stdio, workflow
from goldrun.cli import filters
from goldrun.cli.colours import may_colour
from goldrun.errors import GoldrunError

if TYPE_CHECKING:
    from goldrun.http.trace import Trace


_SEPARATORS = str.maketrans("\t\n\r", "   ")  # of a table for programs: a description or a tag may contain them


def result(text: str) -> None:
    """Print a line of the result.

    Raises:
        OutputError: it could not be written.
        ReaderGoneError: the reader has gone.
    """
    _write(workflow.shown(os.environ, text))


def result_json(value: Any) -> None:
    """Print the result as JSON: public objects (goldrun.cli.json), or plain values."""
    from goldrun.cli.json.encoding import plain

    job = workflow.in_workflow(os.environ)
    text = json.dumps(filters.matching_objects(plain(value)), ensure_ascii=job, indent=2)
    if job:
        # See ``workflow.harmless``. These occur in JSON strings alone, where an escape means the same.
        text = text.replace("\x7f", "\\u007f").replace("##[", "\\u0023#[")
    _write(text)


def _write(text: str) -> None:
    with stdio.whole():
        click.echo(text)


def note(words: str) -> None:
    """Print a note for people, unless ``--quiet``."""
    if not is_quiet():
        stdio.to_stderr(workflow.shown(os.environ, workflow.legible(language.say(os.environ, f"note: {words}"))))


def hanging(text: str, indent: int) -> str:
    """Return text broken at a terminal's width, its further lines indented; for programs as it is."""
    if not stdio.is_terminal(sys.stdout):
        return text
    from rich.console import Console
    from rich.text import Text

    console = Console()
    lines = Text(text).wrap(console, max(20, console.width - indent))
    return f"\n{' ' * indent}".join(line.plain.rstrip() for line in lines)


def localized(text: str) -> str:
    """Return text for stdout: in the person's language on a terminal, the same everywhere for programs."""
    return language.say(os.environ, text) if stdio.is_terminal(sys.stdout) else text


def error(problem: GoldrunError) -> None:
    """Print an error, its prefix in red on a terminal."""
    text = workflow.describe_error(os.environ, problem)
    if may_colour(sys.stderr):
        word = language.say(os.environ, "error: ").strip()
        text = click.style(word, fg="red", bold=True) + text.removeprefix(word)
    stdio.to_stderr(text)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: drawn to fit a terminal, tab-separated lines otherwise.

    Raises:
        UsageError: a filter names an unknown column.
    """
    rows = filters.matching_rows(columns, rows)
    if not stdio.is_terminal(sys.stdout):
        for row in [columns, *rows]:
            result("\t".join(cell.translate(_SEPARATORS) for cell in row))
        return
    from goldrun.cli import tables

    context = click.get_current_context(silent=True)
    lines, hidden = tables.draw(columns, rows, wide=bool(context and context.meta.get(tables.WIDE)))
    for line in lines:
        result(line)
    if hidden:
        note(f"the terminal is too narrow for {', '.join(hidden)}: -o wide shows all columns.")


def is_quiet() -> bool:
    """Return whether notes are dropped."""
    return _asks_for("quiet")


def trace() -> Trace | None:
    """Return the trace of every request, retry and pause; None without ``--debug`` and GOLDRUN_DEBUG."""
    return stdio.trace(os.environ, wanted=_asks_for("debug"))


def _asks_for(option: str) -> bool:
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().obj and context.find_root().obj.get(option))
