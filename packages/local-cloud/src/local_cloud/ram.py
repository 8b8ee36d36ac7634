"""Authorization: RAM policies, with conditions on tags.

A key without a policy may do everything, as an account's own key may. Source: "Policy structure and syntax" in the RAM
documentation: an explicit Deny wins, then an Allow; everything else is denied.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from local_cloud.access import AccessKey, Denial, Policy
from local_cloud.errors import ApiFault
from local_cloud.params import Params
from local_cloud.records import (
    Disk,
    Image,
    Instance,
    Resource,
    Snapshot,
)
from local_cloud.store import View

RESOURCE_TAG = "acs:ResourceTag/"
REQUEST_TAG = "acs:RequestTag/"

Words = str | list[str]


class Statement(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """One statement. Resources have no names here: ``*`` is the only value."""

    effect: Literal["Allow", "Deny"]
    action: Words
    resource: Literal["*"]
    condition: dict[Literal["StringEquals"], dict[str, Words]] = {}


class Document(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """A policy document."""

    version: Literal["1"]
    statement: list[Statement]


def authorize(view: View, key: AccessKey, action: str, params: Params) -> None:
    """Check that a call is allowed.

    Args:
        view: contains policies and resources.
        key: the caller's AccessKey.
        action: in RAM's form, ``ecs:DescribeImages``.
        params: the call's parameters.

    Raises:
        ApiFault: ``Forbidden.RAM``.
    """
    if any(fnmatchcase(action.lower(), denial.id.lower()) for denial in view.all(Denial)):
        raise _forbidden(key, action, "ExplicitDeny")
    attached = view.get(Policy, key.id)
    if attached is None:
        return
    document = msgspec.convert(attached.document, Document)
    matching = [statement.effect for statement in document.statement if _matches(statement, view, action, params)]
    if "Deny" in matching:
        raise _forbidden(key, action, "ExplicitDeny")
    if "Allow" not in matching:
        raise _forbidden(key, action, "ImplicitDeny")


def _matches(statement: Statement, view: View, action: str, params: Params) -> bool:
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
        kinds: tuple[type[Resource], ...] = (Image, Snapshot, Instance, Disk)
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
