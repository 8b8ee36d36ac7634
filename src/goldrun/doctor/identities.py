"""Identities: GitHub's token, the roles of instances and of workflows, whom they trust, and what they may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from goldrun import config
from goldrun.cloud import ram
from goldrun.doctor.access import actions_of, allowed_patterns, covers
from goldrun.doctor.finding import BROKEN, GOOD, UNKNOWN, WARNING, CheckContext, Finding
from goldrun.github.client import PERMISSIONS, GitHubError
from goldrun.github.runners import list_packages
from goldrun.runners.subjects import find_subjects, issuer_of

SETUP = "goldrun setup --repo {repository}"


def check_github(context: CheckContext) -> Iterator[Finding]:
    """Whether the token or App may administer runners."""
    if context.scope is None:
        yield Finding("github", UNKNOWN, "no repository is named.", "", "goldrun doctor --repo OWNER/NAME")
        return
    if context.github is None:
        yield Finding(
            "github",
            BROKEN,
            "there is no GitHub token.",
            "no runner can be registered.",
            "export GOLDRUN_GITHUB_TOKEN=…, or GOLDRUN_GITHUB_APP_ID and GOLDRUN_GITHUB_APP_KEY_FILE",
        )
        return
    try:
        list_packages(context.github, context.scope)  # needs the same permission as registering, and changes nothing
    except GitHubError as error:
        if error.retryable:
            raise  # an outage says nothing of the token
        yield Finding("github", BROKEN, error.what, "no runner can be registered.", PERMISSIONS[0])
        return
    yield Finding("github", GOOD, f"the token may administer runners of {context.scope}.")


def check_instances_role(context: CheckContext) -> Iterator[Finding]:
    """Whether instances can delete themselves after their job."""
    name = config.ROLE.read(context.env)
    breaks = "instances live on after their job, until their release time."
    if not name:
        yield Finding(
            "role of instances",
            WARNING,
            "no role is named.",
            breaks,
            f"goldrun setup, or export {config.ROLE.names[0]}=…",
        )
        return
    role = ram.get_role(context.client, name)
    if role is None:
        yield Finding(
            "role of instances", BROKEN, f"there is no role {name}.", "launches are refused.", "goldrun setup"
        )
        return
    if "ecs.aliyuncs.com" not in str(role.trust):
        yield Finding(
            "role of instances", BROKEN, f"{name} does not trust ECS.", "launches are refused.", "goldrun setup"
        )
        return
    yield from _drift(context, "role of instances", name, ("self-destruct",), breaks, "goldrun setup")


def check_workflows_role(context: CheckContext) -> Iterator[Finding]:
    """Whether workflows of the repository, and nobody else, may assume their role by their identity."""
    arn = config.ROLE_ARN.read(context.env)
    if not arn or context.scope is None or "/" not in context.scope.name or context.github is None:
        yield Finding("role of workflows", UNKNOWN, f"{config.ROLE_ARN.names[0]} or the repository is not named.")
        return
    name = arn.rpartition("/")[2]
    fix = SETUP.format(repository=context.scope)
    issuer = issuer_of(context.github.server)
    provider = ram.find_issuer(context.client, issuer)
    if provider is None:
        yield Finding(
            "role of workflows", BROKEN, f"RAM has no identity provider for {issuer}.", "workflows get no key.", fix
        )
        return
    audience = config.OIDC_AUDIENCE.read(context.env)
    if audience not in provider.audiences:
        yield Finding(
            "role of workflows",
            BROKEN,
            f"the identity provider {provider.name} does not accept the audience {audience}.",
            "workflows get no key.",
            fix,
            repair=lambda: ram.change_audiences(context.client, provider.name, (*provider.audiences, audience)),
        )
        return
    role = ram.get_role(context.client, name)
    if role is None:
        yield Finding("role of workflows", BROKEN, f"there is no role {name}.", "workflows get no key.", fix)
        return
    trusted = _subjects(role.trust)
    wanted = find_subjects(context.github, context.scope)
    if trusted is None or any("*" in _repository(one) for one in trusted):
        yield Finding(
            "role of workflows",
            BROKEN,
            f"{name} trusts jobs of every repository at GitHub.",
            "anybody's workflow gets a key of this account.",
            fix,
        )
    elif not {_repository(one) for one in trusted} & {_repository(one) for one in wanted}:
        yield Finding(
            "role of workflows", BROKEN, f"{name} does not trust {context.scope}.", "its workflows get no key.", fix
        )
    elif patterns := [one for one in trusted if "*" in one]:
        yield Finding(
            "role of workflows",
            WARNING,
            f"{name} trusts every job that matches {', '.join(patterns)}.",
            "whoever may push a branch that matches gets a key of this account.",
            fix,
        )
    else:
        yield from _drift(context, "role of workflows", name, context.jobs, "jobs fail when they get there.", fix)


def _repository(subject: str) -> str:
    """Return the part of a subject, or of a pattern, that names the repository: ``repo:octo-org/octo-repo``."""
    return ":".join(subject.split(":")[:2])


def _subjects(trust: Any) -> list[str] | None:
    """Return the subjects that a trust policy names; None: it trusts any."""
    found: list[str] = []
    for statement in trust.get("Statement", []):
        if "Federated" not in statement.get("Principal", {}):
            continue
        named = statement.get("Condition", {}).get("StringEquals", {}).get("oidc:sub")
        named = named or statement.get("Condition", {}).get("StringLike", {}).get("oidc:sub")
        if not named:
            return None
        found += [named] if isinstance(named, str) else named
    return found


def _drift(
    context: CheckContext, check: str, role: str, jobs: tuple[str, ...], breaks: str, fix: str
) -> Iterator[Finding]:
    """Compare a role's policies with what goldrun's policies say today."""
    allowed = allowed_patterns(context.client, role)
    wanted = sorted({action for job in jobs for action in actions_of(job, context.sboms)})
    missing = [action for action in wanted if not covers(allowed, action)]
    if missing:
        yield Finding(check, BROKEN, f"{role} may not {', '.join(missing)}.", breaks, fix)
    elif any("*" in pattern for pattern in allowed):
        yield Finding(
            check,
            WARNING,
            f"{role} may do more than goldrun needs: {', '.join(one for one in allowed if '*' in one)}.",
            "a job that is taken over may do it too.",
            fix,
        )
    elif more := sorted({*allowed} - {*wanted}):
        yield Finding(check, GOOD, f"{role} may do what goldrun needs, and {', '.join(more)}.")
    else:
        yield Finding(check, GOOD, f"{role} may do what goldrun needs, and nothing else.")
