"""What the commands have in common: options, the client, asking before a deletion."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from goldrun import language, telling, workflow
from goldrun.cli import output
from goldrun.clock import SystemClock
from goldrun.errors import GoldrunError, UsageError

if TYPE_CHECKING:  # --help must not pay for a client
    from goldrun.cloud.client import EcsClient
    from goldrun.github.client import GitHub

REGION = click.option("--region", metavar="REGION", help="Region to work in. [env: ALIYUN_REGION_ID]")
ARCH = click.option("--arch", metavar="ARCH", envvar="ARCH", help="amd64 or arm64. [env: ARCH]")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
KEEP = click.option(
    "--keep", type=click.IntRange(1), help="Versions that stay, the published one counted. [env: KEEP_IMAGE_COUNT]"
)
YES = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation; required without a terminal.")


def open_client(region: str | None) -> EcsClient:
    """The client that the environment describes; closed when the command ends.

    Raises:
        GoldrunError: see ``connect``.
    """
    from goldrun.cloud.client import connect

    if region == "":
        raise UsageError("--region is empty.", fix=["write e.g. --region cn-hangzhou"])
    client = connect(os.environ, SystemClock(), region=region, notice=output.note, trace=output.trace())
    click.get_current_context().call_on_close(client.close)
    return client


def open_github(*, public: bool = False) -> GitHub:
    """GitHub as the environment describes it; closed when the command ends.

    Args:
        public: only what everybody may read is asked for, so no token is needed.

    Raises:
        GoldrunError: see ``goldrun.github.client.connect``.
    """
    from goldrun.github.client import connect as connect_github

    client = connect_github(os.environ, SystemClock(), notice=output.note, trace=output.trace(), public=public)
    click.get_current_context().call_on_close(client.close)
    return client


def silence(quiet: bool) -> None:
    """Let notes be dropped."""
    if quiet:
        click.get_current_context().find_root().obj["quiet"] = True


def require_consent(what: str, *, yes: bool) -> None:
    """See that somebody said yes in advance, or can be asked; before anything is sent.

    Raises:
        UsageError: nobody can be asked.
    """
    if not yes and not sys.stdin.isatty():
        raise UsageError(f"{what} was not done: nobody could be asked.", fix=["say --yes"])


def confirm(question: str, plan: Iterable[str], place: Callable[[], str], *, yes: bool) -> bool:
    """Whether it may be done: the person said so in advance, or sees the plan and is asked.

    Args:
        question: what is asked.
        plan: what would happen, a line each; read only when somebody is asked.
        place: says where, in words; called only then.
        yes: what was said in advance.
    """
    if yes:
        return True
    for line in plan:
        telling.aside(f"  {workflow.shown(os.environ, language.say(os.environ, line))}")
    telling.aside(language.say(os.environ, place()))
    if click.confirm(language.say(os.environ, question), err=True):
        return True
    output.note("nothing was changed.")
    return False


def place_of(client: EcsClient) -> Callable[[], str]:
    """Says whose account, which region and which endpoint a command works on."""

    def words() -> str:
        from goldrun.cloud.identity import describe_account

        try:
            account = describe_account(client)
        except GoldrunError as error:
            account = f"an account that could not be asked for ({error.what})"
        return f"in {account}, {client.region}, {client.endpoint}."

    return words


class Number(click.FloatRange):
    """A number in a range: not ``nan``, which compares as if it were in every range, and not infinite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; a word that is none is the person's mistake."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a number of use.", param, ctx)
        return number
