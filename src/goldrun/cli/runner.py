"""``goldrun runner``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from goldrun import config, telling, workflow
from goldrun.cli import output
from goldrun.cli.cache import market_cache
from goldrun.cli.common import JSON, REGION, YES, confirm, open_client, place_of, require_consent, silence
from goldrun.cli.ordering import PROTECT, read_command, read_life, read_protection
from goldrun.cli.spot import POLICY, wish_options
from goldrun.clock import SystemClock
from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import check_id
from goldrun.durations import format_duration, parse_duration
from goldrun.errors import NotFoundError, UsageError
from goldrun.github import client as githubs
from goldrun.github.client import GitHub
from goldrun.github.scope import Scope, organization_scope, repository_scope
from goldrun.images.order import read_manifest
from goldrun.launch.order import Order, describe_launch
from goldrun.runners import rerun as reruns
from goldrun.runners import versions
from goldrun.runners.bootstrap import Bootstrap
from goldrun.runners.lifecycle import Gone, Plan, Runner, bring_down, bring_up
from goldrun.runners.listing import list_runners, names_of_run, resolve, rows_as_json, run_label

COLUMNS = ("NAME", "STATE", "AGE", "INSTANCE", "TYPE", "LABELS")
Command = TypeVar("Command", bound=Callable[..., object])
REPOSITORY = click.option("--repo", metavar="OWNER/NAME", help="The repository. [env: GITHUB_REPOSITORY]")
RERUN_WORKFLOW = "goldrun-rerun.yml"


def scope_options(command: Command) -> Command:
    """The options that say whose runner is meant; ``_scope`` reads them."""
    command = click.option("--org", metavar="NAME", help="The organization, instead of a repository.")(command)
    return REPOSITORY(command)


@click.group()
def runner() -> None:
    """Start, list and stop runners that live for one job.

    GitHub's token comes from GOLDRUN_GITHUB_TOKEN: a GitHub App's or a fine-grained one that may administer runners.
    """


@runner.command("up")
@scope_options
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="Beside its own name; can be repeated.")
@click.option("--group", type=click.IntRange(1), default=1, show_default=True, help="Number of its runner group.")
@click.option("--image", metavar="NAME", help="Image id, name or FAMILY[:CHANNEL]. [env: ALIYUN_IMAGE_ID, IMAGE_NAME]")
@wish_options
@POLICY
@click.option("--on-demand-fallback", is_flag=True, help="Take the list price when there is no spot offer.")
@click.option("--life", metavar="TIME", help="It ends after that, whatever it does; 30m at least. [default: 4h]")
@click.option("--timeout", default="10m", show_default=True, metavar="TIME", help="How long it may take to be online.")
@click.option("--job-timeout", default="15m", show_default=True, metavar="TIME", help="How long it waits for a job.")
@click.option(
    "--notice-grace",
    default="2m",
    show_default=True,
    metavar="TIME",
    help="How long a job goes on after a spot notice.",
)
@click.option("--setup", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A script root runs first.")
@click.option("--disk-size", type=click.IntRange(20, 2048), metavar="GIB", help="Size of the system disk.")
@click.option("--encrypted", is_flag=True, help="Encrypt the system disk.")
@click.option("--public-ip", is_flag=True, help="Give it an address on the internet.")
@PROTECT
@click.option("--rerun-on-reclaim", is_flag=True, help="Print what `runner down` needs to have the job run again.")
@REGION
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print results only.")
def runner_up(
    *,
    repo: str | None,
    org: str | None,
    labels: tuple[str, ...],
    group: int,
    image: str | None,
    policy: str,
    on_demand_fallback: bool,
    life: str | None,
    timeout: str,
    job_timeout: str,
    notice_grace: str,
    setup: Path | None,
    disk_size: int | None,
    encrypted: bool,
    public_ip: bool,
    protect: str | None,
    rerun_on_reclaim: bool,
    region: str | None,
    as_json: bool,
    quiet: bool,
    **wish: Any,
) -> None:
    """Start a runner for one job, and return when GitHub sees it online.

    Jobs ask for it by its own name, which is a label that no other runner has. After its job the instance deletes
    itself; it needs a RAM role for that (ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME). Prints RUNNER_NAME=, RUNNER_LABEL= and
    INSTANCE_ID=.

    \b
    Examples:
      goldrun runner up --repo octo-org/octo-repo --image github-runner-ubuntu24 --arch amd64
      goldrun runner up --org octo-org --label gpu --type ecs.gn7i-c8g1.2xlarge --on-demand-fallback
    """
    silence(quiet)
    scope = _scope(repo, org)
    for label in labels:
        if not label or "," in label or not label.isprintable():
            raise UsageError(f"{label!r} is no label.")
    online = parse_duration(timeout)
    telling.require_open(os.environ)
    github = _open_github()
    client = open_client(region)
    job = reruns.find_this_job(github, _repository(scope), os.environ) if rerun_on_reclaim else None
    order = read_command(
        client,
        image=image,
        policy=policy,
        on_demand_fallback=on_demand_fallback,
        request={
            "life": read_life(life),
            "disk_size": disk_size,
            "encrypted": encrypted,
            "public_ip": public_ip,
            "protected": read_protection(protect),
            "user_data": b"",
        },
        wish=wish,
    )
    _require_current_runner(client, github, scope, order)
    bootstrap = Bootstrap(
        life=order.request.life,
        endpoint=config.INSTANCE_ENDPOINT.read(os.environ),
        config_seconds=max(300.0, online),
        job_seconds=parse_duration(job_timeout),
        notice_seconds=parse_duration(notice_grace),
        setup=_read_setup(setup),
    )
    plan = Plan(
        scope=scope,
        order=order,
        labels=labels,
        run=run_label(os.environ),
        group=group,
        bootstrap=bootstrap,
        settings=_proxy(),
        mirror=_mirror(),
        online_seconds=online,
    )
    if not order.request.role:
        output.note(
            "without a RAM role it cannot delete itself: it is switched off after its job, for a sweep to delete."
        )

    def deliver(made: Runner) -> None:
        with telling.required():
            _print(made, job, as_json)

    made = bring_up(client, github, plan, cache=market_cache(client.clock.machine), tell=output.note, deliver=deliver)
    _summarize(made, order.request.life)


@runner.command("down")
@click.argument("name", metavar="[NAME|ID]", required=False)
@click.option("--this-run", is_flag=True, help="Every runner that this workflow run has started, also half.")
@scope_options
@click.option("--instance", "instance_id", metavar="ID", help="Its instance, to know whether the market took it back.")
@click.option("--rerun-job", metavar="JOB", help="If it did: have that job run again, as `runner up` has printed it.")
@click.option("--rerun-workflow", default=RERUN_WORKFLOW, show_default=True, help="The workflow that does it.")
@click.option("--missing-ok", is_flag=True, help="One that neither side has is no error: its job may be done.")
@YES
@REGION
def runner_down(
    name: str | None,
    this_run: bool,
    repo: str | None,
    org: str | None,
    instance_id: str | None,
    rerun_job: str | None,
    rerun_workflow: str,
    missing_ok: bool,
    yes: bool,
    region: str | None,
) -> None:
    """Delete a runner: its instance and its registration, and see that both are gone. Prints RECLAIMED=true|false."""
    if (name is None) != this_run:
        raise UsageError("Name a runner, or say --this-run.")
    scope = _scope(repo, org)
    label = run_label(os.environ)
    if this_run and not label:
        raise UsageError("--this-run means a workflow run, and this is none (GITHUB_RUN_ID is not set).")
    if name == "":
        raise UsageError("The runner's name is empty.", fix=["goldrun runner ls shows names."])
    if instance_id is not None:
        check_id(instance_id)
    require_consent("The deletion", yes=yes)
    run = config.Variable(("GITHUB_RUN_ID",), "the workflow run").require(os.environ) if rerun_job else ""
    github = _open_github()
    client = open_client(region)
    if name is None:
        names = names_of_run(client, github, scope, label)
        if not names:
            output.note(f"this run has no runners, in {client.region} and with {scope}.")
    else:
        names = [resolve(client, github, scope, name)]
    reclaimed = False
    if names and not confirm("Delete?", (f"would delete: {one}" for one in names), place_of(client), yes=yes):
        return
    for one in names:
        gone = bring_down(client, github, scope, one, instance_id or "")
        _tell_gone(one, gone, client.region, scope, missing_ok=missing_ok)
        reclaimed = reclaimed or gone.reclaimed
    output.result(f"RECLAIMED={str(reclaimed).lower()}")
    workflow.write_output(os.environ, "RECLAIMED", str(reclaimed).lower())
    if reclaimed and rerun_job:
        reruns.ask_for_rerun(github, _repository(scope), rerun_workflow, _ref(), run, rerun_job)
        output.note(f"the spot market took it back: {rerun_workflow} runs the job again when this run has ended.")


@runner.command("ls")
@scope_options
@REGION
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print the names alone.")
def runner_ls(repo: str | None, org: str | None, region: str | None, as_json: bool, quiet: bool) -> None:
    """List goldrun's runners as both sides see them, newest first."""
    silence(quiet)
    scope = _scope(repo, org)
    github = _open_github()
    client = open_client(region)
    rows = list_runners(client, github, scope)
    if as_json:
        output.result_json(rows_as_json(rows))
    elif quiet:
        for row in rows:
            output.result(row.name)
    elif rows:
        shown = [
            (
                row.name,
                row.state,
                format_duration(row.age),
                row.instance.id if row.instance else "none",
                row.instance.type if row.instance else "",
                ", ".join(label for label in row.registration.labels if label != row.name) if row.registration else "",
            )
            for row in rows
        ]
        output.table(COLUMNS, shown)
    else:
        output.note(f"no runners of {scope} in {client.region}.")


