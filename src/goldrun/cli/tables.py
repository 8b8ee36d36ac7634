"""Draws tables that fit a terminal.

On a narrow terminal the columns that matter least are left out, and texts get more lines. Names and ids are never
split, so that they can be copied: if they alone are too wide, lines run over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from goldrun.cli.colours import wants_plain

if TYPE_CHECKING:
    from rich.console import Console

WIDE = "goldrun.wide"  # set in the context's ``meta`` by ``-o wide``: show all columns

# Texts, which may have several lines.
_TEXTS = {"VALUE", "ORIGIN", "SETTINGS", "WHY", "NOW", "PRUNE", "FOUND", "INSTEAD", "WHERE, OR INSTEAD"}
TEXT_WIDTH = 10  # of a text in several lines, at least
# What a table is for stays as long as it can; of the rest, the last column goes first.
_KEPT = {"ID", "NAME", "STATUS", "STATE", "TYPE", "PRICE", "ZONE", "INSTANCE", "TAKEN OVER", *_TEXTS}
# And these stay in any case.
_ALWAYS = {"ID", "NAME", *_TEXTS}


def draw(columns: Sequence[str], rows: Sequence[Sequence[str]], *, wide: bool) -> tuple[list[str], list[str]]:
    """Return a table's lines, and the columns that are left out because the terminal is too narrow.

    Args:
        columns: their names.
        rows: the cells.
        wide: whether to show all columns in any case.
    """
    from rich.console import Console

    console = Console()
    hidden: list[str] = []
    rows = [[_printable(cell) for cell in row] for row in rows]
    if not wide:
        columns, rows, hidden = _fitting(columns, rows, console.width)
    widths = _widths(columns, rows)
    if wide or not _needed(_folded_widths(columns, widths)) <= console.width < _needed(widths):
        lines = _drawn(columns, rows, widths, plain=console.color_system is None)
    else:
        lines = _folded(console, columns, rows, widths)
    return list(lines), hidden


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


def _folded(
    console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]
) -> Iterator[str]:
    """Yield the lines of a table whose texts have more than one line."""
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
    with console.capture() as captured:
        console.print(drawn)
    yield from captured.get().splitlines()


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
