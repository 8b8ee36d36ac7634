"""Output of the commands: results on stdout, everything else on stderr; tables for terminals, lines for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TextIO

import click

from goldrun import language, stdio, workflow
from goldrun.errors import GoldrunError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from goldrun.http.trace import Trace


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
    text = json.dumps(_chosen(plain(value)), ensure_ascii=job, indent=2)
    if job:
        # See ``workflow.harmless``. These occur in JSON strings alone, where an escape means the same.
        text = text.replace("\x7f", "\\u007f").replace("##[", "\\u0023#[")
    _write(text)


def _chosen(value: Any) -> Any:
    """Return the objects of a list that have what ``--filter MEMBER=VALUE`` asks for."""
    filters = _filters()
    if not filters or not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        return value
    for name, wanted in filters:
        known = {key for one in value for key in one}
        key = next((key for key in known if _matches(key, name)), None)
        if known and key is None:
            raise _no_column(name, sorted(known))
        value = [one for one in value if fnmatchcase(str(one.get(key)).lower(), wanted.lower())]
    return value


def _write(text: str) -> None:
    with stdio.whole():
        click.echo(text)


def note(words: str) -> None:
    """Print a note for people, unless ``--quiet``."""
    if not is_quiet():
        stdio.to_stderr(workflow.shown(os.environ, workflow.legible(language.say(os.environ, f"note: {words}"))))


def coloured(text: str, colour: str) -> str:
    """Return text for stderr, in a colour if it is a terminal that may have one."""
    return click.style(text, fg=colour) if _may_colour(sys.stderr) else text


def mark(text: str, colour: str) -> str:
    """Return text for stdout, in a colour and bold if it is a terminal that may have that."""
    return click.style(text, fg=colour, bold=True) if _may_colour(sys.stdout) else text


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


def wants_plain() -> bool:
    """Return whether text without colours is asked for: https://no-color.org."""
    return bool(os.environ.get("NO_COLOR"))


def _may_colour(stream: TextIO | None) -> bool:
    return stdio.is_terminal(stream) and not wants_plain() and not workflow.in_workflow(os.environ)


def error(problem: GoldrunError) -> None:
    """Print an error, its prefix in red on a terminal."""
    text = workflow.describe_error(os.environ, problem)
    if _may_colour(sys.stderr):
        word = language.say(os.environ, "error: ").strip()
        text = click.style(word, fg="red", bold=True) + text.removeprefix(word)
    stdio.to_stderr(text)


def colours() -> bool:
    """Return whether stdout shows colours."""
    return stdio.is_terminal(sys.stdout) and not wants_plain()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal, tab-separated lines otherwise.

    On a narrow terminal the columns that matter least are left out, and a note says which; texts get more lines. Names
    and ids are never split, so that they can be copied: if they alone are too wide, lines run over.

    Raises:
        UsageError: a filter names a column that there is not.
    """
    rows = _filtered(columns, rows)
    if not stdio.is_terminal(sys.stdout):
        for row in [columns, *rows]:
            result("\t".join(row))
        return
    from rich.console import Console

    console = Console()
    hidden: list[str] = []
    rows = [[_printable(cell) for cell in row] for row in rows]
    if not _asks_for("wide"):
        columns, rows, hidden = _fitting(columns, rows, console.width)
    widths = _widths(columns, rows)
    if _asks_for("wide") or not _needed(_folded_widths(columns, widths)) <= console.width < _needed(widths):
        for line in _drawn(columns, rows, widths, plain=console.color_system is None):
            result(line)
    else:
        _folded(console, columns, rows, widths)
    if hidden:
        note(f"the terminal is too narrow for {', '.join(hidden)}: -o wide shows all columns.")


# Texts, which may have several lines.
_TEXTS = {"VALUE", "ORIGIN", "SETTINGS", "WHY", "NOW", "PRUNE", "FOUND", "INSTEAD", "WHERE, OR INSTEAD"}
TEXT_WIDTH = 10  # of a text in several lines, at least
# What a table is for stays as long as it can; of the rest, the last column goes first.
_KEPT = {"ID", "NAME", "STATUS", "STATE", "TYPE", "PRICE", "ZONE", "INSTANCE", "TAKEN OVER", *_TEXTS}
# And these stay in any case.
_ALWAYS = {"ID", "NAME", *_TEXTS}


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    return [max(map(cell_len, (name, *(row[number] for row in rows)))) for number, name in enumerate(columns)]


def _printable(cell: str) -> str:
    """Return a cell without what would move the cursor: names are other people's too."""
    return cell if cell.isprintable() else "".join(sign if sign.isprintable() else "�" for sign in cell)


