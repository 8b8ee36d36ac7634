"""What a command is about: a repository or an organization, and the jobs of goldrun there."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import click

from goldrun import config
from goldrun.errors import UsageError
from goldrun.github.scope import Scope, organization_scope, repository_scope
from goldrun.policies import JOBS

REPOSITORY = click.option("--repo", metavar="OWNER/NAME", help="The repository. [env: GITHUB_REPOSITORY]")
Command = TypeVar("Command", bound=Callable[..., object])


def scope_options(command: Command) -> Command:
    """Add the options that select the scope; ``read_scope`` takes them."""
    command = click.option("--org", metavar="NAME", help="The organization, instead of a repository.")(command)
    return REPOSITORY(command)


def jobs_option(words: str) -> Callable[[Command], Command]:
    """Return the option that selects jobs of ``goldrun.policies``; ``words`` say what for."""
    return click.option(
        "--for",
        "jobs",
        multiple=True,
        type=click.Choice([job for job in JOBS if job != "self-destruct"]),
        default=("lookup", "runner", "sweep"),
        show_default=True,
        help=words,
    )


def read_scope(repo: str | None, org: str | None) -> Scope:
    """Return the scope that the options name (default: the repository of this workflow).

    Raises:
        UsageError: both are given, or neither, or one is not valid.
    """
    if repo is not None and org is not None:
        raise UsageError("--repo and --org exclude each other.", fix=["pass one of them."])
    if org is not None:
        return organization_scope(org)
    return repository_scope(named_repository() if repo is None else repo)


def named_repository() -> str:
    """Return the repository that the environment names.

    Raises:
        UsageError: it names none.
    """
    return config.GITHUB_REPOSITORY.require(os.environ, "or --repo OWNER/NAME")


def repository_of(scope: Scope) -> Scope:
    """Return the repository of this workflow: the scope itself unless it is an organization."""
    return scope if "/" in scope.name else repository_scope(named_repository())
