"""Colours on terminals that may have them; see https://no-color.org."""

from __future__ import annotations

import os
import sys
from typing import TextIO

import click

from goldrun import stdio, workflow


def coloured(text: str, colour: str) -> str:
    """Return text for stderr, in a colour if that is a terminal that may have one."""
    return click.style(text, fg=colour) if may_colour(sys.stderr) else text


def mark(text: str, colour: str) -> str:
    """Return text for stdout, in a colour and bold if that is a terminal that may have both."""
    return click.style(text, fg=colour, bold=True) if may_colour(sys.stdout) else text


def wants_plain() -> bool:
    """Return whether the environment requests text without colours."""
    return bool(os.environ.get("NO_COLOR"))


def on_stdout() -> bool:
    """Return whether stdout shows colours."""
    return stdio.is_terminal(sys.stdout) and not wants_plain()


def may_colour(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal that may have colours."""
    return stdio.is_terminal(stream) and not wants_plain() and not workflow.in_workflow(os.environ)
