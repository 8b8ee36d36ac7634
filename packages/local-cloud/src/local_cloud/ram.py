"""Authorization: RAM policies, with conditions on tags.

A key without a policy may do everything, as an account's own key may. Source: "Policy structure and syntax" in the RAM
documentation: an explicit Deny wins, then an Allow; everything else is denied.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from local_cloud.access import AccessKey, Denial, Policy
from local_cloud.errors import ApiFault
from local_cloud.params import Params
from local_cloud.records import (
    Disk,
    Image,
    Instance,
    Resource,
    SecurityGroup,
    Snapshot,
)
from local_cloud.records.identities import OidcProvider, PolicyAttachment, RamPolicy, RamRole
from local_cloud.store import View

_SYSTEM = re.compile(
    r"AdministratorAccess|(?:Aliyun(?P<product>[A-Za-z0-9]+?))?(?:FullAccess|(?P<reads>ReadOnlyAccess))"
)
RESOURCE_TAG = "acs:ResourceTag/"
REQUEST_TAG = "acs:RequestTag/"

Words = str | list[str]


# Objects have names; other resources are matched by their tags alone.
Name = Annotated[str, Meta(pattern=r"^(\*|acs:oss:[^:]*:[^:]*:.+)$")]


class Statement(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """One statement."""

    effect: Literal["Allow", "Deny"]
    action: Words
    resource: Name | list[Name]
    condition: dict[Literal["StringEquals"], dict[str, Words]] = {}


class Document(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """A policy document."""

    version: Literal["1"]
    statement: list[Statement]


def authorize(view: View, key: AccessKey, action: str, params: Params, *, resource: str = "") -> None:
    """Check that a call is allowed.

    Args:
        view: contains policies and resources.
        key: the caller's AccessKey.
        action: in RAM's form, ``ecs:DescribeImages``.
        params: the call's parameters.
        resource: the resource's name, ``acs:oss:…``; empty: it has none.

    Raises:
        ApiFault: ``Forbidden.RAM``.
    """
    if any(fnmatchcase(action.lower(), denial.id.lower()) for denial in view.all(Denial)):
        raise _forbidden(key, action, "ExplicitDeny")
    documents = _documents(view, key)
    if documents is None:
        return
    statements = [statement for document in documents for statement in document.statement]
    matching = [statement.effect for statement in statements if _matches(statement, view, action, params, resource)]
    if "Deny" in matching:
        raise _forbidden(key, action, "ExplicitDeny")
    if "Allow" not in matching:
        raise _forbidden(key, action, "ImplicitDeny")


def role_of(view: View, account: str, name: str) -> RamRole | None:
    """Return the account's role of that name."""
    return view.get(RamRole, f"{account} {name}")


def policy_of(view: View, account: str, name: str) -> RamPolicy | None:
    """Return the account's custom policy of that name."""
    return view.get(RamPolicy, f"{account} {name}")


def require_role(view: View, account: str, name: str) -> RamRole:
    """Return the account's role of that name.

    Raises:
        ApiFault: it does not exist.
    """
    role = role_of(view, account, name)
    if role is None:
        raise ApiFault(404, "EntityNotExist.Role", f"The role not exists: {name} .")
    return role


def require_policy(view: View, account: str, name: str) -> RamPolicy:
    """Return the account's custom policy of that name.

    Raises:
        ApiFault: it does not exist.
    """
    policy = policy_of(view, account, name)
    if policy is None:
        raise no_such_policy(name)
    return policy


def no_such_policy(name: str) -> ApiFault:
    """Return the error for a policy that does not exist."""
    return ApiFault(404, "EntityNotExist.Policy", f"The policy not exists: {name} .")


def provider_of(view: View, account: str, name: str) -> OidcProvider | None:
    """Return the account's identity provider of that name."""
    return view.get(OidcProvider, f"{account} {name}")


def attached_to(view: View, account: str, role: str) -> list[PolicyAttachment]:
    """Return what is attached to a role."""
    return [held for held in view.all(PolicyAttachment) if (held.account, held.role) == (account, role)]


