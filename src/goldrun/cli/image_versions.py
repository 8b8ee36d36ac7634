"""``goldrun image history``, ``publish`` and ``rollback``."""

from __future__ import annotations

import os
from collections.abc import Callable

import click

from goldrun import config
from goldrun.architecture import parse_architecture
from goldrun.cli import completing, output
from goldrun.cli.common import ARCH, DRY_RUN, JSON, KEEP, REGION, YES, confirm, open_client, place_of, require_consent
from goldrun.cloud import images
from goldrun.cloud.instances import count_by_image
from goldrun.errors import UsageError
from goldrun.images import listing
from goldrun.images.lineage import read_lineage, unknown_family
from goldrun.images.naming import LATEST, PublishedName, check_channel, check_name, published_names
from goldrun.images.retention import judge


@click.command("history")
@click.argument("family", shell_complete=completing.images)
@ARCH
@REGION
@KEEP
@JSON
def image_history(family: str, arch: str | None, region: str | None, keep: int | None, as_json: bool) -> None:
    """Show FAMILY's versions, newest first, and what a prune would keep.

    \b
    Examples:
      goldrun image history github-runner-ubuntu24
      goldrun image history github-runner-ubuntu24 --arch arm64 --keep 3 --json
    """
    client = open_client(region)
    count = config.read_keep(os.environ, keep)
    verdicts = []
    for alias in published_names(family, arch):
        lineage = read_lineage(client, alias)
        verdicts += [(lineage, verdict) for verdict in judge(lineage, keep=count, now=client.clock.now())]
    if not verdicts:
        raise unknown_family(client, family, arch)
    used = count_by_image(client)
    if as_json:
        from goldrun.cli.json.versions import Version

        output.result_json([Version.in_history(lineage, one, used[one.image.image_id]) for lineage, one in verdicts])
    else:
        now = client.clock.now()
        rows = [listing.history_row(lineage, one, used[one.image.image_id], now) for lineage, one in verdicts]
        output.table(listing.HISTORY_COLUMNS, rows)


@click.command("publish")
@click.argument("version", shell_complete=completing.images)
@REGION
@click.option("--channel", default=LATEST, show_default=True, help="The channel to move.")
@click.option("--force", is_flag=True, help="Publish it even if it is older than the published version.")
@DRY_RUN
@JSON
def image_publish(version: str, region: str | None, channel: str, force: bool, dry_run: bool, as_json: bool) -> None:
    """Publish VERSION, an image id or name, to a channel.

    The name resolves at every moment. The next run completes an interrupted one.

    \b
    Examples:
      goldrun image publish github-runner-ubuntu24-amd64-20261123080000 --dry-run
      goldrun image publish m-bp1g7004ksh0oeuco3bd --channel canary
    """
    from goldrun.images import publish as publishing

    shown = publishing.publish(
        open_client(region),
        version,
        channel=check_channel(channel),
        force=force,
        dry_run=dry_run,
        report=_plan_notes(dry_run),
    )
    _print_image(shown, as_json)


@click.command("rollback")
@click.argument("family", shell_complete=completing.images)
@ARCH
@REGION
@click.option("--to", default="", metavar="VERSION", help="The version to go back to. [default: the previous version]")
@click.option("--channel", default=LATEST, show_default=True, help="The channel to roll back.")
@DRY_RUN
@YES
@JSON
def image_rollback(
    family: str, arch: str | None, region: str | None, to: str, channel: str, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Go back to FAMILY's previous version; the bad one becomes Deprecated.

    Running it twice changes nothing more; use --to to go back further.

    \b
    Examples:
      goldrun image rollback github-runner-ubuntu24 --arch amd64
      goldrun image rollback github-runner-ubuntu24 --arch amd64 --to 20261114080000
    """
    from goldrun.images import publish as publishing

    if not arch:
        raise UsageError("A roll-back needs an architecture.", fix=["pass --arch amd64 or --arch arm64"])
    alias = PublishedName(check_name(family), parse_architecture(arch), check_channel(channel))
    require_consent(f"The roll-back of {alias}", yes=yes or dry_run)
    client = open_client(region)
    if dry_run:
        _print_image(publishing.roll_back(client, alias, to=to, dry_run=True, report=_plan_notes(True)), as_json)
        return
    planned: list[str] = []
    if not yes:
        publishing.roll_back(client, alias, to=to, dry_run=True, report=planned.extend)
    steps = (f"would do: {step}" for step in planned)
    if not planned or confirm(f"Roll {alias} back?", steps, place_of(client), yes=yes):
        _print_image(publishing.roll_back(client, alias, to=to, report=_plan_notes(False)), as_json)


def _plan_notes(dry_run: bool) -> Callable[[list[str]], None]:
    def note_steps(words: list[str]) -> None:
        if not words:
            output.note("nothing to do: already up to date.")
        for number, step in enumerate(words, 1):
            output.note(f"would do {number}: {step}" if dry_run else f"step {number}: {step}")

    return note_steps


def _print_image(shown: images.Image, as_json: bool) -> None:
    if as_json:
        from goldrun.cli.json.images import Image

        output.result_json(Image.of(shown))
    else:
        output.result(f"IMAGE_ID={shown.image_id}")
        output.result(f"IMAGE_NAME={shown.name}")
