"""How shells set and remove environment variables."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import NamedTuple


class Shell(NamedTuple):
    """A shell's statements.

    Attributes:
        set: returns the statement that sets and exports a variable.
        unset: returns the statement that removes one; None: there is none.
    """

    set: Callable[[str, str], str]
    unset: Callable[[str], str] | None


def _fish(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _powershell(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"


def _dotenv(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


SHELLS = {
    "bash": Shell(lambda name, value: f"export {name}={shlex.quote(value)}", lambda name: f"unset {name}"),
    "fish": Shell(lambda name, value: f"set -gx {name} {_fish(value)}", lambda name: f"set -e {name}"),
    "powershell": Shell(
        lambda name, value: f"$env:{name} = {_powershell(value)}",
        lambda name: f"Remove-Item Env:{name} -ErrorAction SilentlyContinue",
    ),
    "dotenv": Shell(lambda name, value: f"{name}={_dotenv(value)}", None),
}
