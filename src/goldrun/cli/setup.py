"""``goldrun setup``."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from goldrun import config, settings, stdio
from goldrun.cli import colours, output
from goldrun.cli.common import ENVIRONMENT, JSON, REF, REGION, YES, confirm, open_client, open_github, place_of
from goldrun.cli.pages import open_page
from goldrun.cli.scopes import jobs_option
from goldrun.cli.setup_questions import AUTH, EGRESS, NAT_PRICE, ask, ask_token
from goldrun.cloud.objects import read_folder
from goldrun.cloud.regions import check_zones
from goldrun.errors import EXIT_FOUND, UsageError
from goldrun.github.connection import may_connect
from goldrun.github.scope import Scope, repository_scope
from goldrun.runners.subjects import find_subjects, issuer_of
from goldrun.setup import plan as planning
from goldrun.setup.app_keys import Keys
from goldrun.setup.app_maker import AppMaker
from goldrun.setup.kinds import Choices, Site
from goldrun.setup.network import check_cidr
from goldrun.setup.plan import Step, describe
from goldrun.setup.variables import variables_of
from goldrun.setup.zones import find_zones

if TYPE_CHECKING:
    from goldrun.cloud.client import EcsClient
    from goldrun.github.client import GitHub

SOURCE = "goldrun/goldrun@v1"
_SOURCE = re.compile(r"[\w.-]+/[\w.-]+@[\w./-]+", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}")
EXPORTS = ("terraform", "ros")
_COLOURS = {"+": "green", "~": "yellow", "-": "red"}


@click.command()
@click.option("--name", default="goldrun", show_default=True, help="Name of this setup, and of what is in it.")
@click.option(
    "--repo",
    "repos",
    multiple=True,
    metavar="OWNER/NAME",
    help="Repository whose workflows it is for; can be repeated.",
)
@ENVIRONMENT
@REF
@jobs_option("What workflows may do; can be repeated.")
@click.option(
    "--egress",
    type=click.Choice(EGRESS),
    default=EGRESS[0],
    show_default=True,
    help="How instances reach the internet: by public addresses of their own (--public-ip), or by a NAT gateway.",
)
@click.option("--cidr", default="", metavar="BLOCK", help="Addresses of the VPC.  [default: 10.85.0.0/16]")
@click.option(
    "--zone", "zones", multiple=True, metavar="ZONE", help="Zone to use; can be repeated (default: all with stock)."
)
@click.option(
    "--auth",
    type=click.Choice(AUTH),
    help="How workflows administer runners: as a GitHub App, which you make on a page that opens, or with a token.",
)
@click.option("--workflows", is_flag=True, help="Propose the workflows to the repositories, as a pull request.")
@click.option(
    "--source",
    default=SOURCE,
    show_default=True,
    metavar="OWNER/NAME@REF",
    help="Where those workflows get goldrun from.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done; exit with 7 if that is anything.")
@click.option(
    "--export", type=click.Choice(EXPORTS), help="Print the same as code, and create nothing; what exists is imported."
)
@click.option("--destroy", is_flag=True, help="Delete what this setup created.")
@YES
@REGION
@JSON
def setup(
    name: str,
    repos: tuple[str, ...],
    environment: str,
    ref: str,
    jobs: tuple[str, ...],
    egress: str,
    cidr: str,
    zones: tuple[str, ...],
    auth: str | None,
    workflows: bool,
    source: str,
    only_plan: bool,
    export: str | None,
    destroy: bool,
    yes: bool,
    region: str | None,
    as_json: bool,
) -> None:
    """Create what goldrun needs in an account: network, roles, identity provider, variables of repositories.

    Shows a plan first. A second run changes nothing, and a run that was interrupted is finished by the next one: what
    there is is found by tags and names. --destroy removes it again.

    With --repo, workflows of these repositories need no stored key: they assume a role by their identity. Their
    variables are set if GOLDRUN_GITHUB_TOKEN may do that (Variables: write; with --auth Secrets: write; with
    --workflows Contents, Pull requests and Workflows: write).

    Without options it asks, on a terminal, one question after the other.

    \b
    Examples:
      goldrun setup --repo octo-org/octo-repo --plan
      goldrun setup --repo octo-org/octo-repo --yes
      goldrun setup --repo octo-org/octo-repo --auth app --workflows
      goldrun setup --repo octo-org/octo-repo --export terraform > goldrun.tf
      goldrun setup --destroy
    """
    if not (yes or only_plan or export or destroy or as_json) and _nothing_said() and _asks():
        repos, egress, auth, workflows = ask()
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a name for a setup.", fix=["use lower-case letters, digits and hyphens."])
    scopes = [repository_scope(repo) for repo in repos]
    block = check_cidr(cidr) if cidr else ""
    if not (yes or only_plan or export or _asks()):
        raise UsageError("The setup was not done: there is no terminal to ask on.", fix=["pass --plan, or --yes"])
    _require_one_task(destroy=destroy, only_plan=only_plan, export=export, as_json=as_json)
    _require_sense(repos, auth, workflows=workflows, source=source)
    client = open_client(region)
    github = open_github(public=True)
    choices = Choices(
        name=name,
        cidr=block,
        nat=egress == "nat",
        jobs=jobs,
        subjects=tuple(_subjects(github, scopes, environment=environment, ref=ref)),
        issuer=issuer_of(github.server),
        audience=config.OIDC_AUDIENCE.read(os.environ),
        repositories=tuple(str(scope) for scope in scopes),
        auth=auth or "",
        workflows=workflows,
        source=source,
        sboms=read_folder(os.environ),
        gone=destroy,
    )
    has_token = may_connect(os.environ)
    site = Site(client, choices, github if has_token else None, _app_maker(github) if auth == "app" else None)
    if not destroy:
        site.choices = replace(choices, zones=_zones(client, zones) or find_zones(client, site.tags))
    if scopes and not has_token:
        output.note("no variables are set: GOLDRUN_GITHUB_TOKEN is missing.")
    steps = planning.make_plan(site)
    if export:
        _export(site, export)
        return
    _show(steps, site)
    if not only_plan and not _apply(site, steps, yes=yes):
        return
    if as_json:
        from goldrun.cli.json.setup import Setup

        output.result_json(Setup.of(site, steps))
    elif not only_plan and not destroy:
        _print_variables(site)
    if only_plan and steps:
        click.get_current_context().exit(EXIT_FOUND)


def _apply(site: Site, steps: Sequence[Step], *, yes: bool) -> bool:
    """Ask, then do what was planned; return whether it was done."""
    if site.choices.auth == "token" and any(step.sign == "+" and step.kind.name == "secret" for step in steps):
        site.choices = replace(site.choices, token=ask_token())
    if not confirm("Do this?", [], place_of(site.client), yes=yes or not steps):
        return False
    from goldrun.cli.progress import moving

    with moving("applying the plan"):
        planning.apply(site, steps, output.note)
    return True


def _export(site: Site, language_of: str) -> None:
    from goldrun.setup.export import ros, terraform

    if language_of == "ros":
        output.result_json(ros(site))
    else:
        output.result(terraform(site).rstrip())


def _print_variables(site: Site) -> None:
    """Print the variables that make goldrun use the setup."""
    for variable, value in variables_of(site).items():
        output.result(f"{variable}={shlex.quote(value)}")
    if not site.choices.nat:
        output.note("instances need a public address to reach GitHub: --public-ip, or public_ip in a profile.")
    for pull in site.seen.get("pull request", ()):
        output.note(f"review and merge: {pull.id}")


def _require_one_task(*, destroy: bool, only_plan: bool, export: str | None, as_json: bool) -> None:
    """Check that what is asked for can be done at once.

    Raises:
        UsageError: it cannot.
    """
    other = "--destroy" if destroy else "--plan" if only_plan else "--json"
    if export and (destroy or only_plan or as_json):
        raise UsageError(f"--export prints a setup as code, and {other} does something else.", fix=["pass one of them"])


def _require_sense(repos: Sequence[str], auth: str | None, *, workflows: bool, source: str) -> None:
    """Check the options for repositories, before anything is asked.

    Raises:
        UsageError: they contradict each other.
    """
    options = [*(["--auth"] if auth else []), *(["--workflows"] if workflows else [])]
    if options and not repos:
        raise UsageError(f"{options[0]} is about repositories, and none is named.", fix=["pass --repo OWNER/NAME"])
    if (workflows or auth == "token") and not may_connect(os.environ):
        raise UsageError(
            f"{options[-1]} needs a token that may change the repositories.", fix=["export GOLDRUN_GITHUB_TOKEN=…"]
        )
    if not _SOURCE.fullmatch(source):
        raise UsageError(f"--source {source!r} is not OWNER/NAME@REF.", fix=[f"for example {SOURCE}"])
    if auth == "app" and os.environ.get("GITHUB_ACTIONS") == "true":
        raise UsageError("A GitHub App is made by a person, in a browser.", fix=["run goldrun setup on your computer"])


def _app_maker(github: GitHub) -> AppMaker:
    host = github.server.partition("://")[2].partition("/")[0]
    return AppMaker(github, Keys(settings.user_file(os.environ).parent / "apps", host), open_page)


def _nothing_said() -> bool:
    """Return whether none of what is asked was given as an option."""
    context = click.get_current_context()
    return not any(
        (source := context.get_parameter_source(one)) and source.name == "COMMANDLINE"
        for one in ("repos", "egress", "auth", "workflows")
    )


def _asks() -> bool:
    return stdio.is_terminal(sys.stdin)


def _subjects(github: GitHub, scopes: Sequence[Scope], *, environment: str, ref: str) -> Iterator[str]:
    for scope in scopes:
        yield from find_subjects(github, scope, environment=environment, ref=ref)


def _zones(client: EcsClient, zones: Sequence[str]) -> tuple[str, ...]:
    """Return the zones that were named.

    Raises:
        UsageError: one is not of the region.
    """
    if zones:
        check_zones(client, zones)
    return tuple(sorted(set(zones)))


def _show(steps: Sequence[Step], site: Site) -> None:
    """Print a plan to stderr, as Terraform prints one; its colours on a terminal alone."""
    for step in steps:
        first, *more = describe(step)
        stdio.to_stderr("  " + colours.coloured(first, _COLOURS[step.sign]))
        for line in more:
            stdio.to_stderr(f"  {line}")
    counts = {sign: sum(step.sign == sign for step in steps) for sign in _COLOURS}
    added, changed, destroyed = (counts[sign] for sign in "+~-")
    name, region = site.choices.name, site.client.region
    output.note(f"plan for {name} in {region}: {added} to add, {changed} to change, {destroyed} to destroy.")
    for other, why in (site.kept_for or {}).items():
        if why:
            output.note(f"roles, policies and the identity provider are kept: {other} could not be asked: {why}")
        else:
            output.note(f"roles, policies and the identity provider are kept: {other} has this setup, too.")
    if any(step.sign == "+" and step.kind.name == "NAT gateway" for step in steps):
        output.note(f"a NAT gateway costs about {NAT_PRICE} USD an hour in China, and by traffic; so does its address.")
