"""``goldrun image copy``, ``share`` and ``unshare``."""

from __future__ import annotations

import os

import click

from goldrun import stdio
from goldrun.cli import output, shell_complete
from goldrun.cli.common import JSON, REGION, YES, confirm, open_client, place_of, require_consent
from goldrun.cloud.client import EcsClient
from goldrun.cloud.home import check_region
from goldrun.cloud.images import Image, describe_sharing, set_public, share_image
from goldrun.errors import UsageError
from goldrun.images.lineage import find_own
from goldrun.images.replicate import copy_everywhere

ACCOUNTS = click.option("--account", "accounts", multiple=True, metavar="ID", help="Account id; can be repeated.")


@click.command("copy")
@click.argument("version", shell_complete=shell_complete.images)
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

    wanted = [check_region(name) for name in dict.fromkeys(regions)]
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
@click.argument("version", shell_complete=shell_complete.images)
@ACCOUNTS
@click.option("--public", is_flag=True, help="Share it with everyone, as a community image.")
@YES
@REGION
def image_share(version: str, accounts: tuple[str, ...], public: bool, yes: bool, region: str | None) -> None:
    """Share VERSION, an image id or name, with other accounts, or with everyone.

    With --public, everyone with an Alibaba Cloud account can start it, read each file on it, and keep a copy that you
    cannot take back: credentials, registries and sources that a build left on the disk are public.

    \b
    Examples:
      goldrun image share github-runner-ubuntu24-amd64-latest --account 1234567890123456
      goldrun image share github-runner-ubuntu24-amd64-20261120093000 --public
    """
    _check(accounts, public=public)
    if public:
        require_consent(f"The publication of {version}", yes=yes)
    client = open_client(region)
    found = find_own(client, version)
    if public and not confirm(
        f"Make {found.name} public?",
        [f"would make public: {found.name} ({found.image_id}); copies that others make cannot be revoked"],
        place_of(client),
        yes=yes,
    ):
        return
    _change(client, found, accounts, public=public, on=True)


@click.command("unshare")
@click.argument("version", shell_complete=shell_complete.images)
@ACCOUNTS
@click.option("--public", is_flag=True, help="Stop sharing it with everyone.")
@REGION
def image_unshare(version: str, accounts: tuple[str, ...], public: bool, region: str | None) -> None:
    """Stop sharing VERSION, an image id or name, with accounts, or with everyone."""
    _check(accounts, public=public)
    client = open_client(region)
    _change(client, find_own(client, version), accounts, public=public, on=False)


def _check(accounts: tuple[str, ...], *, public: bool) -> None:
    if not accounts and not public:
        raise UsageError("No account to share with is given.", fix=["--account ID", "everyone: --public"])


def _change(client: EcsClient, image: Image, accounts: tuple[str, ...], *, public: bool, on: bool) -> None:
    share_image(client, image, accounts, on=on)
    if public:
        set_public(client, image, on=on)
    everyone, others = describe_sharing(client, image)
    left = ", ".join([*(["everyone"] if everyone else []), *others]) or "nobody"
    output.note(f"{image.name} ({image.image_id}) is shared with {left}.")