def _needed(widths: Sequence[int]) -> int:
    """Return the width of a whole table: two blanks between columns."""
    return sum(width + 2 for width in widths) - 2


def _folded_widths(columns: Sequence[str], widths: Sequence[int]) -> list[int]:
    """Return the widths that columns have at least, if texts are folded."""
    return [min(width, TEXT_WIDTH) if name in _TEXTS else width for name, width in zip(columns, widths, strict=True)]


def _drawn(
    columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], *, plain: bool
) -> Iterator[str]:
    """Yield the lines of a table in which each value has its place: Rich would weigh thousands of rows for seconds."""
    from rich.cells import cell_len

    plain = plain or wants_plain()

    def padded(cell: str, width: int, **style: Any) -> str:
        text = click.style(cell, **style) if style and not plain else cell
        return text + " " * (width - cell_len(cell))

    yield "  ".join(padded(name, width, bold=True) for name, width in zip(columns, widths, strict=True)).rstrip()
    for row in rows:
        cells = (padded(cell, width, **_style(cell)) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _folded(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    """Draw a table whose texts have more than one line."""
    from rich.table import Table
    from rich.text import Text

    # Rich drops colours for NO_COLOR but keeps bold; NO_COLOR is a request for plain text.
    drawn = Table(box=None, pad_edge=False, header_style="" if wants_plain() else "bold")
    for column, width in zip(columns, widths, strict=True):
        if column in _TEXTS:
            drawn.add_column(column, overflow="fold", min_width=min(width, TEXT_WIDTH))
        else:
            drawn.add_column(column, no_wrap=True, min_width=width)
    for row in rows:
        # As it is: as markup, `acs:ram::…` would have a ram in it.
        drawn.add_row(*(Text(cell, style=_colour(cell)) for cell in row))
    console.print(drawn)


def _fitting(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> tuple[Sequence[str], Sequence[Sequence[str]], list[str]]:
    """Return the columns that fit, their rows, and the columns that were left out."""
    whole = _widths(columns, rows)
    shown = list(range(len(columns)))
    for kept, widths in ((_KEPT, whole), (_ALWAYS, _folded_widths(columns, whole))):
        # The first column says what a row is about.
        for least in [one for one in reversed(shown[1:]) if columns[one] not in kept]:
            if _needed([widths[one] for one in shown]) > width and len(shown) > 2:
                shown.remove(least)
    hidden = [name for number, name in enumerate(columns) if number not in shown]
    return [columns[one] for one in shown], [[row[one] for one in shown] for row in rows], hidden


def _filtered(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """Return the rows that have what ``--filter COLUMN=VALUE`` asks for; ``*`` stands for anything."""
    for name, value in _filters():
        places = [number for number, column in enumerate(columns) if _matches(column, name)]
        if not places:
            raise _no_column(name, columns)
        rows = [row for row in rows if any(fnmatchcase(row[place].lower(), value.lower()) for place in places)]
    return rows


def _filters() -> list[tuple[str, str]]:
    context = click.get_current_context(silent=True)
    found: list[tuple[str, str]] = ((context.find_root().obj or {}) if context else {}).get("filters", [])
    return found


def _matches(column: str, name: str) -> bool:
    return column.lower().replace(" ", "_") == name.lower().replace("-", "_").replace(" ", "_")


def _no_column(name: str, columns: Iterable[str]) -> UsageError:
    known = ", ".join(column.lower().replace(" ", "_") for column in columns)
    return UsageError(f"There is no column {name!r} to filter by.", fix=[f"use one of: {known}"])


_COLOURS = {
    "Available": "green",
    "Creating": "yellow",
    "Waiting": "yellow",
    "Deprecated": "dim",
    "CreateFailed": "red",
}


def _colour(cell: str) -> str:
    return "" if wants_plain() else _COLOURS.get(cell.partition(" ")[0], "")


def _style(cell: str) -> dict[str, Any]:
    """Return a cell's style for click."""
    colour = _colour(cell)
    return {"dim": True} if colour == "dim" else {"fg": colour} if colour else {}


def is_quiet() -> bool:
    """Return whether notes are dropped."""
    return _asks_for("quiet")


def trace() -> Trace | None:
    """Return the trace of every request, retry and pause; None without ``--debug`` and GOLDRUN_DEBUG."""
    return stdio.trace(os.environ, wanted=_asks_for("debug"))


def _asks_for(option: str) -> bool:
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().obj and context.find_root().obj.get(option))
