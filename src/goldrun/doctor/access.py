"""Who, where and when: credentials, account, region, clock, permissions, quota."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from goldrun import config
from goldrun.cloud import ram
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import AccessDeniedError
from goldrun.cloud.identity import Identity
from goldrun.cloud.objects import Folder
from goldrun.cloud.probing import can_probe, is_allowed
from goldrun.cloud.quotas import free_vcpus
from goldrun.cloud.regions import list_regions
from goldrun.cloud.sources import describe_source
from goldrun.doctor.finding import BROKEN, GOOD, UNKNOWN, WARNING, CheckContext, Finding
from goldrun.policies import statements_of

# A request that is signed longer ago, or in the future, is refused.
MAX_SKEW, SKEW = 900.0, 60.0
FEW_VCPUS = 8


def check_identity(context: CheckContext) -> Iterator[Finding]:
    """Whose credentials they are, and where they come from."""
    found = context.identity
    source = describe_source(context.env)
    if found.is_root:
        yield Finding(
            "identity",
            WARNING,
            f"these are the keys of the account {found.account} itself (from {source}).",
            "they may do everything, and cannot be limited: who has them has the account.",
            "create a RAM user or a role: goldrun policy --for runner > policy.json",
        )
    else:
        yield Finding("identity", GOOD, f"{found.arn} of account {found.account}, from {source}.")


def check_variables(context: CheckContext) -> Iterator[Finding]:
    """Names of the same setting that say different things: the first one counts, which surprises."""
    for variable in config.VARIABLES:
        if variable is config.VSWITCH_OF_ZONE or variable is config.LANGUAGE:
            continue
        given = {name: text for name in variable.names if (text := context.env.get(name, "").strip())}
        if len({*given.values()}) > 1:
            first, *others = given
            shown = "" if variable.secret else f" ({given[first]})"
            yield Finding(
                "variables",
                WARNING,
                f"{first}{shown} and {', '.join(others)} say different things.",
                f"{first} counts; other programs may take the others.",
                f"unset {' '.join(others)}",
            )
            return
    yield Finding("variables", GOOD, "no variable contradicts another.")


def check_region(context: CheckContext) -> Iterator[Finding]:
    """Whether the region exists, and where its API is."""
    region = context.client.region
    known = list_regions(context.client)
    where = f"{region}, at {context.client.endpoint}"
    if region not in known:
        yield Finding(
            "region",
            BROKEN,
            f"there is no region {region}.",
            "nothing works there.",
            "export ALIYUN_REGION_ID=cn-hangzhou",
        )
    elif config.ENDPOINT.read(context.env):
        yield Finding("region", GOOD, f"{where} (GOLDRUN_ENDPOINT).")
    else:
        yield Finding("region", GOOD, f"{where}.")


def check_clock(context: CheckContext) -> Iterator[Finding]:
    """Whether this machine's clock agrees with the cloud's."""
    if not context.client.clock.is_known():
        yield Finding("clock", UNKNOWN, "not checked: the cloud has not answered.")
        return
    ahead = context.client.clock.ahead()
    if ahead is None:
        yield Finding("clock", GOOD, "the cloud's time is its own, not this machine's: it is a local cloud.")
        return
    words = f"this machine's clock is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} the cloud's."
    if abs(ahead) > MAX_SKEW:
        breaks = "other programs' requests are refused; goldrun uses the cloud's time."
        yield Finding("clock", BROKEN, words, breaks, "sudo timedatectl set-ntp true")
    elif abs(ahead) > SKEW:
        yield Finding("clock", WARNING, words, "it will be wrong enough some day.", "sudo timedatectl set-ntp true")
    else:
        yield Finding("clock", GOOD, "this machine's clock is right.")


def check_permissions(context: CheckContext) -> Iterator[Finding]:
    """Whether RAM allows what the jobs need: by the policies of the role, or else by asking, without effect."""
    for job in context.jobs:
        wanted = actions_of(job, context.sboms)
        missing, unsure = _missing(context.client, context.identity, wanted)
        if missing:
            yield Finding(
                f"permissions: {job}",
                BROKEN,
                f"RAM does not allow {', '.join(sorted(missing))}.",
                f"the job {job!r} fails when it gets there.",
                f"attach what this prints: goldrun policy --for {job}",
            )
        elif unsure:
            yield Finding(
                f"permissions: {job}",
                GOOD,
                f"{len(wanted) - len(unsure)} of {len(wanted)} actions are allowed; "
                f"the other {len(unsure)} cannot be tried without effect.",
            )
        else:
            yield Finding(f"permissions: {job}", GOOD, f"{len(wanted)} of {len(wanted)} actions are allowed.")


def actions_of(job: str, folder: Folder | None = None) -> list[str]:
    """Return the actions that a job needs, in RAM's form; ``folder`` is the one for bills of materials."""
    return sorted({action for statement in statements_of(job, folder) for action in statement["Action"]})


def _missing(client: EcsClient, identity: Identity, wanted: list[str]) -> tuple[set[str], set[str]]:
    """Return which actions are not allowed, and which are not known."""
    if identity.is_root:
        return set(), set()
    if identity.role:
        try:
            allowed = allowed_patterns(client, identity.role)
        except AccessDeniedError:
            allowed = None  # a role that may not read RAM is asked in the other way
        if allowed is not None:
            return {action for action in wanted if not covers(allowed, action)}, set()
    missing = {action for action in wanted if can_probe(action) and not is_allowed(client, action)}
    return missing, {action for action in wanted if not can_probe(action)}


def allowed_patterns(client: EcsClient, role: str) -> list[str]:
    """Return the patterns of actions that a role's policies allow.

    Raises:
        GoldrunError: RAM refuses, or cannot be reached.
    """
    patterns: list[str] = []
    for held in ram.attached_policies(client, role):
        policy = ram.get_policy(client, held.name, held.kind)
        patterns += patterns_of(policy.document) if policy else []
        if held.kind == "System":
            patterns += _SYSTEM.get(held.name, [])
    return patterns


_SYSTEM = {
    "AdministratorAccess": ["*"],
    "AliyunECSFullAccess": ["ecs:*"],
    "AliyunECSReadOnlyAccess": ["ecs:Describe*", "ecs:List*", "ecs:Get*"],
    "AliyunVPCReadOnlyAccess": ["vpc:Describe*", "vpc:List*", "vpc:Get*"],
}


def patterns_of(document: Mapping[str, Any]) -> list[str]:
    """Return the patterns of actions that a document allows."""
    found: list[str] = []
    for statement in document.get("Statement", []):
        if statement.get("Effect") == "Allow":
            actions = statement.get("Action", [])
            found += [actions] if isinstance(actions, str) else actions
    return found


def covers(patterns: list[str], action: str) -> bool:
    """Return whether one of the patterns covers an action."""
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def check_quota(context: CheckContext) -> Iterator[Finding]:
    """How many vCPUs may still be started."""
    free = free_vcpus(context.client, spot=True)
    if free is None:
        yield Finding("quota", UNKNOWN, "the account does not say how many spot vCPUs it may run.")
    elif free < FEW_VCPUS:
        yield Finding(
            "quota",
            BROKEN,
            f"the quota of spot instances has {free} vCPUs left.",
            "launches are refused.",
            "request more: https://quotas.console.aliyun.com, or goldrun sweep --dry-run",
        )
    else:
        yield Finding("quota", GOOD, f"{free} more vCPUs of spot instances may be started.")
