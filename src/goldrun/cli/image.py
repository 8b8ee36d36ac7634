"""``goldrun image``."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable

import click

from goldrun import config, telling
from goldrun.architecture import ARCHITECTURES, parse_architecture
from goldrun.cli import output
from goldrun.cli.common import (
    ARCH,
    DRY_RUN,
    JSON,
    REGION,
    YES,
    confirm,
    open_client,
    place_of,
    require_consent,
    silence,
)
from goldrun.cloud.models import Image
from goldrun.durations import parse_duration
from goldrun.errors import UsageError
from goldrun.images.find import find_image
from goldrun.images.lookup import Found
from goldrun.images.naming import LATEST, PublishedName, check_name, parse_reference

ACCOUNTS = click.option(
    "--account", "accounts", multiple=True, required=True, metavar="ID", help="An account's number; can be repeated."
)
KEEP = click.option(
    "--keep", type=click.IntRange(1), help="Versions that stay, the published one counted. [env: KEEP_IMAGE_COUNT]"
)
NAME = click.argument("name")
ALL_REGIONS = click.option("--all-regions", is_flag=True, help="If it is not in the region, look in all others too.")


class _Lazy(click.Group):
    """Loads the commands that build only when they are called: a look-up must not pay for them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_BUILDING]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _BUILDING:
            return super().get_command(ctx, cmd_name)
        command = getattr(importlib.import_module("goldrun.cli.image_build"), _BUILDING[cmd_name])
        assert isinstance(command, click.Command)
        return command


_BUILDING = {"build": "image_build", "test": "image_test"}


@click.group(cls=_Lazy)
def image() -> None:
    """Find, inspect and publish images.

    NAME is an image id (m-…), an exact image name, or FAMILY[:CHANNEL-OR-VERSION]; the channel is
    "latest" where none is said.
    """


@image.command("id")
@NAME
@ARCH
@REGION
@ALL_REGIONS
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print the id alone.")
def image_id(name: str, arch: str | None, region: str | None, all_regions: bool, as_json: bool, quiet: bool) -> None:
    """Print the id of the image that NAME means, as IMAGE_ID=….

    \b
    Examples:
      goldrun image id github-runner-ubuntu24-amd64-latest
      goldrun image id github-runner-ubuntu24 --arch arm64 --quiet
      goldrun image id github-runner-ubuntu24:20261120093000 --arch amd64
    """
    silence(quiet)
    found = _find(name, arch, region, all_regions)
    if as_json:
        from goldrun.images import listing

        output.result_json(listing.as_json(found.image))
    else:
        output.result(found.image.image_id if quiet else f"IMAGE_ID={found.image.image_id}")


