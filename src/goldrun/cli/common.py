"""What the commands share: options, clients, confirmation."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from goldrun import language, stdio, workflow
from goldrun.cli import output, shell_complete
from goldrun.clock import SystemClock
from goldrun.errors import GoldrunError, UsageError

if TYPE_CHECKING:  # --help must not pay for a client
    from goldrun.cloud.client import EcsClient
    from goldrun.github.client import GitHub

REGION = click.option("--region", metavar="REGION", help="Region to work in. [env: ALIYUN_REGION_ID]")
ARCH = click.option("--arch", metavar="ARCH", envvar="ARCH", help="amd64 or arm64. [env: ARCH]")
IDS = click.argument("ids", nargs=-1, required=True, metavar="ID…", shell_complete=shell_complete.instances)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
KEEP = click.option(
    "--keep", type=click.IntRange(1), help="Versions to keep, including the published one. [env: KEEP_IMAGE_COUNT]"
)
YES = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation; required without a terminal.")


def not_empty(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse an option that is given and says nothing: `"$UNSET"` must not mean the default.

    Raises:
        UsageError: it is empty.
    """
    given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    if given and value is not None and not value.strip():
        raise UsageError(f"{parameter.opts[0]} is empty.", fix=["name one, or leave the option out"])
    return value


ENVIRONMENT = click.option(
    "--environment", default="", callback=not_empty, metavar="NAME", help="Trust only jobs of this environment."
)
REF = click.option(
    "--ref",
    default="",
    callback=not_empty,
    metavar="REF",
    help="Trust only jobs of this ref (default: the default branch).",
)


def open_client(region: str | None) -> EcsClient:
    """Return the client that the environment describes; closed when the command ends.

    Raises:
        GoldrunError: see ``connect``.
    """
    from goldrun.cloud.client import connect

    if region == "":
        raise UsageError("--region is empty.", fix=["for example --region cn-hangzhou"])
    client = connect(os.environ, SystemClock(), region=region, notice=output.note, trace=output.trace())
    click.get_current_context().call_on_close(client.close)
    return client


def open_github(*, public: bool = False) -> GitHub:
    """Return a client of the GitHub that the environment describes; closed when the command ends.

    Args:
        public: the command reads public data alone, so no token is needed.

    Raises:
        GoldrunError: see ``goldrun.github.connection.connect``.
    """
    from goldrun.github.connection import connect as connect_github

    client = connect_github(os.environ, SystemClock(), notice=output.note, trace=output.trace(), public=public)
    click.get_current_context().call_on_close(client.close)
    return client


def silence(quiet: bool) -> None:
    """Drop notes, if ``quiet``."""
    if quiet:
        click.get_current_context().find_root().obj["quiet"] = True


def require_consent(what: str, *, yes: bool) -> None:
    """Check, before any request is sent, that ``--yes`` was given or a terminal can ask.

    Raises:
        UsageError: there is neither.
    """
    if not yes and not stdio.is_terminal(sys.stdin):
        raise UsageError(
            f"{what} was not done: it needs a confirmation, and there is no terminal to ask on.", fix=["pass --yes"]
        )


def confirm(question: str, plan: Iterable[str], place: Callable[[], str], *, yes: bool) -> bool:
    """Return whether the command may proceed: ``--yes`` was given, or the person agrees to the plan.

    Args:
        question: the question.
        plan: what would happen, a line each; read only if the question is asked.
        place: returns a description of the account and region; called only then.
        yes: whether ``--yes`` was given.
    """
    if yes:
        return True
    for line in plan:
        stdio.to_stderr(f"  {workflow.shown(os.environ, language.say(os.environ, line))}")
    stdio.to_stderr(language.say(os.environ, place()))
    if click.confirm(language.say(os.environ, question), err=True):
        return True
    output.note("nothing was changed.")
    return False


def place_of(client: EcsClient) -> Callable[[], str]:
    """Return a function that describes the account, region and endpoint that a command works on."""

    def words() -> str:
        from goldrun.cloud.identity import describe_account

        try:
            account = describe_account(client)
        except GoldrunError as error:
            account = f"an unknown account ({error.what})"
        return f"in {account}, {client.region}, {client.endpoint}."

    return words


class Number(click.FloatRange):
    """A number in a range: not ``nan``, which compares as if it were in every range, and not infinite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; fail for other words."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not valid: it must be finite.", param, ctx)
        return number
