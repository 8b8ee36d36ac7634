"""``goldrun local record``: a client's calls and their answers, as a file that tests can replay."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import click

from goldrun.cli import output
from goldrun.cli.files import write_result
from goldrun.clock import SystemClock
from goldrun.errors import UsageError
from goldrun.waiting import every, looks
from local_cloud import daemon
from local_cloud.cli.common import DATA, control

LOOK_SECONDS = 1.0


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@DATA
@click.option("--client", default="", metavar="TEXT", help="Client and its version, for the recording's first line.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("command", nargs=-1)
def record(data: Path, client: str, file: Path, command: tuple[str, ...]) -> None:
    """Record every API call, and its answer, in FILE: while COMMAND runs, or until Ctrl-C.

    COMMAND gets the variables of `goldrun local env`. A line of FILE is a call, as JSON. Signatures, keys,
    passwords, user data, commands and files are left out.

    \b
    Examples:
      goldrun local record packer.jsonl packer build image.pkr.hcl
      goldrun local record --client "aliyun 3.4.11" cli.jsonl aliyun ecs DescribeRegions
    """
    running, status = daemon.require(data)
    try:
        file.touch()
    except OSError as error:
        raise UsageError(f"{file} cannot be written.", why=[f"{error.strerror}."]) from error
    control(data, "POST", "recording")
    code = 0
    try:
        if command:
            more = daemon.variables(running.url, status["machines"], running.https_url, data)
            code = _run(command, {**os.environ, **more})
        else:
            output.note("recording; Ctrl-C ends it.")
            with contextlib.suppress(KeyboardInterrupt):
                for _ in looks(SystemClock(), often=every(LOOK_SECONDS)):
                    daemon.require(data)
    finally:
        recorded = control(data, "DELETE", "recording")
        _write(file, {"client": client, "url": running.url}, recorded["calls"])
        output.note(f"{len(recorded['calls'])} calls recorded in {file}.")
        if recorded["lost"]:
            output.note(f"{recorded['lost']} more calls were too many.")
    click.get_current_context().exit(code)


def _run(command: tuple[str, ...], env: dict[str, str]) -> int:
    """Run a command and return its exit code, as a shell would."""
    try:
        code = subprocess.run(command, env=env, check=False).returncode
    except OSError as error:
        raise UsageError(f"{command[0]} cannot be run.", why=[f"{error.strerror}."]) from error
    return code if code >= 0 else 128 - code


def _write(file: Path, head: dict[str, str], calls: list[dict[str, Any]]) -> None:
    lines = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in (head, *calls))
    write_result(file, "".join(f"{line}\n" for line in lines))
