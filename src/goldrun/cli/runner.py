"""``goldrun runner``; ``up`` is in ``runner_up``."""

from __future__ import annotations

import os

import click

from goldrun import config, workflow
from goldrun.cli import output
from goldrun.cli.common import JSON, REGION, YES, confirm, open_client, open_github, place_of, require_consent, silence
from goldrun.cli.lazy import LazyGroup
from goldrun.cli.scopes import REPOSITORY, read_scope, repository_of, scope_options
from goldrun.cloud.instances import check_id
from goldrun.durations import format_duration, parse_duration
from goldrun.errors import NotFoundError, UsageError
from goldrun.github.scope import Scope
from goldrun.runners import rerun as reruns
from goldrun.runners.lifecycle import Gone, bring_down
from goldrun.runners.listing import list_runners, names_of_run, resolve, run_label

COLUMNS = ("NAME", "STATE", "AGE", "INSTANCE", "TYPE", "LABELS")
RERUN_WORKFLOW = "goldrun-rerun.yml"


@click.group(cls=LazyGroup, lazy={"up": "goldrun.cli.runner_up:runner_up"})
def runner() -> None:
    """Start, list and stop runners that live for one job.

    GitHub's token comes from GOLDRUN_GITHUB_TOKEN: a GitHub App's or a fine-grained one that may administer runners.
    """


@runner.command("down")
@click.argument("name", metavar="[NAME|ID]", required=False)
@click.option("--this-run", is_flag=True, help="Every runner that this workflow run has started, also half.")
@scope_options
@click.option("--instance", "instance_id", metavar="ID", help="Its instance, to know whether the market took it back.")
@click.option("--rerun-job", metavar="JOB", help="If it did: have that job run again, as `runner up` has printed it.")
@click.option("--rerun-workflow", default=RERUN_WORKFLOW, show_default=True, help="The workflow that does it.")
@click.option("--missing-ok", is_flag=True, help="Ignore a runner that neither side knows: its job may be done.")
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
    scope = read_scope(repo, org)
    label = run_label(os.environ)
    if this_run and not label:
        raise UsageError("--this-run means a workflow run, and this is none (GITHUB_RUN_ID is not set).")
    if name == "":
        raise UsageError("The runner's name is empty.", fix=["goldrun runner ls shows names."])
    if instance_id is not None:
        check_id(instance_id)
    require_consent("The deletion", yes=yes)
    run = config.Variable(("GITHUB_RUN_ID",), "the workflow run").require(os.environ) if rerun_job else ""
    github = open_github()
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
    for runner_name in names:
        gone = bring_down(client, github, scope, runner_name, instance_id or "")
        _report_gone(runner_name, gone, client.region, scope, missing_ok=missing_ok)
        reclaimed = reclaimed or gone.reclaimed
    output.result(f"RECLAIMED={str(reclaimed).lower()}")
    workflow.write_output(os.environ, "RECLAIMED", str(reclaimed).lower())
    if reclaimed and rerun_job:
        reruns.ask_for_rerun(github, repository_of(scope), rerun_workflow, _ref(), run, rerun_job)
        output.note(f"the spot market took it back: {rerun_workflow} runs the job again when this run has ended.")


@runner.command("ls")
@scope_options
@REGION
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print the names alone.")
def runner_ls(repo: str | None, org: str | None, region: str | None, as_json: bool, quiet: bool) -> None:
    """List goldrun's runners as both sides see them, newest first."""
    silence(quiet)
    scope = read_scope(repo, org)
    github = open_github()
    client = open_client(region)
    rows = list_runners(client, github, scope)
    if as_json:
        from goldrun.cli.json.runners import Runner

        output.result_json(list(map(Runner.of, rows)))
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
    seconds = parse_duration(wait, "--wait")
    scope = read_scope(repo, None)
    attempt = reruns.rerun(open_github(), scope, run, job, seconds=seconds, most=attempts)
    output.result(f"RUN_ATTEMPT={attempt}")


def _report_gone(name: str, gone: Gone, region: str, scope: Scope, *, missing_ok: bool) -> None:
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


def _ref() -> str:
    return config.Variable(("GITHUB_REF_NAME",), "the branch of this run").require(os.environ)
