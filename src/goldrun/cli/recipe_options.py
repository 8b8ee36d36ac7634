"""The options that give a recipe's parameters their values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_OPTIONS = (
    click.option(
        "--set",
        "words",
        multiple=True,
        metavar="NAME=VALUE",
        help="Value of a recipe parameter; can be repeated.",
    ),
    click.option(
        "--parameters",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="TOML file with parameter values; --set takes precedence.",
    ),
)


def parameter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
