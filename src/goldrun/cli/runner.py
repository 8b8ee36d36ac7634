"""``goldrun runner``; ``up`` is in ``runner_up``."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from goldrun import config, workflow
from goldrun.cli import output, shell_complete
from goldrun.cli.common import JSON, REGION, YES, confirm, open_client, open_github, place_of, require_consent, silence
from goldrun.cli.lazy import LazyGroup
from goldrun.cli.scopes import REPOSITORY, read_scope, repository_of, scope_options
from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import check_id
from goldrun.durations import format_duration, parse_duration
from goldrun.errors import GoldrunError, NotFoundError, UsageError
from goldrun.github.client import GitHub
from goldrun.github.scope import Scope
from goldrun.runners import rerun as reruns
from goldrun.runners.lifecycle import Gone, bring_down
from goldrun.runners.listing import list_runners, names_of_run, resolve, run_label

COLUMNS = ("NAME", "STATE", "AGE", "INSTANCE", "TYPE", "LABELS")
RERUN_WORKFLOW = "goldrun-rerun.yml"


@click.group(cls=LazyGroup, lazy={"up": "goldrun.cli.runner_up:runner_up"})
def runner() -> None:
    """Start, list and stop runners, each for one job.

    GOLDRUN_GITHUB_TOKEN is a GitHub App's token, or a fine-grained one that may administer runners.
    """


@runner.command("down")
@click.argument("name", metavar="[NAME|ID]", required=False, shell_complete=shell_complete.runners)
@click.option("--this-run", is_flag=True, help="All runners that this workflow run started, including incomplete ones.")
@scope_options
@click.option(
    "--instance", "instance_id", metavar="ID", help="The runner's instance, to find out whether it was reclaimed."
)
@click.option(
    "--rerun-job", metavar="JOB", help="Rerun this job, as printed by `runner up`, if the runner was reclaimed."
)
@click.option("--rerun-workflow", default=RERUN_WORKFLOW, show_default=True, help="The workflow that reruns it.")
@click.option("--missing-ok", is_flag=True, help="Do not fail if the runner does not exist.")
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
    """Delete a runner: its instance and its registration. Prints RECLAIMED=true|false."""
    if (name is None) != this_run:
        raise UsageError("Name a runner, or pass --this-run.")
    scope = read_scope(repo, org)
    label = run_label(os.environ)
    if this_run and not label:
        raise UsageError("--this-run works only in a workflow run (GITHUB_RUN_ID is not set).")
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
            output.note(f"this run has no runners in {client.region} and {scope}.")
    else:
        names = _resolved(client, github, scope, name, missing_ok=missing_ok)
    if names and not confirm("Delete?", (f"would delete: {one}" for one in names), place_of(client), yes=yes):
        return
    # A runner of this run was there a moment ago: it may end by itself meanwhile.
    reclaimed = _bring_down(client, github, scope, names, instance_id or "", missing_ok=missing_ok or this_run)
    output.result(f"RECLAIMED={str(bool(reclaimed)).lower()}")
    workflow.write_output(os.environ, "RECLAIMED", str(bool(reclaimed)).lower())
    if reclaimed and rerun_job:
        repository = repository_of(scope)
        if all(reruns.has_succeeded(github, repository, run, one) for one in reclaimed):
            output.note("it was reclaimed, after its job had succeeded: nothing is run again.")
            return
        reruns.ask_for_rerun(github, repository, rerun_workflow, run, rerun_job)
        output.note(f"it was reclaimed: {rerun_workflow} runs the job again when this run has ended.")


@runner.command("ls")
@scope_options
@REGION
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print only the names.")
def runner_ls(repo: str | None, org: str | None, region: str | None, as_json: bool, quiet: bool) -> None:
    """List goldrun's runners, their instances and registrations, newest first."""
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
@click.option("--run", required=True, metavar="RUN", help="Id of the workflow run.")
@click.option("--job", required=True, metavar="JOB", help="Id of the job that started the runner.")
@click.option("--wait", default="30m", show_default=True, metavar="TIME", help="Longest wait for the run to end.")
@click.option(
    "--attempts",
    type=click.IntRange(2, 10),
    default=reruns.MAX_ATTEMPTS,
    show_default=True,
    help="Maximum number of attempts.",
)
def runner_rerun(repo: str | None, run: str, job: str, wait: str, attempts: int) -> None:
    """Rerun a job whose runner was reclaimed, and the jobs that depend on it."""
    for what, number in (("--run", run), ("--job", job)):
        if not number.isascii() or not number.isdecimal():
            raise UsageError(f"{what} {number!r} is not a number.")
    seconds = parse_duration(wait, "--wait")
    scope = read_scope(repo, None)
    attempt = reruns.rerun(open_github(), scope, run, job, seconds=seconds, most=attempts, report=output.note)
    output.result(f"RUN_ATTEMPT={attempt}")


def _resolved(client: EcsClient, github: GitHub, scope: Scope, name: str, *, missing_ok: bool) -> list[str]:
    try:
        return [resolve(client, github, scope, name)]
    except NotFoundError:
        if not missing_ok:
            raise
        if name.startswith("i-"):  # nothing says any more what its runner was called
            output.note(f"{name} was already gone; if GitHub still lists its runner, a sweep removes it.")
        else:
            output.note(f"{name} was already gone, on both sides.")
        return []


def _bring_down(
    client: EcsClient, github: GitHub, scope: Scope, names: Sequence[str], instance_id: str, *, missing_ok: bool
) -> list[str]:
    """Delete runners, and return those that were reclaimed; one that cannot be deleted does not keep the others.

    Raises:
        GoldrunError: the first failure, after all have been tried; its reasons list the others.
    """
    from goldrun.cli.progress import moving

    reclaimed: list[str] = []
    failures: dict[str, GoldrunError] = {}
    for name in names:
        try:
            with moving("deleting, and waiting until it is gone"):
                ended = bring_down(client, github, scope, name, instance_id)
            _report_end(name, ended, client.region, scope, missing_ok=missing_ok)
        except GoldrunError as error:
            failures[name] = error
        else:
            reclaimed += [name] if ended.reclaimed else []
    if failures:
        first, *others = failures
        failure = failures[first]
        failure.why = (*failure.why, *(f"{other} failed too: {failures[other].what}" for other in others))
        raise failure
    return reclaimed


def _report_end(name: str, ended: Gone, region: str, scope: Scope, *, missing_ok: bool) -> None:
    if ended.instances or ended.registered:
        output.note(f"deleted: {name} ({', '.join(ended.instances) or 'no instance'}); GitHub no longer lists it.")
        return
    if not missing_ok and not ended.reclaimed:
        raise NotFoundError(
            f"Runner not found: {name} in {region} and {scope}.",
            why=["it is already gone, in another region, or in another scope."],
            fix=["pass --missing-ok if runners end by themselves", "another region: --region"],
        )
    output.note(f"{name} was already gone, on both sides.")
