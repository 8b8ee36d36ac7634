"""``goldrun doctor``."""

from __future__ import annotations

import os

import click

from goldrun import config
from goldrun.cli import colours, output
from goldrun.cli.common import ARCH, JSON, REGION, open_client, open_github
from goldrun.cli.scopes import jobs_option, scope_options
from goldrun.doctor.checks import run_checks
from goldrun.doctor.finding import BROKEN, GOOD, UNKNOWN, WARNING, CheckContext, Finding, fixed
from goldrun.errors import EXIT_FOUND, GoldrunError
from goldrun.github.connection import may_connect
from goldrun.github.scope import Scope, organization_scope, repository_scope

_MARKS = {
    GOOD: ("ok", "green"),
    WARNING: ("warning", "yellow"),
    BROKEN: ("broken", "red"),
    UNKNOWN: ("unknown", "cyan"),
}

INDENT = 9


@click.command()
@jobs_option("What must be allowed; can be repeated.")
@scope_options
@click.option("--image", metavar="NAME", help="The image of instances. [env: IMAGE_NAME]")
@ARCH
@click.option("--public-ip", is_flag=True, help="Instances have public IP addresses.")
@click.option("--fix", is_flag=True, help="Fix what can be fixed safely.")
@REGION
@JSON
def doctor(
    jobs: tuple[str, ...],
    repo: str | None,
    org: str | None,
    image: str | None,
    arch: str | None,
    public_ip: bool,
    fix: bool,
    region: str | None,
    as_json: bool,
) -> None:
    """Find what keeps goldrun from working or costs money.

    Reports what each finding breaks and the command that fixes it. Changes nothing without --fix. Exits with 7 if
    something is broken.

    \b
    Examples:
      goldrun doctor
      goldrun doctor --repo octo-org/octo-repo --image github-runner-ubuntu24 --arch amd64
      goldrun doctor --json | jq '.[] | select(.state == "broken")'
    """
    named = image or config.IMAGE_NAME.read(os.environ)
    context = CheckContext(
        env=os.environ,
        client=open_client(region),
        github=open_github() if may_connect(os.environ) else None,
        scope=_scope(repo, org),
        jobs=jobs,
        image=named,
        arch=arch or "",
        public_ip=public_ip,
    )
    findings: list[Finding] = []
    reasons: dict[str, str] = {}
    for found in run_checks(context):
        finding = _repair(found) if fix and found.repair else found
        findings.append(finding)
        if not as_json:
            _show(finding, reasons)
    if as_json:
        from goldrun.cli.json.doctor import Diagnosis

        output.result_json([Diagnosis.of(finding) for finding in findings])
    broken = sum(finding.state == BROKEN for finding in findings)
    warnings = sum(finding.state == WARNING for finding in findings)
    output.note(f"{len(findings)} checks: {broken} broken, {warnings} warnings.")
    if broken:
        click.get_current_context().exit(EXIT_FOUND)


def _repair(finding: Finding) -> Finding:
    assert finding.repair
    try:
        finding.repair()
    except GoldrunError as error:
        output.note(f"not fixed: {error.what}")
        return finding
    return fixed(finding)


def _scope(repo: str | None, org: str | None) -> Scope | None:
    if org is not None:
        return organization_scope(org)
    named = config.GITHUB_REPOSITORY.read(os.environ) if repo is None else repo
    return repository_scope(named) if named else None


def _show(finding: Finding, reasons: dict[str, str]) -> None:
    """Print a finding, and below it what it breaks and how to fix it.

    Args:
        finding: what was found.
        reasons: why checks could not be made, each with the first of them: several fail for the same reason.
    """
    word, colour = _MARKS[finding.state]
    what = output.hanging(f"{output.localized(finding.check)}: {output.localized(finding.what)}", INDENT)
    output.result(f"{colours.mark(f'{word:{INDENT - 1}}', colour)} {what}")
    if finding.state == GOOD:
        return
    pad = " " * INDENT
    if finding.state == UNKNOWN and finding.breaks:
        first = reasons.setdefault(finding.breaks, finding.check)
        if first != finding.check:
            output.result(f"{pad}{output.localized(f'for the same reason as {first}.')}")
            return
    if finding.breaks:
        output.result(f"{pad}{output.hanging(output.localized(finding.breaks), INDENT)}")
    if finding.fix:
        output.result(f"{pad}fix: {output.localized(finding.fix)}")  # in one line, to be pasted