def is_system_policy(name: str) -> bool:
    """Return whether a name has the form of a system policy: ``AliyunECSFullAccess``, ``AdministratorAccess``."""
    return bool(_SYSTEM.fullmatch(name))


def _documents(view: View, key: AccessKey) -> list[Document] | None:
    """Return the policies that apply to a key; None: it may do everything.

    A role that was created by the API has what is attached to it, and nothing else.
    """
    documents: list[Document] | None = None
    if key.role and role_of(view, key.account, key.role):
        documents = [_held(view, held) for held in attached_to(view, key.account, key.role)]
    if attached := view.get(Policy, key.id):
        documents = [*(documents or []), msgspec.convert(attached.document, Document)]
    return documents


def _held(view: View, held: PolicyAttachment) -> Document:
    if held.kind == "System":
        return Document("1", [Statement("Allow", _system_actions(held.policy), "*")])
    policy = policy_of(view, held.account, held.policy)
    assert policy is not None, "a policy that is attached cannot be deleted"
    try:
        return msgspec.json.decode(policy.document, type=Document)
    except msgspec.ValidationError as error:
        raise ApiFault(
            501, "NotImplemented.LocalCloud", f"The local cloud cannot evaluate the policy {held.policy}: {error}."
        ) from None


def _system_actions(name: str) -> list[str]:
    match = _SYSTEM.fullmatch(name)
    assert match is not None
    product = (match["product"] or "*").lower()
    return [f"{product}:{verb}" for verb in (("Describe*", "List*", "Get*") if match["reads"] else ("*",))]


def _matches(statement: Statement, view: View, action: str, params: Params, resource: str) -> bool:
    if not any(pattern == "*" or fnmatchcase(resource, pattern) for pattern in listed(statement.resource)):
        return False
    if not any(fnmatchcase(action.lower(), pattern.lower()) for pattern in listed(statement.action)):
        return False
    wanted = statement.condition.get("StringEquals", {})
    return all(_holds(name, listed(values), view, params) for name, values in wanted.items())


def _holds(name: str, values: list[str], view: View, params: Params) -> bool:
    if name.startswith(REQUEST_TAG):
        return dict(params.pairs("Tag")).get(name.removeprefix(REQUEST_TAG)) in values
    if name.startswith(RESOURCE_TAG):
        tag = name.removeprefix(RESOURCE_TAG)
        resources = list(_resources(view, params))
        return bool(resources) and all(
            resource is not None and resource.tags.get(tag) in values for resource in resources
        )
    # Here roles are passed to ECS alone.
    return name == "acs:Service" and "ecs.aliyuncs.com" in values


def _resources(view: View, params: Params) -> Iterable[Resource | None]:
    """Return the resources that the call names by id; None for an unknown id."""
    named = [params.text(name) for name in ("ImageId", "SnapshotId", "InstanceId", "DiskId")]
    for record_id in [*filter(None, named), *params.items("ResourceId"), *params.items("InstanceId")]:
        kinds: tuple[type[Resource], ...] = (Image, Snapshot, Instance, Disk, SecurityGroup)
        yield next((found for kind in kinds if (found := view.get(kind, record_id))), None)


def listed(words: Words) -> list[str]:
    """Return the words of a policy's member, which is one word or a list."""
    return [words] if isinstance(words, str) else words


def _forbidden(key: AccessKey, action: str, how: str) -> ApiFault:
    return ApiFault(
        403,
        "Forbidden.RAM",
        "User not authorized to operate on the specified resource, or this API doesn't support RAM.",
        {
            "AccessDeniedDetail": {
                "AuthAction": action,
                "AuthPrincipalDisplayName": key.user or key.account,
                "AuthPrincipalOwnerId": key.account,
                "AuthPrincipalType": "AssumedRoleUser" if key.role else "SubUser" if key.user else "Account",
                "NoPermissionType": how,
                "PolicyType": "AccountLevelIdentityBasedPolicy",
            }
        },
    )
