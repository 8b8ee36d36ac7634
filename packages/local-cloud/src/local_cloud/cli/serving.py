"""The server: start it, find it, stop it; print the variables to use it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from socket import socket
from typing import Any

import click
from click.core import ParameterSource

from goldrun.cli import output
from goldrun.cli.common import Number
from goldrun.clock import SystemClock
from goldrun.errors import UsageError
from local_cloud import daemon
from local_cloud.cli.common import DATA, JSON, control, machines_folder, plain
from local_cloud.cli.shells import SHELLS
from local_cloud.listening import require_listening


@click.command()
@DATA
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=daemon.DEFAULT_PORT,
    show_default=True,
    help="0: a free one.",
)
@click.option("--detach", "-d", is_flag=True, help="Run in the background; return when it answers.")
@click.option("--speed", type=Number(0, 1e6), help="Speed of time: 60 makes a minute take a second.")
@click.option("--seed", is_flag=True, help="Add the realistic account (as `goldrun local seed`).")
@click.option(
    "--machines",
    type=click.Choice(["simulated", "qemu"]),
    default="simulated",
    show_default=True,
    help="Kind of instances: simulated ones run nothing, qemu boots virtual machines.",
)
@click.option(
    "--run-jobs-here",
    is_flag=True,
    help="Run jobs of simulated instances on this computer, as you; otherwise they fail.",
)
@click.option(
    "--tls", "with_tls", is_flag=True, help="Answer https too, on the next port, with a certificate of its own."
)
def up(
    data: Path,
    port: int,
    detach: bool,
    speed: float | None,
    seed: bool,
    machines: str,
    run_jobs_here: bool,
    with_tls: bool,
) -> None:
    """Start the local cloud.

    \b
    Examples:
      goldrun local up --detach --seed && eval "$(goldrun local env)"
      goldrun local up --port 0 --speed 60
    """
    if found := daemon.find(data):
        if not detach:
            raise UsageError(
                f"The local cloud is already up, with this data file: {found[0].url}.",
                fix=["goldrun local down", "or another data file: --data FILE"],
            )
        _require_same(found[0], found[1], port, machines, run_jobs_here, with_tls)
        output.note(f"the local cloud is already up: {found[0].url} (goldrun local down stops it).")
        if speed is not None:
            control(data, "POST", "clock", {"speed": speed})
        if seed:
            control(data, "POST", "seed")
        return
    if detach:
        for taken in _listen(port, with_tls):
            taken.close()
        daemon.make_room(data)
        arguments = ["--port", str(port)]
        arguments += ["--speed", str(speed)] if speed is not None else []
        arguments += ["--seed"] if seed else []
        arguments += ["--machines", machines]
        arguments += ["--run-jobs-here"] if run_jobs_here else []
        arguments += ["--tls"] if with_tls else []
        running = daemon.start(data, arguments, SystemClock())
        named = _given("data") and f" --data {shlex.quote(str(data))}"
        output.note(f'the local cloud is up: {running.url}. Use it: eval "$(goldrun local env{named or ""})"')
        return
    _serve(data, port, speed, seed, machines, run_jobs_here, with_tls)


def _given(option: str) -> bool:
    """Return whether an option was typed."""
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


def _require_same(
    running: daemon.Running, status: dict[str, Any], port: int, machines: str, run_jobs_here: bool, with_tls: bool
) -> None:
    """Check that the running local cloud has the options of this command.

    Raises:
        UsageError: it was started with other options.
    """
    others = {
        f"it listens on port {running.port}, not {port}": _given("port") and port not in (0, running.port),
        f"its instances are {status['machines']}": _given("machines") and machines != status["machines"],
        "it does not run jobs on this computer": run_jobs_here and not status["runs_jobs"],
        "it does not answer https": with_tls and not running.https_port,
    }
    if why := [f"{words}." for words, differs in others.items() if differs]:
        raise UsageError(
            "The local cloud is already up, with other options.",
            why=why,
            fix=["goldrun local down, then start it again; its data stays."],
        )


def _listen(port: int, with_tls: bool) -> list[socket]:
    """Return a socket that listens on the port, and with TLS one on the next: before anything is created.

    Raises:
        UsageError: a port cannot be used.
    """
    return [require_listening(port), *([require_listening(port and port + 1)] if with_tls else [])]


def _serve(
    data: Path, port: int, speed: float | None, seed: bool, machines: str, run_jobs_here: bool, with_tls: bool
) -> None:
    from local_cloud.seed import populate
    from local_cloud.server import LocalCloud

    listening, *secured = _listen(port, with_tls)
    listening_securely = secured[0] if secured else None
    daemon.make_room(data)
    cloud = LocalCloud(
        data, machines=machines_folder(data) if machines == "qemu" else None, run_jobs_here=run_jobs_here
    )
    if speed is not None:
        cloud.clock.set_speed(speed)
        cloud.store.save_anchor(cloud.clock.anchor)
    if seed:
        populate(cloud.store, cloud.clock.now())
    secure = None
    if listening_securely:
        from local_cloud import tls  # takes as long to load as a short command of `local`

        secure = (listening_securely, tls.prepare(data, SystemClock().now()))
    chosen = listening.getsockname()[1]

    def ready() -> None:
        https_port = listening_securely.getsockname()[1] if listening_securely else 0
        daemon.write_note(data, chosen, cloud.token, https_port)
        output.note(f"the local cloud listens on http://127.0.0.1:{chosen}; Ctrl-C stops it.")
        if https_port:
            output.note(f"and on https://127.0.0.1:{https_port}.")

    try:
        cloud.serve(listening, ready, secure)
    finally:
        daemon.note_of(data).unlink(missing_ok=True)


@click.command()
@DATA
def down(data: Path) -> None:
    """Stop the local cloud; its data stays."""
    stopped = daemon.stop(data, SystemClock())
    output.note("the local cloud is down." if stopped else "the local cloud was not running.")


@click.command()
@DATA
@JSON
def status(data: Path, as_json: bool) -> None:
    """Show whether the local cloud runs, and what it contains."""
    running, status = daemon.require(data)
    if as_json:
        output.result_json({"url": running.url, **status})
        return
    calls = ", ".join(f"{name} {count}" for name, count in status.pop("calls").items())
    rows = [("url", running.url), *((key, plain(value)) for key, value in status.items()), ("calls", calls)]
    output.table(("FIELD", "VALUE"), rows)


@click.command()
@DATA
@click.option(
    "--format",
    "shell",
    type=click.Choice(list(SHELLS)),
    default="bash",
    show_default=True,
    help="Shell to print for; bash works for every POSIX shell.",
)
@click.option("--unset", is_flag=True, help="Remove the variables again.")
def env(data: Path, shell: str, unset: bool) -> None:
    """Print the variables that make goldrun use the local cloud: eval "$(goldrun local env)".

    The official CLI, Packer and Terraform read them too. The CLI also needs --insecure, or `goldrun local up --tls`.

    \b
    Examples:
      eval "$(goldrun local env)"
      goldrun local env --format fish | source
      eval "$(goldrun local env --unset)"
    """
    statements = SHELLS[shell]
    if unset:
        if statements.unset is None:
            raise UsageError(f"--unset does not work with --format {shell}.")
        for name in (*daemon.USUAL, *daemon.left_in(os.environ, data)):
            output.result(statements.unset(name))
        return
    running, status = daemon.require(data)
    found = daemon.variables(running.url, status["machines"], running.https_url, data)
    for name, value in found.items():
        output.result(statements.set(name, value))
    if statements.unset is not None:
        for name in daemon.left_in(os.environ, data):  # by one that was up before
            if name not in found:
                output.result(statements.unset(name))
