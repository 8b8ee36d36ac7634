"""Hidden aliases of commands and options, for users of docker, kubectl, gh and aliyun.

An option is translated if the command has the one that it stands for, and none of that name.
"""

from __future__ import annotations

from collections.abc import Iterable

import click

from goldrun.cli import filters
from goldrun.cli.tables import WIDE
from goldrun.errors import UsageError

# Each stands for the first of these commands that the group has.
COMMANDS: dict[str, tuple[str, ...]] = {
    "list": ("ls",),
    "ps": ("ls",),
    "show": ("inspect",),
    "describe": ("inspect",),
    "get": ("inspect", "ls"),
    "logs": ("console",),
    "delete": ("rm", "down"),
    "remove": ("rm", "down"),
    "rm": ("down",),
    "create": ("up", "init"),
    "start": ("up",),
    "stop": ("down",),
    "restart": ("reboot",),
    "validate": ("check",),
    "lint": ("check",),
    "switch": ("use",),
}
OPTIONS: dict[str, str] = {"--ttl": "--life", "--count": "--amount"}
FORMATS = ("-o", "--output", "--format")
FILTER = "--filter"
# Commands that change nothing. Elsewhere a filter would hide rows of what is done, and it would be done nevertheless.
FILTERED = ("ls", "history", "show", "cost", "doctor", "diff")


def resolve(typed: str, known: Iterable[str]) -> str:
    """Return the command that an alias stands for; what was typed if it is not an alias."""
    names = {*known}
    if typed in names:
        return typed
    return next((name for name in COMMANDS.get(typed, ()) if name in names), typed)


def translate(command: click.Command, context: click.Context, arguments: list[str]) -> list[str]:
    """Return a command's arguments without aliases; ``-o wide`` and ``--filter`` are kept for the output instead.

    Raises:
        UsageError: a format or a filter is not valid.
    """
    own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    lists = "--json" in own
    words, rest = _until(arguments, "--")
    translated: list[str] = []
    remaining = iter(words)
    for word in remaining:
        name, sign, value = word.partition("=")
        if name in OPTIONS and name not in own and OPTIONS[name] in own:
            translated.append(f"{OPTIONS[name]}{sign}{value}")
        elif lists and name in FORMATS and name not in own:
            translated += _format(value if sign else next(remaining, ""), own, context)
        elif lists and name == FILTER and name not in own:
            if command.name not in FILTERED:
                raise UsageError(
                    f"{FILTER} is for commands that only list, such as ls.", fix=["filter the output of --json with jq"]
                )
            filters.add(context, *_filter(value if sign else next(remaining, "")))
        else:
            translated.append(word)
    if filters.read(context) and any(word in ("-q", "--quiet") for word in translated):
        raise UsageError(f"{FILTER} does not work where only ids are printed.", fix=["use --json and jq"])
    return [*translated, *rest]


def _until(words: list[str], end: str) -> tuple[list[str], list[str]]:
    place = words.index(end) if end in words else len(words)
    return words[:place], words[place:]


def _format(name: str, own: set[str], context: click.Context) -> list[str]:
    """Return the options for a format: json, table (fits the terminal), wide (all columns) or name (only ids)."""
    if name == "json":
        return ["--json"]
    if name == "name" and "-q" in own:
        return ["-q"]
    if name == "wide":
        context.meta[WIDE] = True
        return []
    if name == "table":
        return []
    formats = ["json", "table", "wide", *(["name"] if "-q" in own else [])]
    raise UsageError(f"{name!r} is not a format.", fix=[f"use one of: {', '.join(formats)}"])


def _filter(text: str) -> tuple[str, str]:
    column, sign, value = text.partition("=")
    if not sign or not column:
        raise UsageError(f"{FILTER} {text!r} is not COLUMN=VALUE.", fix=["for example --filter status=Running"])
    return column, value