@image.command("ls")
@click.argument("text", required=False, default="")
@ARCH
@REGION
@click.option("-a", "--all", "every_status", is_flag=True, help="Show images of every status, not only Available.")
@click.option(
    "--owner",
    type=click.Choice(["self", "others", "system", "marketplace"]),
    default="self",
    show_default=True,
    help="Whose images.",
)
@JSON
@click.option("-q", "--quiet", is_flag=True, help="Print the ids alone.")
def image_ls(
    text: str,
    arch: str | None,
    region: str | None,
    every_status: bool,
    owner: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """List images whose names contain TEXT, newest first.

    \b
    Examples:
      goldrun image ls
      goldrun image ls github-runner-ubuntu24 --all
      goldrun image ls --owner system --arch arm64
    """
    from goldrun.cloud.images import ALL_STATUSES, describe_images
    from goldrun.images import listing

    silence(quiet)
    client = open_client(region)
    images = describe_images(
        client,
        name=text,
        architecture=parse_architecture(arch) if arch else None,
        status=ALL_STATUSES if every_status else "Available",
        owner=owner,
    )
    if as_json:
        output.result_json([listing.as_json(one) for one in images])
    elif quiet:
        for one in images:
            output.result(one.image_id)
    elif images:
        output.table(listing.COLUMNS, [listing.row(one, client.clock.now()) for one in images])
    else:
        output.note(f"no images in {client.region}.")


@image.command("inspect")
@NAME
@ARCH
@REGION
@ALL_REGIONS
@JSON
def image_inspect(name: str, arch: str | None, region: str | None, all_regions: bool, as_json: bool) -> None:
    """Show all that is known of the image that NAME means.

    \b
    Examples:
      goldrun image inspect github-runner-ubuntu24 --arch amd64
      goldrun image inspect m-bp1g7004ksh0oeuco3bd --json
    """
    from goldrun.images import listing

    known = listing.as_json(_find(name, arch, region, all_regions).image)
    if as_json:
        output.result_json(known)
        return
    tags = known.pop("tags")
    rows = [(key, _plain(value)) for key, value in known.items() if value not in ("", [], None)]
    rows += [(f"tag {key}", value) for key, value in tags.items()]
    output.table(("FIELD", "VALUE"), rows)


@image.command("publish")
@click.argument("version")
@REGION
@click.option("--channel", default=LATEST, show_default=True, help="The channel that shall show it.")
@click.option("--force", is_flag=True, help="Publish it although it is older than what is shown.")
@DRY_RUN
@JSON
def image_publish(version: str, region: str | None, channel: str, force: bool, dry_run: bool, as_json: bool) -> None:
    """Let a channel show VERSION, an image id or a version name.

    The name answers at every moment. A run that was cut short is completed by the next one.

    \b
    Examples:
      goldrun image publish github-runner-ubuntu24-amd64-20261123080000 --dry-run
      goldrun image publish m-bp1g7004ksh0oeuco3bd --channel canary
    """
    from goldrun.images import publish as publishing

    shown = publishing.publish(
        open_client(region), version, channel=_channel(channel), force=force, dry_run=dry_run, tell=_tell_plan(dry_run)
    )
    _print_image(shown, as_json)


@image.command("rollback")
@click.argument("family")
@ARCH
@REGION
@click.option("--to", default="", metavar="VERSION", help="The version to go back to; the one before where not said.")
@click.option("--channel", default=LATEST, show_default=True, help="The channel that shall go back.")
@DRY_RUN
@YES
@JSON
def image_rollback(
    family: str, arch: str | None, region: str | None, to: str, channel: str, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Let FAMILY show the version before; the bad one becomes Deprecated and stays out.

    Done again it changes nothing: to go back further, say --to.

    \b
    Examples:
      goldrun image rollback github-runner-ubuntu24 --arch amd64
      goldrun image rollback github-runner-ubuntu24 --arch amd64 --to 20261114080000
    """
    from goldrun.images import publish as publishing

    if not arch:
        raise UsageError("A roll-back needs an architecture.", fix=["say --arch amd64 or --arch arm64"])
    alias = PublishedName(check_name(family), parse_architecture(arch), _channel(channel))
    require_consent(f"The roll-back of {alias}", yes=yes or dry_run)
    client = open_client(region)
    if dry_run:
        _print_image(publishing.roll_back(client, alias, to=to, dry_run=True, tell=_tell_plan(True)), as_json)
        return
    planned: list[str] = []
    if not yes:
        publishing.roll_back(client, alias, to=to, dry_run=True, tell=planned.extend)
    steps = (f"would do: {step}" for step in planned)
    if not planned or confirm(f"Roll {alias} back?", steps, place_of(client), yes=yes):
        _print_image(publishing.roll_back(client, alias, to=to, tell=_tell_plan(False)), as_json)


@image.command("history")
@click.argument("family")
@ARCH
@REGION
@KEEP
@JSON
def image_history(family: str, arch: str | None, region: str | None, keep: int | None, as_json: bool) -> None:
    """Show FAMILY's versions, newest first, and which of them a prune would keep, and why.

    \b
    Examples:
      goldrun image history github-runner-ubuntu24
      goldrun image history github-runner-ubuntu24 --arch arm64 --keep 3 --json
    """
    from goldrun.images import listing
    from goldrun.images.lineage import read_lineage, unknown_family
    from goldrun.images.retention import judge
    from goldrun.images.usage import count_instances

    client = open_client(region)
    count = config.read_keep(os.environ, keep)
    told = []
    for alias in _aliases(family, arch):
        lineage = read_lineage(client, alias)
        told += [(lineage, verdict) for verdict in judge(lineage, keep=count, now=client.clock.now())]
    if not told:
        raise unknown_family(client, family, arch)
    used = count_instances(client)
    if as_json:
        output.result_json([listing.history_json(lineage, one, used[one.image.image_id]) for lineage, one in told])
    else:
        now = client.clock.now()
        rows = [listing.history_row(lineage, one, used[one.image.image_id], now) for lineage, one in told]
        output.table(listing.HISTORY_COLUMNS, rows)


@image.command("prune")
@click.argument("family", required=False)
@ARCH
@REGION
@KEEP
@click.option("--older-than", default="0s", metavar="AGE", help="Only versions older than this, e.g. 7d.")
@click.option("--orphans", is_flag=True, help="Also snapshots of any family whose image is gone.")
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
    """Delete FAMILY's old versions and their snapshots; say what stays, and why.

    \b
    Examples:
      goldrun image prune github-runner-ubuntu24 --keep 3 --dry-run
      goldrun image prune --orphans
    """
    from goldrun.images import listing, removal, retention
    from goldrun.images.lineage import unknown_family

    if not family and not orphans:
        raise UsageError("Name a family, or say --orphans.")
    seconds, count = parse_duration(older_than), config.read_keep(os.environ, keep)
    aliases = _aliases(family, arch) if family else []
    require_consent("The prune", yes=yes or dry_run)
    client = open_client(region)
    verdicts: list[retention.Verdict] = []
    snapshots: list[str] = []
    declined = False

    def allow(planned: retention.Pruned) -> bool:
        nonlocal declined
        doomed = [f"{one.image.name} ({one.image.image_id}): {one.reason}" for one in planned.verdicts if not one.keep]
        doomed += [f"{snapshot.snapshot_id}: its image is gone" for snapshot in planned.orphans]
        lines = (f"would delete: {one}" for one in doomed)
        if doomed and not confirm(f"Delete these {len(doomed)}?", lines, place_of(client), yes=yes):
            declined = True
        return not declined

    for alias in aliases:
        done = retention.prune(client, alias, keep=count, older_than=seconds, dry_run=dry_run or declined, allow=allow)
        verdicts += done.verdicts
        snapshots += [snapshot.snapshot_id for snapshot in done.orphans]
    if family and not verdicts and not snapshots:
        raise unknown_family(client, family, arch)
    if orphans:
        left = removal.find_orphans(client)
        if not dry_run and not declined and allow(retention.Pruned((), tuple(left))):
            for snapshot in left:
                removal.delete_snapshot(client, snapshot.snapshot_id)
        snapshots += [snapshot.snapshot_id for snapshot in left]
    snapshots = list(dict.fromkeys(snapshots))
    dry_run = dry_run or declined
    if as_json:
        told = [{**listing.as_json(one.image), "keep": one.keep, "reason": one.reason} for one in verdicts]
        output.result_json({"dry_run": dry_run, "images": told, "orphan_snapshots": snapshots})
        return
    word = "would delete" if dry_run else "deleted"
    rows = [(one.image.name, one.image.image_id, listing.verdict_words(one, word)) for one in verdicts]
    rows += [("", snapshot_id, f"{word}: its image is gone") for snapshot_id in snapshots]
    if rows:
        output.table(("NAME", "ID", "PRUNE"), rows)
    if dry_run and not declined:
        output.note("nothing was deleted: this was a dry run.")


@image.command("protect")
@click.argument("version")
@REGION
def image_protect(version: str, region: str | None) -> None:
    """Let no command delete VERSION, an image id or name."""
    _protect(version, region, on=True)


@image.command("unprotect")
@click.argument("version")
@REGION
def image_unprotect(version: str, region: str | None) -> None:
    """Lift the protection of VERSION, an image id or name."""
    _protect(version, region, on=False)


@image.command("rm")
@click.argument("version")
@REGION
@YES
def image_rm(version: str, region: str | None, yes: bool) -> None:
    """Delete VERSION, an image id or name, and its snapshots.

    What a channel shows, what instances run from, and what is shared or protected is refused.
    """
    from goldrun.images.lineage import find_own
    from goldrun.images.removal import remove

    require_consent(f"The deletion of {version}", yes=yes)
    client = open_client(region)
    doomed = find_own(client, version)
    plan = [f"would delete: {one}" for one in (f"{doomed.name} ({doomed.image_id})", *doomed.snapshots)]
    if not confirm(f"Delete {doomed.name}?", plan, place_of(client), yes=yes):
        return
    remove(client, doomed)
    output.note(f"deleted: {doomed.name} ({doomed.image_id}), and its snapshots.")


@image.command("copy")
@click.argument("version")
@click.option(
    "--to-region", "regions", multiple=True, required=True, metavar="REGION", help="Where to; can be repeated."
)
@REGION
@click.option("--publish", is_flag=True, help="Let latest show the copy there.")
@JSON
def image_copy(version: str, regions: tuple[str, ...], region: str | None, publish: bool, as_json: bool) -> None:
    """Copy VERSION, an image id or name, to other regions at once, its tags with it.

    Done again, it goes on with the copies that are there.

    \b
    Examples:
      goldrun image copy github-runner-ubuntu24-amd64-latest --to-region cn-beijing --to-region cn-shanghai --publish
    """
    from goldrun.cli.progress import Bars
    from goldrun.images import listing
    from goldrun.images.lineage import find_own
    from goldrun.images.replicate import copy_everywhere

    wanted = [config.check_region(one) for one in dict.fromkeys(regions)]
    telling.require_open(os.environ)
    client = open_client(region)
    source = find_own(client, version)
    with Bars(wanted) as bars:
        copies = copy_everywhere(client, source, wanted, publish=publish, tell=bars.tell)
    if as_json:
        output.result_json({name: listing.as_json(copy) for name, copy in copies.items()})
    else:
        output.table(("REGION", "ID", "NAME"), [(name, copy.image_id, copy.name) for name, copy in copies.items()])


@image.command("diff")
@click.argument("first")
@click.argument("second")
@REGION
@JSON
def image_diff(first: str, second: str, region: str | None, as_json: bool) -> None:
    """Show which tools SECOND has that FIRST has not, lacks, or has in another version.

    Both are image ids or names; what is inside them is read from their tags.

    \b
    Examples:
      goldrun image diff github-runner-ubuntu24-amd64-20261114080000 github-runner-ubuntu24-amd64-latest
    """
    from goldrun.images.lineage import find_own
    from goldrun.images.manifest import compare, from_tags

    client = open_client(region)
    manifests = []
    for text in (first, second):
        found = find_own(client, text)
        manifests.append(from_tags(found.tags))
        if not manifests[-1]:
            output.note(f"{found.name} ({found.image_id}) has no manifest.")
    difference = compare(*manifests)
    if as_json:
        changed = {name: {"from": before, "to": after} for name, (before, after) in difference.changed.items()}
        output.result_json({"added": difference.added, "removed": difference.removed, "changed": changed})
        return
    rows = [(name, "", version) for name, version in difference.added.items()]
    rows += [(name, version, "") for name, version in difference.removed.items()]
    rows += [(name, before, after) for name, (before, after) in difference.changed.items()]
    if rows:
        output.table(("TOOL", "FIRST", "SECOND"), sorted(rows))
    else:
        output.note("their manifests are the same.")


@image.command("share")
@click.argument("version")
@ACCOUNTS
@REGION
def image_share(version: str, accounts: tuple[str, ...], region: str | None) -> None:
    """Let other accounts use VERSION, an image id or name."""
    _share(version, accounts, region, on=True)


@image.command("unshare")
@click.argument("version")
@ACCOUNTS
@REGION
def image_unshare(version: str, accounts: tuple[str, ...], region: str | None) -> None:
    """End the sharing of VERSION, an image id or name, with accounts."""
    _share(version, accounts, region, on=False)


def _share(version: str, accounts: tuple[str, ...], region: str | None, *, on: bool) -> None:
    from goldrun.images.lineage import find_own
    from goldrun.images.replicate import share_image, shared_with

    client = open_client(region)
    found = find_own(client, version)
    share_image(client, found, accounts, on=on)
    left = ", ".join(shared_with(client, found)) or "nobody"
    output.note(f"{found.name} ({found.image_id}) is shared with {left}.")


def _protect(version: str, region: str | None, *, on: bool) -> None:
    from goldrun.images.lineage import find_own
    from goldrun.images.removal import protect

    client = open_client(region)
    found = find_own(client, version)
    protect(client, found, on)
    output.note(f"{found.name} ({found.image_id}) is {'protected' if on else 'no longer protected'}.")


def _aliases(family: str, arch: str | None) -> list[PublishedName]:
    architectures = [parse_architecture(arch)] if arch else list(ARCHITECTURES)
    return [PublishedName(check_name(family), architecture, LATEST) for architecture in architectures]


def _channel(text: str) -> str:
    if text.isascii() and text.isalpha() and text == text.lower():
        return text
    raise UsageError(f"{text!r} is not a channel.", fix=["use lower-case letters, e.g. latest or canary."])


def _tell_plan(dry_run: bool) -> Callable[[list[str]], None]:
    def tell(words: list[str]) -> None:
        if not words:
            output.note("nothing to do: it is as it shall be.")
        for number, step in enumerate(words, 1):
            output.note(f"{'would do' if dry_run else 'step'} {number}: {step}")

    return tell


def _print_image(shown: Image, as_json: bool) -> None:
    if as_json:
        from goldrun.images import listing

        output.result_json(listing.as_json(shown))
    else:
        output.result(f"IMAGE_ID={shown.image_id}")
        output.result(f"IMAGE_NAME={shown.name}")


def _find(name: str, arch: str | None, region: str | None, all_regions: bool) -> Found:
    reference = parse_reference(name, arch)
    client = open_client(region)
    found = find_image(client, reference, all_regions=all_regions)
    if found.notice:
        output.note(found.notice)
    return found


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
