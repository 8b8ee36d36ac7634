"""Adds and removes tags of existing resources."""

from __future__ import annotations

from collections.abc import Sequence

from goldrun.cloud.client import Call
from goldrun.cloud.errors import ApiError
from goldrun.cloud.tags import Tags, to_api


def tagging(kind: str, ids: Sequence[str], tags: Tags) -> Call:
    """Return the call that adds tags to resources of a kind (image, instance, snapshot) or replaces their values."""
    return Call("TagResources", {"ResourceType": kind, "ResourceId": list(ids), "Tag": to_api(tags)})


def untagging(kind: str, ids: Sequence[str], keys: Sequence[str]) -> Call:
    """Return the call that removes tags from resources of a kind; a missing tag is not an error."""
    return Call("UntagResources", {"ResourceType": kind, "ResourceId": list(ids), "TagKey": list(keys)})


def is_gone(error: ApiError) -> bool:
    """Return whether one of the resources does not exist."""
    return error.code.startswith("InvalidResourceId")
