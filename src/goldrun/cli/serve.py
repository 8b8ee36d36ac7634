"""``goldrun serve``."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldrun import config as variables
from goldrun import extras, interrupts, stdio
from goldrun.cli import output
from goldrun.cli.cache import market_cache
from goldrun.cli.common import JSON, REGION, open_client, open_github, silence
from goldrun.cli.lazy import LazyGroup
from goldrun.clock import Clock, SystemClock
from goldrun.errors import EXIT_INTERRUPTED, EXIT_UNAVAILABLE, GoldrunError, UsageError
from goldrun.http.endpoint import split_url
from goldrun.serve.config import schema
from goldrun.serve.loading import load
from goldrun.serve.metrics_server import parse_address, start_metrics_server
from goldrun.serve.scale_set_spec import ScaleSetSpec, scale_set_specs

if TYPE_CHECKING:  # --help must not pay for a client
    from goldrun.cloud.client import EcsClient
    from goldrun.github.client import GitHub
    from goldrun.http.transport import Transport
    from goldrun.report import Report
    from goldrun.serve.metrics_server import Address
    from goldrun.serve.telemetry import Telemetry

FILE = click.argument("file", metavar="CONFIG.toml", type=click.Path(path_type=Path, dir_okay=False))
LOGS = ("text", "json")


class _Serve(LazyGroup):
    """``goldrun serve CONFIG.toml`` is ``goldrun serve run CONFIG.toml``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See ``click.Group``."""
        known = (*self.commands, *ctx.help_option_names)
        if args and not any(word in known for word in args[:1]):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Serve)
def serve() -> None:
    """Run jobs by label, with as many runners as GitHub's runner scale sets request.

    \b
    Examples:
      goldrun serve runners.toml
      goldrun serve runners.toml --plan
      goldrun serve check runners.toml
    """


@serve.command("run")
@FILE
@click.option("--plan", is_flag=True, help="Show the plan and change nothing.")
@click.option("--name", metavar="NAME", help="Name of this server at GitHub (default: host name and process id).")
@click.option("--log", type=click.Choice(LOGS), default=LOGS[0], show_default=True, help="Format of the events.")
@click.option("--listen", metavar="HOST:PORT", help="Serve /metrics, /healthz and /readyz over HTTP on this address.")
@REGION
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print results only.")
def serve_run(
    *,
    file: Path,
    plan: bool,
    name: str | None,
    log: str,
    listen: str | None,
    region: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Serve the profiles of CONFIG.toml until stopped (Ctrl-C, SIGTERM).

    Start a second server as a standby: it takes over when the first one ends. The file is read again when it changes,
    or on SIGHUP. Jobs and instances outlive the server.

    \b
    Examples:
      goldrun serve run runners.toml
      goldrun serve run runners.toml --plan --json
    """
    silence(quiet)
    from goldrun.serve.log import json_lines

    report = json_lines(stdio.to_stderr, SystemClock()) if log == "json" else output.note
    with _as_events(report) if log == "json" else contextlib.nullcontext():
        if as_json and not plan:
            raise UsageError("--json is for --plan: a server prints no result.", fix=["use --log json for its events."])
        sets = scale_set_specs(load(file), file.parent)
        address = parse_address(listen) if listen is not None else None
        collects = bool(_read_collector())
        if plan:
            _plan(sets, region, as_json)
        else:
            _serve(file, sets, region, name, address, report, collects=collects)


@serve.command("check")
@FILE
def serve_check(file: Path) -> None:
    """Check CONFIG.toml; report every mistake with its line.

    \b
    Example:
      goldrun serve check runners.toml
    """
    sets = scale_set_specs(load(file), file.parent)
    output.note(f"{file} is valid.")
    for wanted in sets:
        output.result(f"{wanted.name}\t{wanted.scope}")


@serve.command("schema")
def serve_schema() -> None:
    """Print the JSON schema of the configuration, for editors."""
    output.result_json(schema())


def _read_collector() -> str:
    """Return the address of an OpenTelemetry collector; empty: there is none.

    Raises:
        UsageError: it is not valid.
    """
    text = variables.OTEL_ENDPOINT.read(os.environ)
    address = split_url(text)
    if text and (address.scheme not in ("http", "https") or not address.hostname):
        what = f"{variables.OTEL_ENDPOINT.names[0]} is not the address of a collector: {text!r}."
        raise UsageError(what, fix=["for example http://127.0.0.1:4318."])
    return text


def _telemetry(server: str, report: Report) -> Telemetry:
    """Return what sends traces and metrics to an OpenTelemetry collector.

    Raises:
        UsageError: the extra is not installed.
    """
    try:
        from goldrun.serve.telemetry import Telemetry
    except ModuleNotFoundError as missing:
        why = f"{variables.OTEL_ENDPOINT.names[0]} is set."
        raise extras.explain(missing, why) or missing from None
    return Telemetry(server, report)


