"""``goldrun policy``."""

from __future__ import annotations

import os
import re

import click

from goldrun import config
from goldrun.cli import output
from goldrun.cli.common import ENVIRONMENT, REF, not_empty, open_github
from goldrun.cli.scopes import named_repository
from goldrun.errors import UsageError
from goldrun.policies import JOBS, policy_for, trust_policy

_ARN = re.compile(r"acs:ram::\d+:oidc-provider/[\w.-]{1,128}", re.ASCII)


@click.command()
@click.option(
    "--for",
    "jobs",
    multiple=True,
    type=click.Choice(list(JOBS)),
    default=("lookup",),
    show_default=True,
    help="What the policy must allow; can be repeated.",
)
@click.option("--trust", is_flag=True, help="Print the trust policy of a role for the jobs of --repo.")
@click.option("--repo", metavar="OWNER/NAME", help="The repository. [env: GITHUB_REPOSITORY]")
@ENVIRONMENT
@REF
@click.option(
    "--account", callback=not_empty, metavar="UID", help="Id of the Alibaba Cloud account with the identity provider."
)
@click.option(
    "--provider",
    callback=not_empty,
    metavar="NAME|ARN",
    help="Its name or ARN. [env: ALIBABA_CLOUD_OIDC_PROVIDER_ARN; default: github]",
)
def policy(
    jobs: tuple[str, ...],
    trust: bool,
    repo: str | None,
    environment: str,
    ref: str,
    account: str | None,
    provider: str | None,
) -> None:
    """Print the least-privilege RAM policy for jobs, as JSON.

    With --trust, prints the trust policy of the role that one repository's jobs assume with their identity tokens. It
    names the repository by its name and by its ids, which goldrun reads from GitHub.

    \b
    lookup   find images by name
    publish  publish, roll back, prune, protect, remove, copy and share versions
    build    build, boot-test and publish images
    run      choose offers; create, watch, extend and release instances
    runner   start and stop runners for GitHub Actions jobs
    serve    run jobs by label
    scan     find an image, and read its bill of materials in GOLDRUN_SBOM_BUCKET
    self-destruct  delete the instance itself: for the role of runner instances
    sweep    find and delete what is no longer used
    cost     show what instances cost

    \b
    Examples:
      goldrun policy
      goldrun policy --for run --for sweep > policy.json
      goldrun policy --trust --repo octo-org/octo-repo --account 1234567890123456 > trust.json
    """
    if not trust:
        if repo is not None or environment or ref or account or provider:
            raise UsageError("--repo, --environment, --ref, --account and --provider need --trust.")
        from goldrun.cloud.objects import read_folder

        output.result_json(policy_for(list(jobs), read_folder(os.environ)))
        return
    from goldrun.github.scope import repository_scope
    from goldrun.runners.subjects import find_subjects, issuer_of

    scope = repository_scope(named_repository() if repo is None else repo)
    arn = _provider(account, provider)
    github = open_github(public=True)
    subjects = find_subjects(github, scope, environment=environment, ref=ref)
    audience = config.OIDC_AUDIENCE.read(os.environ)
    output.result_json(trust_policy(arn, issuer=issuer_of(github.server), audience=audience, subjects=subjects))


def _provider(account: str | None, provider: str | None) -> str:
    """Return the ARN of the identity provider in RAM.

    Raises:
        UsageError: the account's id, or the provider, is none.
    """
    if account and not (account.isascii() and account.isdigit()):
        raise UsageError(
            f"--account {account!r} is not an account id.",
            fix=["write its id, for example 1234567890123456 (goldrun whoami shows yours)"],
        )
    named = provider or ("" if account else config.OIDC_PROVIDER_ARN.read(os.environ)) or "github"
    arn = named if named.startswith("acs:") else f"acs:ram::{account or ''}:oidc-provider/{named}"
    if not _ARN.fullmatch(arn):
        raise UsageError(
            f"{arn!r} is not a RAM identity provider.",
            fix=["pass --account UID, and --provider NAME if it is not called github."],
        )
    return arn
