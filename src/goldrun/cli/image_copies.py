"""``goldrun image copy``, ``share`` and ``unshare``."""

from __future__ import annotations

import os

import click

from goldrun import config, stdio
from goldrun.cli import output
from goldrun.cli.common import JSON, REGION, open_client
from goldrun.cloud.images import share_image, shared_with
from goldrun.images.lineage import find_own
from goldrun.images.replicate import copy_everywhere

ACCOUNTS = click.option(
    "--account", "accounts", multiple=True, required=True, metavar="ID", help="Account id; can be repeated."
)


@click.command("copy")
@click.argument("version")
@click.option(
    "--to-region", "regions", multiple=True, required=True, metavar="REGION", help="Target region; can be repeated."
)
@REGION
@click.option("--publish", is_flag=True, help="Publish the copy to latest in each region.")
@JSON
def image_copy(version: str, regions: tuple[str, ...], region: str | None, publish: bool, as_json: bool) -> None:
    """Copy VERSION, an image id or name, and its tags to other regions.

    Running it again continues with the existing copies.

    \b
    Examples:
      goldrun image copy github-runner-ubuntu24-amd64-latest --to-region cn-beijing --to-region cn-shanghai --publish
    """
    from goldrun.cli.progress import Bars

    wanted = [config.check_region(name) for name in dict.fromkeys(regions)]
    stdio.require_open(os.environ)
    client = open_client(region)
    source = find_own(client, version)
    with Bars(wanted) as bars:
        copies = copy_everywhere(client, source, wanted, publish=publish, report=bars.move)
    if as_json:
        from goldrun.cli.json.images import Image

        output.result_json({name: Image.of(copy) for name, copy in copies.items()})
    else:
        output.table(("REGION", "ID", "NAME"), [(name, copy.image_id, copy.name) for name, copy in copies.items()])


@click.command("share")
@click.argument("version")
@ACCOUNTS
@REGION
def image_share(version: str, accounts: tuple[str, ...], region: str | None) -> None:
    """Share VERSION, an image id or name, with other accounts."""
    _share(version, accounts, region, on=True)


@click.command("unshare")
@click.argument("version")
@ACCOUNTS
@REGION
def image_unshare(version: str, accounts: tuple[str, ...], region: str | None) -> None:
    """Stop sharing VERSION, an image id or name, with accounts."""
    _share(version, accounts, region, on=False)


def _share(version: str, accounts: tuple[str, ...], region: str | None, *, on: bool) -> None:

    client = open_client(region)
    found = find_own(client, version)
    share_image(client, found, accounts, on=on)
    left = ", ".join(shared_with(client, found)) or "nobody"
    output.note(f"{found.name} ({found.image_id}) is shared with {left}.")
