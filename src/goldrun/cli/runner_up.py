"""``goldrun runner up``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from goldrun import config, stdio, workflow
from goldrun.cli import output
from goldrun.cli.cache import market_cache
from goldrun.cli.common import JSON, REGION, open_client, open_github, silence
from goldrun.cli.launching import launch_options, read_settings
from goldrun.cli.scopes import read_scope, repository_of, scope_options
from goldrun.cloud.client import EcsClient
from goldrun.durations import format_duration, parse_duration
from goldrun.errors import UsageError
from goldrun.github.client import GitHub
from goldrun.github.scope import Scope
from goldrun.images.resolve import read_manifest
from goldrun.launch.acquire import describe_launch
from goldrun.launch.settings import LaunchSettings
from goldrun.runners import rerun as reruns
from goldrun.runners import versions
from goldrun.runners.bootstrap import Bootstrap
from goldrun.runners.environment import read_mirror, read_proxy
from goldrun.runners.lifecycle import Plan, Runner, bring_up
from goldrun.runners.listing import run_label


@click.command("up")
@scope_options
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="Extra label; can be repeated.")
@click.option("--group", type=click.IntRange(1), default=1, show_default=True, help="Id of the runner group.")
@launch_options
@click.option(
    "--timeout", default="10m", show_default=True, metavar="TIME", help="Longest wait for the runner to come online."
)
@click.option("--job-timeout", default="15m", show_default=True, metavar="TIME", help="Longest wait for a job.")
@click.option(
    "--notice-grace",
    default="2m",
    show_default=True,
    metavar="TIME",
    help="How long a job may continue after a reclaim notice.",
)
@click.option(
    "--setup",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Script to run as root before the job.",
)
@click.option("--rerun-on-reclaim", is_flag=True, help="Print what `runner down` needs to rerun the job.")
@REGION
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print results only.")
def runner_up(
    *,
    repo: str | None,
    org: str | None,
    labels: tuple[str, ...],
    group: int,
    timeout: str,
    job_timeout: str,
    notice_grace: str,
    setup: Path | None,
    rerun_on_reclaim: bool,
    region: str | None,
    as_json: bool,
    quiet: bool,
    **launch: Any,
) -> None:
    """Start a runner for one job and wait until it is online.

    Its name is also a unique label: use it as runs-on. After its job the instance deletes
    itself; it needs a RAM role for that (ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME). Prints RUNNER_NAME=, RUNNER_LABEL= and
    INSTANCE_ID=.

    \b
    Examples:
      goldrun runner up --repo octo-org/octo-repo --image github-runner-ubuntu24 --arch amd64
      goldrun runner up --org octo-org --label gpu --type ecs.gn7i-c8g1.2xlarge --on-demand-fallback
    """
    silence(quiet)
    scope = read_scope(repo, org)
    for label in labels:
        if not label or "," in label or not label.isprintable():
            raise UsageError(f"{label!r} is not a valid label.")
    online = parse_duration(timeout, "--timeout")
    stdio.require_open(os.environ)
    github = open_github()
    client = open_client(region)
    job = reruns.find_this_job(github, repository_of(scope), os.environ) if rerun_on_reclaim else None
    # A runner's user data is goldrun's own.
    settings = read_settings(client, user_data=b"", **launch)
    _require_current_runner(client, github, scope, settings)
    bootstrap = Bootstrap(
        life=settings.life,
        endpoint=config.INSTANCE_ENDPOINT.read(os.environ),
        config_seconds=max(300.0, online),
        job_seconds=parse_duration(job_timeout, "--job-timeout"),
        notice_seconds=parse_duration(notice_grace, "--notice-grace"),
        setup=_read_setup(setup),
    )
    plan = Plan(
        scope=scope,
        launch=settings,
        labels=labels,
        run=run_label(os.environ),
        group=group,
        bootstrap=bootstrap,
        settings=read_proxy(os.environ),
        mirror=read_mirror(os.environ),
        online_seconds=online,
    )
    if not settings.role:
        output.note("without a RAM role it cannot delete itself: it shuts down after its job, and a sweep deletes it.")

    from goldrun.cli.progress import moving

    cache = market_cache(client.clock.machine)
    with moving("starting the runner") as stop:

        def deliver(made: Runner) -> None:
            stop()
            with stdio.required():
                _print(made, job, as_json)

        made = bring_up(client, github, plan, cache=cache, report=output.note, deliver=deliver)
    _summarize(made, settings.life)


def _require_current_runner(client: EcsClient, github: GitHub, scope: Scope, settings: LaunchSettings) -> None:
    """Check that GitHub accepts the image's runner for its whole life; Alibaba Cloud's images get the current one."""
    manifest = read_manifest(client, settings)
    if manifest is None:
        return
    versions.require_current(
        github,
        scope,
        versions.version_in(manifest),
        now=client.clock.now(),
        life=settings.life,
        report=output.note,
    )


def _read_setup(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--setup {str(path)!r} cannot be read as text.") from error


def _print(made: Runner, job: int | None, as_json: bool) -> None:
    values = {"RUNNER_NAME": made.name, "RUNNER_LABEL": made.name, "INSTANCE_ID": made.instance_id}
    if job is not None:
        values["RERUN_JOB_ID"] = str(job)
    for name, value in values.items():
        workflow.write_output(os.environ, name, value)
    output.note(f"{describe_launch(made.launched)} Online after {made.seconds:.0f} s.")
    if as_json:
        from goldrun.cli.json.runners import StartedRunner

        output.result_json(StartedRunner.of(made, job))
        return
    for name, value in values.items():
        output.result(f"{name}={value}")


def _summarize(made: Runner, life: float) -> None:
    """Write a step summary in GitHub Actions: the offer, its price and the runner's life."""
    offer = made.launched.offer
    rows = [("runner", f"`{made.name}`"), ("instance", f"`{made.instance_id}`")]
    if offer:
        limit = f", at most {made.launched.limit:.3f}" if made.launched.limit is not None else ""
        rows += [
            ("type", f"{offer.type} in {offer.zone}"),
            (
                "price per hour",
                f"{offer.price:.3f} {offer.currency}{limit} ({offer.saving:.0%} below the list price)",
            ),
        ]
    rows += [("online after", f"{made.seconds:.0f} s"), ("life", f"one job, {format_duration(life)} at most")]
    table = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    workflow.write_summary(os.environ, "\n".join(["### Spot runner", "", *table, ""]))
