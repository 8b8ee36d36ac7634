"""Other names of commands and options that hands type, from docker, kubectl, gh and aliyun: they work, hidden.

An option is translated where the command has the one that is meant, and none of that name.
"""

from __future__ import annotations

from collections.abc import Iterable

import click

from goldrun.errors import UsageError

# The first of the meanings that the group has.
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
# Commands that only look. Elsewhere a filter would hide what is done, and change nothing of it.
FILTERED = ("ls", "history", "show", "cost", "doctor", "diff")


def meant(typed: str, known: Iterable[str]) -> str:
    """Return the command that is meant by another name; what was typed if none is."""
    names = {*known}
    if typed in names:
        return typed
    return next((name for name in COMMANDS.get(typed, ()) if name in names), typed)


def translate(command: click.Command, context: click.Context, arguments: list[str]) -> list[str]:
    """Return the arguments of a command in its own words; what concerns the output is kept for it.

    Raises:
        UsageError: a format or a filter is not valid.
    """
    own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    lists = "--json" in own
    words, rest = _until(arguments, "--")
    translated: list[str] = []
    waiting = iter(words)
    for word in waiting:
        name, sign, value = word.partition("=")
        if name in OPTIONS and name not in own and OPTIONS[name] in own:
            translated.append(f"{OPTIONS[name]}{sign}{value}")
        elif lists and name in FORMATS and name not in own:
            translated += _format(value if sign else next(waiting, ""), own, context)
        elif lists and name == FILTER and name not in own:
            if command.name not in FILTERED:
                raise UsageError(
                    f"{FILTER} is for commands that only list, such as ls.", fix=["filter what --json prints: jq"]
                )
            _keep(context, "filters", _filter(value if sign else next(waiting, "")))
        else:
            translated.append(word)
    kept = context.find_root().obj or {}
    if kept.get("filters") and any(word in ("-q", "--quiet") for word in translated):
        raise UsageError(f"{FILTER} does not work with ids alone.", fix=["--json, and jq"])
    return [*translated, *rest]


def adopt(command: click.Command) -> click.Command:
    """Return the command, which understands other words for its options too."""
    if isinstance(command, click.Group) or "parse_args" in vars(command):
        return command
    parse = command.parse_args

    def parse_args(ctx: click.Context, args: list[str]) -> list[str]:
        return parse(ctx, translate(command, ctx, args))

    vars(command)["parse_args"] = parse_args
    return command


def _until(words: list[str], end: str) -> tuple[list[str], list[str]]:
    place = words.index(end) if end in words else len(words)
    return words[:place], words[place:]


def _format(name: str, own: set[str], context: click.Context) -> list[str]:
    """Return the options for a format: json, table (which fits the terminal), wide (all columns), name (ids alone)."""
    if name == "json":
        return ["--json"]
    if name == "name" and "-q" in own:
        return ["-q"]
    if name == "wide":
        _keep(context, "wide", True)
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


def _keep(context: click.Context, name: str, value: object) -> None:
    kept = context.find_root().obj
    if kept is None:
        return
    if isinstance(value, tuple):
        kept.setdefault(name, []).append(value)
    else:
        kept[name] = value
