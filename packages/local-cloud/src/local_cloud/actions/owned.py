"""Looks up the caller's resources."""

from __future__ import annotations

from typing import TypeVar

from local_cloud.actions.registry import Call
from local_cloud.actions.rules import has_tags
from local_cloud.errors import ApiFault, missing, no_such_instance
from local_cloud.records import Instance, KeyPair, Resource, SecurityGroup
from local_cloud.store import View

R = TypeVar("R", bound=Resource)


def own(call: Call, kind: type[R]) -> list[R]:
    """Return the caller's resources of a kind in the region."""
    return [
        resource
        for resource in call.view.all(kind)
        if resource.owner == call.account and resource.region == call.region
    ]


def listed(call: Call, kind: type[R]) -> list[R]:
    """Return the resources that have the tags of the call.

    Only for actions that list: for those that create, ``Tag.N`` are the new resource's tags.
    """
    tags = call.params.pairs("Tag")
    return [resource for resource in own(call, kind) if has_tags(resource.tags, tags)]


def require_own(call: Call, kind: type[R], record_id: str, fault: ApiFault) -> R:
    """Return the caller's resource, as it is now.

    Raises:
        ApiFault: ``fault``: it does not exist, or another account owns it.
    """
    found = call.store.get(kind, record_id)
    if found is None or found.owner != call.account:
        raise fault
    return found


def key_pair(view: View, account: str, region: str, name: str) -> KeyPair | None:
    """Return an account's key pair in a region, where it is known by its name."""
    for pair in view.all(KeyPair):
        if (pair.owner, pair.region, pair.name) == (account, region, name):
            return pair
    return None


def require_groups(call: Call, names: list[str], *, region: str, vpc: str, mismatch: ApiFault) -> tuple[str, ...]:
    """Return the ids of the caller's security groups in a region and a VPC.

    Raises:
        ApiFault: one does not exist, or ``mismatch``: it is of another VPC.
    """
    for name in names:
        if require_group(call, name, region).vpc != vpc:
            raise mismatch
    return tuple(names)


def require_group(call: Call, group_id: str, region: str) -> SecurityGroup:
    """Return the caller's security group in a region.

    Raises:
        ApiFault: it does not exist.
    """
    fault = ApiFault(404, "InvalidSecurityGroupId.NotFound", "The specified SecurityGroupId does not exist.")
    group = require_own(call, SecurityGroup, group_id, fault)
    if group.region != region:
        raise fault
    return group


def own_instance(call: Call, instance_id: str) -> Instance:
    """Return the caller's instance.

    Raises:
        ApiFault: it does not exist.
    """
    instance = require_own(call, Instance, instance_id, no_such_instance())
    if instance.region != call.region:
        raise no_such_instance()
    return instance


def named_instances(call: Call) -> list[Instance]:
    """Return the account's instances that the call names, each once.

    Raises:
        ApiFault: it names none, or one does not exist.
    """
    ids = call.params.items("InstanceId")
    if not ids:
        raise missing("InstanceId")
    return [own_instance(call, instance_id) for instance_id in dict.fromkeys(ids)]
