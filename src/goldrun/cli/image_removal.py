"""``goldrun image prune``, ``rm``, ``protect`` and ``unprotect``."""

from __future__ import annotations

import os
from collections.abc import Iterator

import click

from goldrun import config
from goldrun.cli import output, shell_complete
from goldrun.cli.common import ARCH, DRY_RUN, JSON, KEEP, REGION, YES, confirm, open_client, place_of, require_consent
from goldrun.durations import parse_duration
from goldrun.errors import UsageError
from goldrun.images import listing, removal, retention
from goldrun.images.lineage import find_own, unknown_family
from goldrun.images.naming import published_names


@click.command("prune")
@click.argument("family", required=False, shell_complete=shell_complete.families)
@ARCH
@REGION
@KEEP
@click.option("--older-than", default="0s", metavar="AGE", help="Only versions older than this, for example 7d.")
@click.option("--orphans", is_flag=True, help="Include snapshots of any family whose image was deleted.")
@DRY_RUN
@YES
@JSON
def image_prune(
    family: str | None,
    arch: str | None,
    region: str | None,
    keep: int | None,
    older_than: str,
    orphans: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete FAMILY's old versions and their snapshots.

    \b
    Examples:
      goldrun image prune github-runner-ubuntu24 --keep 3 --dry-run
      goldrun image prune --orphans
    """
    if not family and not orphans:
        raise UsageError("Name a family, or pass --orphans.")
    seconds, count = parse_duration(older_than, "--older-than"), config.read_keep(os.environ, keep)
    aliases = published_names(family, arch) if family else []
    require_consent("The prune", yes=yes or dry_run)
    client = open_client(region)

    def allow(planned: retention.Pruned) -> bool:
        plan = [
            f"{verdict.image.name} ({verdict.image.image_id}): {verdict.reason}"
            for verdict in planned.verdicts
            if not verdict.keep
        ]
        plan += [f"{snapshot.snapshot_id}: its image was deleted" for snapshot in planned.orphans]
        lines = (f"would delete: {one}" for one in plan)
        return not plan or confirm(f"Delete these {len(plan)}?", lines, place_of(client), yes=yes)

    pruned = retention.prune_all(
        client, aliases, keep=count, older_than=seconds, all_orphans=orphans, dry_run=dry_run, allow=allow
    )
    if family and not any(done.verdicts or done.orphans for done in pruned):
        raise unknown_family(client, family, arch)
    if as_json:
        from goldrun.cli.json.prunes import Prune

        output.result_json(Prune.of(pruned))
        return
    if rows := [row for done in pruned for row in _rows(done)]:
        output.table(("NAME", "ID", "PRUNE"), rows)
    if dry_run:
        output.note("nothing was deleted: this was a dry run.")


def _rows(done: retention.Pruned) -> Iterator[tuple[str, str, str]]:
    word = "deleted" if done.carried_out else "would delete"
    for verdict in done.verdicts:
        yield verdict.image.name, verdict.image.image_id, listing.verdict_words(verdict, word)
    for snapshot in done.orphans:
        yield "", snapshot.snapshot_id, f"{word}: its image was deleted"


@click.command("rm")
@click.argument("version", shell_complete=shell_complete.images)
@REGION
@YES
def image_rm(version: str, region: str | None, yes: bool) -> None:
    """Delete VERSION, an image id or name, and its snapshots.

    Refuses an image that is published, shared, protected or used by an instance.
    """
    require_consent(f"The deletion of {version}", yes=yes)
    client = open_client(region)
    found = find_own(client, version)
    plan = [f"would delete: {one}" for one in (f"{found.name} ({found.image_id})", *found.snapshots)]
    if not confirm(f"Delete {found.name}?", plan, place_of(client), yes=yes):
        return
    from goldrun.cli.progress import moving

    with moving("deleting, and waiting until it is gone"):
        removal.remove(client, found)
    output.note(f"deleted: {found.name} ({found.image_id}), and its snapshots.")


@click.command("protect")
@click.argument("version", shell_complete=shell_complete.images)
@REGION
def image_protect(version: str, region: str | None) -> None:
    """Protect VERSION, an image id or name, from deletion."""
    _protect(version, region, on=True)


@click.command("unprotect")
@click.argument("version", shell_complete=shell_complete.images)
@REGION
def image_unprotect(version: str, region: str | None) -> None:
    """Unprotect VERSION, an image id or name."""
    _protect(version, region, on=False)


def _protect(version: str, region: str | None, *, on: bool) -> None:

    client = open_client(region)
    found = find_own(client, version)
    removal.protect(client, found, on)
    output.note(f"{found.name} ({found.image_id}) is {'protected' if on else 'no longer protected'}.")
