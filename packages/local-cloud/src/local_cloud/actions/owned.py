"""Looks up the caller's resources."""

from __future__ import annotations

from typing import TypeVar

from local_cloud.actions.registry import Call
from local_cloud.actions.rules import has_tags
from local_cloud.errors import ApiFault, no_such_instance
from local_cloud.records import Instance, KeyPair, Resource

R = TypeVar("R", bound=Resource)


def own(call: Call, kind: type[R]) -> list[R]:
    """Return the caller's resources of a kind in the region that have the requested tags."""
    tags = call.params.pairs("Tag")
    return [
        resource
        for resource in call.view.all(kind)
        if resource.owner == call.account and resource.region == call.region and has_tags(resource.tags, tags)
    ]


def require_own(call: Call, kind: type[R], record_id: str, fault: ApiFault) -> R:
    """Return the caller's resource, as it is now.

    Raises:
        ApiFault: ``fault``: it does not exist, or is somebody else's.
    """
    found = call.store.get(kind, record_id)
    if found is None or found.owner != call.account:
        raise fault
    return found


def key_pair(call: Call, name: str) -> KeyPair | None:
    """Return the caller's key pair in the region, which is known by its name."""
    for pair in call.store.all(KeyPair):
        if (pair.owner, pair.region, pair.name) == (call.account, call.region, name):
            return pair
    return None


def own_instance(call: Call, instance_id: str) -> Instance:
    """Return the caller's instance.

    Raises:
        ApiFault: it does not exist.
    """
    return require_own(call, Instance, instance_id, no_such_instance())
