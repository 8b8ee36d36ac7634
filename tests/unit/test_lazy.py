"""Groups of commands: their help."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from goldrun.cli.lazy import LazyGroup
from goldrun.cli.main import goldrun


def groups() -> list[str]:
    context = click.Context(goldrun)
    found = ((noun, goldrun.get_command(context, noun)) for noun in goldrun.list_commands(context))
    return [noun for noun, command in found if isinstance(command, LazyGroup)]


@pytest.mark.parametrize("noun", groups())
def test_the_help_of_a_group_cuts_no_sentence(noun: str) -> None:
    """In 80 columns, click wrote `Build RECIPE's image, boot-test it, publish it and prune old...`."""
    shown = CliRunner().invoke(goldrun, [noun, "--help"], terminal_width=80)
    _, _, commands = shown.output.partition("Commands:\n")
    assert commands
    assert "..." not in commands
    assert max(map(len, commands.splitlines())) <= 80
