"""``goldrun sweep``."""

from __future__ import annotations

from contextlib import nullcontext

import click

from goldrun import sweep as sweeping
from goldrun.cli import output
from goldrun.cli.common import DRY_RUN, JSON, REGION, YES, confirm, open_client, open_github, place_of, require_consent
from goldrun.durations import format_duration, parse_duration
from goldrun.errors import EXIT_FOUND
from goldrun.github.scope import organization_scope, repository_scope


@click.command()
@click.option("--older-than", metavar="AGE", help="Include every instance older than this, for example 6h.")
@click.option("--repo", "repos", multiple=True, metavar="OWNER/NAME", help="Include this repository's runners.")
@click.option("--org", "orgs", multiple=True, metavar="NAME", help="Include this organization's runners.")
@click.option(
    "--include-foreign-runners",
    "foreign",
    is_flag=True,
    help="Include runner instances that other tools launched (tag GITHUB_RUNNER_TYPE=aliyun-ecs-spot).",
)
@DRY_RUN
@YES
@REGION
@JSON
def sweep(
    older_than: str | None,
    repos: tuple[str, ...],
    orgs: tuple[str, ...],
    foreign: bool,
    dry_run: bool,
    yes: bool,
    region: str | None,
    as_json: bool,
) -> None:
    """Find and delete what goldrun created and nothing uses.

    Finds instances that are stopped, past their release time or without one, builders whose build has ended, detached
    disks, and snapshots whose image was deleted. With --repo or --org also orphans: registrations without an instance,
    and instances without a registration. Exits with 7 if anything was found.

    \b
    Examples:
      goldrun sweep --dry-run
      goldrun sweep --older-than 6h --json --yes
      goldrun sweep --repo octo-org/octo-repo --org octo-org
      goldrun sweep --include-foreign-runners --dry-run
    """
    seconds = parse_duration(older_than, "--older-than") if older_than is not None else None
    scopes = list(dict.fromkeys([*map(repository_scope, repos), *map(organization_scope, orgs)]))
    require_consent("The sweep", yes=yes or dry_run)
    github = open_github() if scopes else None
    client = open_client(region)
    found = sweeping.find(client, older_than=seconds, github=github, scopes=scopes, foreign=foreign)
    plan = [
        f"would delete: {finding.kind} {finding.id} {finding.name}: {finding.reason}"
        for finding in found
        if not finding.doubt
    ]
    if plan and not dry_run:
        dry_run = not confirm(f"Delete these {len(plan)}?", plan, place_of(client), yes=yes)
    to_delete = [] if dry_run else found
    from goldrun.cli.progress import moving

    with moving("deleting what was left behind") if to_delete else nullcontext():
        swept = sweeping.remove(client, to_delete, github, older_than=seconds, scopes=scopes, foreign=foreign)
    if as_json:
        from goldrun.cli.json.sweep import Sweep

        output.result_json(Sweep.of(found, swept, dry_run=dry_run))
    elif found:
        rows = [
            (
                finding.kind,
                finding.id,
                finding.name,
                format_duration(finding.age),
                finding.reason,
                _now(finding, swept, dry_run),
            )
            for finding in found
        ]
        output.table(("KIND", "ID", "NAME", "AGE", "WHY", "NOW"), rows)
    else:
        output.note(f"nothing to sweep in {client.region}.")
    if swept.kept:
        raise swept.kept[0][1]
    if found:
        click.get_current_context().exit(EXIT_FOUND)


def _now(one: sweeping.Finding, swept: sweeping.Swept, dry_run: bool) -> str:
    """Return what happened to a finding."""
    if one.doubt if dry_run else one in {finding for finding, _ in swept.kept}:
        return "kept"
    if one in swept.spared:
        return "in use"
    return "would delete" if dry_run else "deleted"
