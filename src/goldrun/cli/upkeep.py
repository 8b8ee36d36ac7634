"""``goldrun sweep`` and ``goldrun cost``."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from goldrun import cost as costs
from goldrun import sweep as sweeping
from goldrun.cli import output
from goldrun.cli.common import DRY_RUN, JSON, REGION, YES, confirm, open_client, place_of, require_consent
from goldrun.clock import SystemClock
from goldrun.cloud.errors import AccessDeniedError
from goldrun.durations import format_duration, parse_duration
from goldrun.errors import EXIT_LEFTOVERS
from goldrun.github.client import connect
from goldrun.github.scope import organization_scope, repository_scope

MAX_DAYS = 90


@click.command()
@click.option("--older-than", metavar="AGE", help="Also every instance that is older, e.g. 6h.")
@click.option("--repo", "repos", multiple=True, metavar="OWNER/NAME", help="Also this repository's runners.")
@click.option("--org", "orgs", multiple=True, metavar="NAME", help="Also this organization's runners.")
@DRY_RUN
@YES
@REGION
@JSON
def sweep(
    older_than: str | None,
    repos: tuple[str, ...],
    orgs: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    region: str | None,
    as_json: bool,
) -> None:
    """Find and delete what goldrun made and what should not be alive.

    Instances past their release time, stopped or without a release time, builders whose build has ended, disks that
    nothing is attached to, snapshots whose image is gone. With --repo or --org also ghosts: runners that GitHub has and
    the cloud has not, and the other way round. The exit code is 7 if anything was found.

    \b
    Examples:
      goldrun sweep --dry-run
      goldrun sweep --older-than 6h --json --yes
      goldrun sweep --repo octo-org/octo-repo --org octo-org
    """
    seconds = parse_duration(older_than) if older_than is not None else None
    scopes = [*map(repository_scope, repos), *map(organization_scope, orgs)]
    require_consent("The sweep", yes=yes or dry_run)
    github = connect(os.environ, SystemClock(), notice=output.note) if scopes else None
    client = open_client(region)
    found = sweeping.find(client, older_than=seconds, github=github, scopes=scopes)
    plan = (f"would delete: {one.kind} {one.id} {one.name}: {one.reason}" for one in found if not one.doubt)
    if found and not dry_run:
        dry_run = not confirm(f"Delete these {len(found)}?", plan, place_of(client), yes=yes)
    swept = sweeping.remove(client, [] if dry_run else found, github, older_than=seconds, scopes=scopes)
    spared = {one.id for one in swept.spared}
    failures = {one.id: error for one, error in swept.kept}
    if as_json:
        told = [
            {
                **asdict(one),
                "removed": not dry_run and one.id not in failures and one.id not in spared,
                "error": str(failures.get(one.id) or ""),
            }
            for one in found
        ]
        output.result_json({"dry_run": dry_run, "findings": told})
    elif found:
        rows = [
            (one.kind, one.id, one.name, format_duration(one.age), one.reason, _now(one, swept, dry_run))
            for one in found
        ]
        output.table(("KIND", "ID", "NAME", "AGE", "WHY", "NOW"), rows)
    else:
        output.note(f"nothing to sweep in {client.region}.")
    if failures:
        raise next(iter(failures.values()))
    if found:
        click.get_current_context().exit(EXIT_LEFTOVERS)


def _now(one: sweeping.Finding, swept: sweeping.Swept, dry_run: bool) -> str:
    """What has become of a finding, in a word."""
    if one.doubt if dry_run else one in {finding for finding, _ in swept.kept}:
        return "kept"
    if one in swept.spared:
        return "alive"
    return "would delete" if dry_run else "deleted"


@click.command()
@click.option(
    "--days", type=click.IntRange(0, MAX_DAYS), default=7, show_default=True, help="How many days of the bill."
)
@REGION
@JSON
def cost(days: int, region: str | None, as_json: bool) -> None:
    """Show what goldrun's instances cost: those that run, by the hour, and the last days, by the bill.

    Disks and traffic are not in it. The bill is the account's, of every region, and follows within a day.
    """
    client = open_client(region)
    running = costs.running_costs(client)
    try:
        billed = costs.billed_days(client, days)
    except AccessDeniedError as error:
        output.note(f"the bill cannot be read. {error}")
        billed = []
    total = sum(one.price or 0.0 for one in running)
    if as_json:
        output.result_json(
            {
                "hourly": total,
                "running": [{**asdict(one)} for one in running],
                "days": [asdict(one) for one in billed],
            }
        )
        return
    now = client.clock.now()
    rows = [
        (
            one.instance.id,
            one.instance.type,
            one.instance.zone,
            format_duration(now - one.instance.created),
            _amount(one.price, one.currency),
            _amount(one.so_far, one.currency),
        )
        for one in running
    ]
    if rows:
        output.table(("ID", "TYPE", "ZONE", "AGE", "AN HOUR", "SO FAR"), rows)
    currency = running[0].currency if running else ""
    output.note(f"{len(running)} running in {client.region}: {_amount(total, currency)} an hour.")
    if billed:
        days_rows = [(one.date, _amount(one.amount, one.currency), str(one.instances)) for one in billed]
        output.table(("DAY", "BILLED", "INSTANCES"), days_rows)


def _amount(value: float | None, currency: str) -> str:
    return "?" if value is None else f"{value:.3f} {currency}".rstrip()
