"""Groups whose commands are imported when they are called."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from gettext import gettext
from typing import Any

import click

from goldrun import language
from goldrun.cli import aliases

WHOLE = 1000  # characters: no sentence is as long


class LazyGroup(click.Group):
    """Imports a command's module when that command is called: a look-up must not load the modules of a build.

    It also understands the aliases of its commands and of their options.

    Args:
        lazy: where each command is, ``{"build": "goldrun.cli.image_build:image_build"}``.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in alphabetical order."""
        return sorted({*super().list_commands(ctx), *self._lazy})

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its whole sentence: click cuts it where the line ends."""
        with formatter.section(gettext("Commands")):  # click's own message
            formatter.write_dl(self.summaries(ctx))

    def summaries(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Return the commands' names, and the first sentence of each one's help."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        return [(name, one.get_short_help_str(WHOLE)) for name, one in found if one is not None and not one.hidden]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with aliases; and it suggests commands that are not imported yet."""
        typed = args[0]
        if not ctx.resilient_parsing and self.get_command(ctx, typed) is None:
            from difflib import get_close_matches  # takes as long to load as this module

            if near := get_close_matches(typed, self.list_commands(ctx), n=1):
                ctx.fail(language.say(os.environ, f"No such command {typed!r}. Did you mean {near[0]!r}?"))
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not isinstance(command, click.Group):
            rest = aliases.translate(command, ctx, rest)
        return name, command, rest

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command; import it now if it is a lazy one."""
        cmd_name = aliases.resolve(cmd_name, {*self.commands, *self._lazy})
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, _, name = self._lazy[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return in_language(command)


def in_language(command: click.Command) -> click.Command:
    """Return the command, its help in the language that the environment requests."""
    if language.speaks_chinese(os.environ):
        from goldrun.cli import translated

        translated.translate_help(command)
    return command
