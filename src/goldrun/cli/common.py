"""What the commands have in common: options, the client, asking before a deletion."""

from __future__ import annotations

import os
import sys

import click

from goldrun.cli import output
from goldrun.clock import SystemClock
from goldrun.ecs.client import EcsClient, connect
from goldrun.errors import UsageError

REGION = click.option("--region", metavar="REGION", help="Region to work in. [env: ALIYUN_REGION_ID]")
ARCH = click.option("--arch", metavar="ARCH", envvar="ARCH", help="amd64 or arm64. [env: ARCH]")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
YES = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def open_client(region: str | None) -> EcsClient:
    """The client that the environment describes; closed when the command ends.

    Raises:
        GoldrunError: see ``connect``.
    """
    if region == "":
        raise UsageError("--region is empty.", fix=["write e.g. --region cn-hangzhou"])
    client = connect(os.environ, SystemClock(), region=region, notice=output.note)
    click.get_current_context().call_on_close(client.close)
    return client


def silence(quiet: bool) -> None:
    """Let notes be dropped."""
    if quiet:
        click.get_current_context().find_root().obj["quiet"] = True


def confirm(what: str, *, yes: bool) -> bool:
    """Whether ``what`` may be deleted: the person said so in advance, or is asked.

    Raises:
        UsageError: nobody can be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"{what} was not deleted: nobody could be asked.", fix=["say --yes"])
    if click.confirm(f"Delete {what}?", err=True):
        return True
    output.note("nothing was deleted.")
    return False