def _require_access(client: EcsClient, github: GitHub, sets: list[ScaleSetSpec], report: Report) -> None:
    """Check the keys, the token and the runner groups before anything is begun; an outage is waited for later.

    Raises:
        GoldrunError: one is refused, or missing.
    """
    from goldrun.cloud.instances import describe_instances
    from goldrun.github.actions_service import ActionsService
    from goldrun.github.scale_sets import find_group

    try:
        describe_instances(client, tags=sets[0].tags())
        for scope, group in dict.fromkeys((wanted.scope, wanted.group) for wanted in sets):
            find_group(ActionsService(github, scope), group)
    except GoldrunError as error:
        if error.exit_code != EXIT_UNAVAILABLE:
            raise
        report(f"{error.what} The server keeps trying.")


def _note_budget(client: EcsClient, sets: list[ScaleSetSpec], report: Report) -> None:
    """Say what keeps a role with goldrun's policy from keeping a budget's count."""
    from goldrun.cloud.network import group_tags
    from goldrun.cloud.tags import MANAGED_BY
    from goldrun.serve.ledger import has_budget

    group = sets[0].network.security_group or variables.SECURITY_GROUP.read(os.environ)
    if any(has_budget(wanted) for wanted in sets) and not MANAGED_BY.matches(group_tags(client, group)):
        report(
            f"budgets are counted in tags of {group}, which has no tag {MANAGED_BY.key}={MANAGED_BY.values[0]}: "
            "goldrun's own policy does not allow that."
        )


@contextlib.contextmanager
def _as_events(report: Report) -> Iterator[None]:
    """Report what ends the server as everything else: whoever reads lines of JSON gets nothing but them."""
    from goldrun.serve.log import failed

    interrupts.end_once()
    try:
        yield
    except GoldrunError as error:
        more = " ".join(getattr(error, "__notes__", ()))
        report(failed(error.what, error, why=" ".join(error.why), fix=" ".join(error.fix), note=more))
        raise click.exceptions.Exit(error.exit_code) from error
    except KeyboardInterrupt as ended:
        report("interrupted")
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from ended


def _serve(
    file: Path,
    sets: list[ScaleSetSpec],
    region: str | None,
    name: str | None,
    address: Address | None,
    report: Report,
    *,
    collects: bool,
) -> None:
    client, github = open_client(region), open_github()
    for wanted in sets:
        wanted.settings(os.environ, client.region)  # what is missing is said before anything is begun
    if not (sets[0].network.role or variables.ROLE.read(os.environ)):
        report("without a RAM role instances cannot delete themselves: only this server, and a sweep, delete them.")
    from goldrun.serve.counted import CountedTransport
    from goldrun.serve.recorder import Recorder
    from goldrun.serve.server import Server
    from goldrun.serve.watching import run

    trace = output.trace()

    def clients(clock: Clock) -> tuple[EcsClient, GitHub]:
        from goldrun.cloud.client import connect
        from goldrun.github.connection import connect as connect_github

        return (
            connect(os.environ, clock, region=client.region, notice=report, trace=trace, wrap=counted),
            connect_github(os.environ, clock, notice=report, trace=trace, wrap=counted),
        )

    def counted(transport: Transport) -> Transport:
        return CountedTransport(transport, recorder)

    owner = name or f"{platform.node()}-{os.getpid()}"
    if address:
        from goldrun.serve.metrics import Metrics

        metrics = Metrics()
    else:
        metrics = None
    telemetry = _telemetry(owner, report) if collects else None
    recorder = Recorder(SystemClock(), [sink for sink in (metrics, telemetry) if sink], telemetry)
    _require_access(client, github, sets, report)
    _note_budget(client, sets, report)
    server = Server(
        clients,
        os.environ,
        owner=owner,
        report=report,
        cache=market_cache(client.clock.machine),
        observer=recorder,
    )
    if address and metrics:
        token = variables.METRICS_TOKEN.read(os.environ)
        port = start_metrics_server(address, token, metrics.text, recorder.stuck, server.unconnected, SystemClock())
        address = address._replace(port=port)
        report(f"metrics are at http://{address}/metrics.")
    try:
        run(server, file, SystemClock(), report, lambda: report(f"serving {', '.join(one.name for one in sets)}."))
    finally:
        if telemetry:
            telemetry.close()


def _plan(sets: list[ScaleSetSpec], region: str | None, as_json: bool) -> None:
    from goldrun.serve.observer import Observer
    from goldrun.serve.plan import make_plan
    from goldrun.serve.preparation import Preparation

    client, github = open_client(region), open_github()
    env, report, nobody = os.environ, output.note, Observer()
    plans = [make_plan(client, github, one, Preparation(client, github, one, env, report, nobody)) for one in sets]
    if as_json:
        from goldrun.cli.json.serve import PlannedSet

        output.result_json([PlannedSet.of(plan) for plan in plans])
        return
    output.table(
        ("SET", "SCOPE", "AT GITHUB", "JOBS", "MACHINES", "STOPPED", "LAUNCH", "DELETE", "IMAGE"),
        [
            (
                plan.spec.name,
                str(plan.spec.scope),
                "exists" if plan.exists else "new",
                str(plan.assigned),
                str(plan.machines),
                str(plan.stopped),
                str(plan.launches),
                str(plan.deletions),
                plan.image,
            )
            for plan in plans
        ],
    )