@runner.command("rerun")
@REPOSITORY
@click.option("--run", required=True, metavar="RUN", help="The workflow run's number.")
@click.option("--job", required=True, metavar="JOB", help="The number of the job that started the runner.")
@click.option("--wait", default="30m", show_default=True, metavar="TIME", help="How long the run may still go on.")
@click.option("--attempts", type=click.IntRange(2, 10), default=reruns.MAX_ATTEMPTS, show_default=True, help="At most.")
def runner_rerun(repo: str | None, run: str, job: str, wait: str, attempts: int) -> None:
    """Run a job again whose runner the spot market took back, when its run has ended; and all that follows it."""
    for what, number in (("--run", run), ("--job", job)):
        if not number.isascii() or not number.isdecimal():
            raise UsageError(f"{what} {number!r} is no number.")
    seconds = parse_duration(wait)
    scope = _scope(repo, None)
    attempt = reruns.rerun(_open_github(), scope, run, job, seconds=seconds, most=attempts)
    output.result(f"RUN_ATTEMPT={attempt}")


def _require_current_runner(client: EcsClient, github: GitHub, scope: Scope, order: Order) -> None:
    """See that GitHub takes the image's runner as long as it may live; one of Alibaba Cloud's gets the current one."""
    manifest = read_manifest(client, order)
    if manifest is None:
        return
    versions.require_current(
        github,
        scope,
        versions.version_in(manifest),
        now=client.clock.now(),
        life=order.request.life,
        tell=output.note,
    )


