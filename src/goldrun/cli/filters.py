"""``--filter COLUMN=VALUE``: which rows of a table, or objects of a JSON list, are printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import click

from goldrun.errors import UsageError

_KEY = "goldrun.filters"


def add(context: click.Context, column: str, value: str) -> None:
    """Filter what the command prints; ``*`` in the value stands for anything."""
    context.meta.setdefault(_KEY, []).append((column, value))


def read(context: click.Context | None) -> list[tuple[str, str]]:
    """Return the filters of a command, each a column and a value."""
    found: list[tuple[str, str]] = context.meta.get(_KEY, []) if context else []
    return found


def matching_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """Return the rows of a table that match all filters.

    Raises:
        UsageError: a filter names an unknown column.
    """
    for name, value in read(click.get_current_context(silent=True)):
        places = [number for number, column in enumerate(columns) if _is_named(column, name)]
        if not places:
            raise _unknown(name, columns)
        rows = [row for row in rows if any(fnmatchcase(row[place].lower(), value.lower()) for place in places)]
    return rows


def matching_objects(value: Any) -> Any:
    """Return the objects of a JSON list that match all filters; anything else as it is.

    Raises:
        UsageError: a filter names an unknown member.
    """
    filters = read(click.get_current_context(silent=True))
    if not filters or not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        return value
    for name, wanted in filters:
        known = {key for one in value for key in one}
        key = next((key for key in known if _is_named(key, name)), None)
        if known and key is None:
            raise _unknown(name, sorted(known))
        value = [one for one in value if fnmatchcase(str(one.get(key)).lower(), wanted.lower())]
    return value


def _is_named(column: str, name: str) -> bool:
    return column.lower().replace(" ", "_") == name.lower().replace("-", "_").replace(" ", "_")


def _unknown(name: str, columns: Iterable[str]) -> UsageError:
    known = ", ".join(column.lower().replace(" ", "_") for column in columns)
    return UsageError(f"There is no column {name!r} to filter by.", fix=[f"use one of: {known}"])
