"""What ``goldrun setup`` asks where nothing was said."""

from __future__ import annotations

import configparser
import os
import re
from pathlib import Path
from typing import NamedTuple

import click

from goldrun import config, language, setting_files
from goldrun.cli.output import note
from goldrun.errors import UsageError
from goldrun.github.connection import may_connect
from goldrun.github.scope import repository_scope

EGRESS = ("public", "nat")
AUTH = ("app", "token")
# USD an hour in China, without traffic and capacity units. Source: "Billing of Internet NAT gateways".
NAT_PRICE = 0.034


class Answers(NamedTuple):
    """What is asked: see the options of the same names."""

    repos: tuple[str, ...]
    egress: str
    auth: str | None
    workflows: bool


def ask() -> Answers:
    """Ask one question after the other, on stderr."""
    note("repositories whose workflows it is for: OWNER/NAME, separated by spaces; - for none.")
    repos = _repositories()
    note(
        f"instances reach the internet by public addresses of their own, or by a NAT gateway: {NAT_PRICE} USD an hour."
    )
    egress = _choose("Internet access", EGRESS, EGRESS[0])
    auth, workflows = "later", False
    if repos and may_connect(os.environ):
        note("workflows administer runners as a GitHub App, which you make on a page that opens, or with a token.")
        auth = _choose("By which", (*AUTH, "later"), AUTH[0])
        workflows = click.confirm(_said("Propose the workflows as a pull request?"), default=True, err=True)
    return Answers(repos, egress, auth if auth in AUTH else None, workflows)


def ask_token() -> str:
    """Return the token that workflows administer runners with, from the environment or the person; never shown.

    Raises:
        UsageError: there is none, or it is not one.
    """
    token = config.WORKFLOWS_TOKEN.read(os.environ)
    if not token and os.isatty(0):
        token = click.prompt(_said("Token that may administer the repositories' runners"), hide_input=True, err=True)
    if not token:
        raise UsageError(
            "There is no token to store.",
            why=["it is stored as a secret of the repositories, and your own GOLDRUN_GITHUB_TOKEN may do more."],
            fix=[f"export {config.WORKFLOWS_TOKEN.names[0]}=…, with Administration: write and Actions: write"],
        )
    if not re.fullmatch(r"[!-~]+", token):
        raise UsageError("The token contains characters that are not valid.", fix=["copy it once more"])
    return str(token)


def _repositories() -> tuple[str, ...]:
    while True:
        text = click.prompt(
            _said("Which repositories"), default=repository_here(Path(setting_files.here())) or "-", err=True
        )
        names = tuple(dict.fromkeys(str(text).replace(",", " ").replace("-", "", text == "-").split()))
        try:
            return tuple(str(repository_scope(name)) for name in names)
        except UsageError as error:
            note(f"{error.what} {' '.join(error.fix)}")


def _choose(question: str, of: tuple[str, ...], default: str) -> str:
    return str(click.prompt(_said(question), type=click.Choice(of), default=default, err=True))


def _said(question: str) -> str:
    return language.say(os.environ, question)


def repository_here(folder: Path) -> str:
    """Return the repository at GitHub that a folder's ``origin`` is; empty: it is none."""
    for place in (folder, *folder.parents):
        if (file := place / ".git" / "config").is_file():
            known = configparser.ConfigParser(strict=False, interpolation=None)
            try:
                known.read_string(re.sub(r"(?m)^\s+", "", file.read_text(encoding="utf-8")))
            except (OSError, UnicodeDecodeError, configparser.Error):
                return ""
            url = known.get('remote "origin"', "url", fallback="")
            match = re.search(r"github\.[^:/]+[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$", url)
            return match[1] if match else ""
    return ""