def _tell_gone(name: str, gone: Gone, region: str, scope: Scope, *, missing_ok: bool) -> None:
    if gone.instances or gone.registered:
        output.note(f"deleted: {name} ({', '.join(gone.instances) or 'no instance'}); GitHub lists it no more.")
        return
    if not missing_ok and not gone.reclaimed:
        raise NotFoundError(
            f"Runner not found: {name}, in {region} and with {scope}.",
            why=["it is gone already, or it is in another region, or it is another scope's."],
            fix=["say --missing-ok where runners end by themselves", "another region: --region"],
        )
    output.note(f"{name} was gone already, on both sides.")


def _scope(repo: str | None, org: str | None) -> Scope:
    if repo is not None and org is not None:
        raise UsageError("--repo and --org are both said.", fix=["say one of them."])
    if org is not None:
        return organization_scope(org)
    return repository_scope(config.GITHUB_REPOSITORY.require(os.environ) if repo is None else repo)


def _repository(scope: Scope) -> Scope:
    """The repository whose workflow this is."""
    return scope if "/" in scope.name else repository_scope(config.GITHUB_REPOSITORY.require(os.environ))


def _open_github() -> GitHub:
    client = githubs.connect(os.environ, SystemClock(), notice=output.note)
    click.get_current_context().call_on_close(client.close)
    return client


def _ref() -> str:
    return config.Variable(("GITHUB_REF_NAME",), "the branch of this run").require(os.environ)


def _proxy() -> dict[str, str]:
    found = {
        "PROXY": config.RUNNER_PROXY.read(os.environ),
        "NO_PROXY": config.RUNNER_NO_PROXY.read(os.environ),
    }
    return {name: value for name, value in found.items() if value}


def _mirror() -> str:
    mirror = config.RUNNER_MIRROR.read(os.environ)
    return "" if mirror == config.RUNNER_MIRROR.default else mirror


def _read_setup(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--setup {str(path)!r} cannot be read as text.") from error


def _print(made: Runner, job: int | None, as_json: bool) -> None:
    values = {"RUNNER_NAME": made.name, "RUNNER_LABEL": made.label, "INSTANCE_ID": made.instance_id}
    if job is not None:
        values["RERUN_JOB_ID"] = str(job)
    for name, value in values.items():
        workflow.write_output(os.environ, name, value)
    output.note(f"{describe_launch(made.launched)} Online after {made.seconds:.0f} s.")
    if as_json:
        offer = made.launched.offer
        more = {"runner_id": made.registration.id, "offer": asdict(offer) if offer else None}
        output.result_json({**{name.lower(): value for name, value in values.items()}, **more})
        return
    for name, value in values.items():
        output.result(f"{name}={value}")


def _summarize(made: Runner, life: float) -> None:
    """A step summary in GitHub Actions: what was chosen, its price and its life."""
    offer = made.launched.offer
    rows = [("runner", f"`{made.name}`"), ("instance", f"`{made.instance_id}`")]
    if offer:
        limit = f", at most {made.launched.limit:.3f}" if made.launched.limit is not None else ""
        rows += [
            ("type", f"{offer.type} in {offer.zone}"),
            (
                "price of an hour",
                f"{offer.price:.3f} {offer.currency}{limit} ({offer.saving:.0%} below the list price)",
            ),
        ]
    rows += [("online after", f"{made.seconds:.0f} s"), ("life", f"one job, {format_duration(life)} at most")]
    table = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    workflow.write_summary(os.environ, "\n".join(["### Spot runner", "", *table, ""]))
