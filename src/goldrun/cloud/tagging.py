"""Tags written to resources that exist already."""

from __future__ import annotations

from collections.abc import Sequence

from goldrun.cloud.client import Call
from goldrun.cloud.tags import Tags, to_api


def tagging(kind: str, ids: Sequence[str], tags: Tags) -> Call:
    """The call that puts tags on resources of a kind (image, instance, snapshot), in place of those of the same key."""
    return Call("TagResources", {"ResourceType": kind, "ResourceId": list(ids), "Tag": to_api(tags)})


def untagging(kind: str, ids: Sequence[str], keys: Sequence[str]) -> Call:
    """The call that takes tags off resources of a kind; one that is not there is no error."""
    return Call("UntagResources", {"ResourceType": kind, "ResourceId": list(ids), "TagKey": list(keys)})
