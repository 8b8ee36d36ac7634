"""``goldrun image history``, ``publish`` and ``rollback``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import click

from goldrun import config
from goldrun.architecture import parse_architecture
from goldrun.cli import output, shell_complete
from goldrun.cli.common import ARCH, DRY_RUN, JSON, KEEP, REGION, YES, confirm, open_client, place_of, require_consent
from goldrun.cloud import images
from goldrun.cloud.home import check_region
from goldrun.cloud.instances import count_by_image
from goldrun.errors import RefusedError, UsageError
from goldrun.images import listing
from goldrun.images.lineage import find_own, read_lineage, unknown_family
from goldrun.images.naming import LATEST, PublishedName, check_channel, check_name, parse_published, published_names
from goldrun.images.retention import judge

ACCOUNTS = click.option(
    "--account", "accounts", multiple=True, metavar="ID", help="Share it with this account first; can be repeated."
)
ROLLED_BACK = "nothing to do: already up to date. To go back further: --to VERSION."
ALSO_IN = click.option(
    "--also-in", "more", multiple=True, metavar="REGION", help="In this region too; can be repeated."
)


@click.command("history")
@click.argument("family", shell_complete=shell_complete.families)
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
@click.argument("version", shell_complete=shell_complete.images)
@REGION
@click.option("--channel", default=LATEST, show_default=True, help="The channel to move.")
@click.option("--force", is_flag=True, help="Publish it even if it is older than the published version or not tested.")
@ALSO_IN
@ACCOUNTS
@DRY_RUN
@JSON
def image_publish(
    version: str,
    region: str | None,
    channel: str,
    force: bool,
    more: tuple[str, ...],
    accounts: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Publish VERSION, an image id or name, to a channel.

    The name resolves at every moment of the move. The next run completes an interrupted one.

    With --also-in, goldrun first copies the image to those regions and shares it with the accounts, then publishes it
    in all regions or in none.

    \b
    Examples:
      goldrun image publish github-runner-ubuntu24-amd64-20261123080000 --dry-run
      goldrun image publish m-bp1g7004ksh0oeuco3bd --channel canary
      goldrun image publish m-bp1g7004ksh0oeuco3bd --also-in cn-beijing --also-in cn-shanghai
    """
    from goldrun.cli.progress import Bars
    from goldrun.images import everywhere, replicate
    from goldrun.images.publish import publish

    check_channel(channel)
    images.check_accounts(accounts)
    client = open_client(region)
    others = _others(more, client.region)
    found = find_own(client, version)
    versions = {client.region: found}
    if others and dry_run:
        known = replicate.find_copies(client, found, others)
        for one in others:
            if one not in known:
                output.note(f"would copy {found.name} to {one}, and publish it there.")
        versions |= known
    if accounts and dry_run:
        output.note(f"would share it with {', '.join(accounts)}.")
    if not dry_run:
        publish(client, found.image_id, channel=channel, force=force, dry_run=True)  # else nothing is copied or shared
        if others:
            with Bars(others) as bars:
                versions |= replicate.copy_everywhere(client, found, others, report=bars.move)
        everywhere.share_everywhere(client, versions, everywhere.Audience(accounts))
    report = _plan_notes(dry_run)
    shown = everywhere.publish_everywhere(
        client,
        versions,
        channel=channel,
        force=force,
        dry_run=dry_run,
        report=lambda where, words: report([f"in {where}: {one}" for one in words] if others else words),
    )
    _print_images(shown, client.region, as_json)


@click.command("rollback")
@click.argument("family", shell_complete=shell_complete.families)
@ARCH
@REGION
@click.option("--to", default="", metavar="VERSION", help="The version to go back to. [default: the previous version]")
@click.option("--channel", default=LATEST, show_default=True, help="The channel to roll back.")
@ALSO_IN
@DRY_RUN
@YES
@JSON
def image_rollback(
    family: str,
    arch: str | None,
    region: str | None,
    to: str,
    channel: str,
    more: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Roll FAMILY back to its previous version; the bad one becomes Deprecated.

    A second run changes nothing; use --to to go back further. With --also-in, goldrun first checks that every region
    can publish that version.

    \b
    Examples:
      goldrun image rollback github-runner-ubuntu24 --arch amd64
      goldrun image rollback github-runner-ubuntu24 --arch amd64 --to 20261114080000
    """
    from goldrun.images.everywhere import roll_back_everywhere

    if named := parse_published(family):
        raise UsageError(
            f"{family} is the name of an image, not of a family.",
            fix=[f"goldrun image rollback {named.family} --arch {named.architecture}"],
        )
    if not arch:
        raise UsageError("A roll-back needs an architecture.", fix=["pass --arch amd64 or --arch arm64"])
    alias = PublishedName(check_name(family), parse_architecture(arch), check_channel(channel))
    require_consent(f"The roll-back of {alias}", yes=yes or dry_run)
    client = open_client(region)
    if not read_lineage(client, alias).images:
        raise unknown_family(client, family, alias.architecture)
    regions = [client.region, *_others(more, client.region)]
    plans: dict[str, list[str]] = {}

    def plan(where: str, words: list[str]) -> None:
        if plans.setdefault(where, words) != words:
            raise RefusedError(
                f"{alias} has moved since the plan was shown; nothing was done.",
                fix=["run the command again, and read the new plan."],
            )

    def planned() -> list[str]:
        every = ((where, one) for where, words in plans.items() for one in words)
        return [f"in {where}: {one}" if len(regions) > 1 else one for where, one in every]

    if dry_run or not yes:
        would = roll_back_everywhere(client, alias, regions, to=to, dry_run=True, report=plan)
        if dry_run:
            _plan_notes(True, ROLLED_BACK)(planned())
            _print_images(would, client.region, as_json)
            return
    steps = [f"would do: {step}" for step in planned()]
    if not steps or confirm(f"Roll {alias} back?", steps, place_of(client), yes=yes):
        shown = roll_back_everywhere(client, alias, regions, to=to, report=plan)
        _plan_notes(False, ROLLED_BACK)(planned())
        _print_images(shown, client.region, as_json)


def _others(more: tuple[str, ...], home: str) -> list[str]:
    """Return the other regions, each once."""
    return [check_region(name) for name in dict.fromkeys(more) if name != home]


def _plan_notes(dry_run: bool, nothing: str = "nothing to do: already up to date.") -> Callable[[list[str]], None]:
    def note_steps(words: list[str]) -> None:
        if not words:
            output.note(nothing)
        for number, step in enumerate(words, 1):
            output.note(f"would do {number}: {step}" if dry_run else f"step {number}: {step}")

    return note_steps


def _print_images(shown: Mapping[str, images.Image], home: str, as_json: bool) -> None:
    """Print what the home region shows and, if there are others, what each of them shows."""
    if as_json:
        from goldrun.cli.json.versions import ShownImage

        output.result_json(ShownImage.in_regions(shown, home))
        return
    output.result(f"IMAGE_ID={shown[home].image_id}")
    output.result(f"IMAGE_NAME={shown[home].name}")
    for region, image in shown.items():
        if region != home:
            output.result(f"IMAGE_ID_{region.upper().replace('-', '_')}={image.image_id}")
