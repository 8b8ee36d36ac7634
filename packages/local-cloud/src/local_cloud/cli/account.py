"""The account: its content and its permissions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

import click

from goldrun.cli import output
from goldrun.cli.common import YES, confirm, require_consent
from goldrun.errors import UsageError
from local_cloud import daemon
from local_cloud.cli.common import DATA, control, plain


@click.command()
@DATA
@click.option("--seed", is_flag=True, help="Add the realistic account afterwards.")
@YES
def reset(data: Path, seed: bool, yes: bool) -> None:
    """Delete everything in the local cloud, faults and denials included."""
    require_consent("The reset", yes=yes)
    running, status = daemon.require(data)
    counted = ("images", "snapshots", "instances")
    plan = (f"would delete: {key} {plain(status[key])}" for key in counted if status.get(key))
    if not confirm("Empty it?", plan, lambda: f"in the local cloud at {running.url}, its data in {data}.", yes=yes):
        return
    control(data, "POST", "reset", {"seed": seed})
    output.note("the local cloud is empty." if not seed else "the local cloud has the realistic account.")


@click.command()
@DATA
def seed(data: Path) -> None:
    """Add a realistic account: the guide's images, older versions, similar names, shared images."""
    control(data, "POST", "seed")
    output.note("added the realistic account: goldrun image ls --all")


@click.command()
@DATA
@click.argument("actions", nargs=-1, required=True)
def deny(data: Path, actions: tuple[str, ...]) -> None:
    """Deny ACTIONS, e.g. ecs:DescribeImages or 'ecs:*', as a RAM policy would."""
    control(data, "POST", "deny", {"actions": [_ram_action(action) for action in actions]})


@click.command()
@DATA
@click.argument("actions", nargs=-1, required=True)
def allow(data: Path, actions: tuple[str, ...]) -> None:
    """Lift denials of ACTIONS."""
    control(data, "POST", "allow", {"actions": [_ram_action(action) for action in actions]})


@click.command()
@DATA
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--key", default="goldrun-local", show_default=True, help="The AccessKey to restrict.")
@click.option("--role", help="The instance role to restrict, instead of a key.")
@click.option("--clear", is_flag=True, help="Remove the policy: the key may do everything again.")
def policy(data: Path, file: BinaryIO | None, key: str, role: str | None, clear: bool) -> None:
    """Attach and enforce the RAM policy of FILE (- for stdin) on an AccessKey.

    \b
    Examples:
      goldrun policy --for lookup | goldrun local policy -
      goldrun local policy --clear
    """
    document = _read_policy(file, clear=clear)
    control(data, "POST", "policy", {"key": role or key, "role": role is not None, "document": document})


@click.command()
@DATA
@click.argument("role")
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--clear", is_flag=True, help="Remove the policy: the role trusts every job again.")
def trust(data: Path, role: str, file: BinaryIO | None, clear: bool) -> None:
    """Set ROLE's trust policy from FILE (- for stdin); AssumeRoleWithOIDC enforces it.

    \b
    Example:
      goldrun policy --trust --repo octo-org/octo-repo --account 1000000000000001 | goldrun local trust ci -
    """
    control(data, "POST", "trust", {"role": role, "document": _read_policy(file, clear=clear)})


def _read_policy(file: BinaryIO | None, *, clear: bool) -> Any:
    if bool(file) == clear:
        raise UsageError("Name a file, or pass --clear.")
    try:
        return json.load(file) if file else None
    except ValueError as error:
        raise UsageError("The policy is not JSON.", why=[f"{error}."]) from error


def _ram_action(text: str) -> str:
    if ":" not in text:
        raise UsageError(f"{text!r} is not an action of RAM.", fix=[f"write ecs:{text}"])
    return text
