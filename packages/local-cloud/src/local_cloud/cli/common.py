"""What the commands share: the data file, and calls of the control API."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from goldrun import config
from local_cloud import daemon
from local_cloud.control_client import call_control


def _data_file(_: click.Context, __: click.Parameter, value: Path | None) -> Path:
    named = value or (Path(text) if (text := config.LOCAL_DATA.read(os.environ)) else None)
    return (named or daemon.default_data()).absolute()


DATA = click.option(
    "--data",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_data_file,
    help="The data file. [env: GOLDRUN_LOCAL_DATA; default: in the user's cache directory]",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def control(data: Path, method: str, name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call the control API of the local cloud that serves ``data``.

    Raises:
        UnavailableError: no local cloud answers.
        UsageError: it refused the call.
    """
    running, _ = daemon.require(data)
    return call_control(running.port, running.token, method, name, body)


def machines_folder(data: Path) -> Path:
    """Return the folder of the virtual machines beside a data file."""
    return data.with_name(f"{data.name}.machines")


def plain(value: object) -> str:
    """Return a member of an answer as a table's cell."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(plain, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
