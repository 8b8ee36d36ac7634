"""Adds and removes tags of existing resources."""

from __future__ import annotations

from collections.abc import Sequence

from goldrun.cloud.client import Call, EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.tags import Tags, to_api

RESOURCES_A_CALL = 50  # TagResources
TOO_MANY_TAGS = "NumberExceed.Tags"


def tagging(kind: str, ids: Sequence[str], tags: Tags) -> Call:
    """Return the call that adds tags to resources of a kind (image, instance, snapshot) or replaces their values."""
    return Call("TagResources", {"ResourceType": kind, "ResourceId": list(ids), "Tag": to_api(tags)})


def untagging(kind: str, ids: Sequence[str], keys: Sequence[str]) -> Call:
    """Return the call that removes tags from resources of a kind; a missing tag is not an error."""
    return Call("UntagResources", {"ResourceType": kind, "ResourceId": list(ids), "TagKey": list(keys)})


def tag_existing(client: EcsClient, kind: str, ids: Sequence[str], tags: Tags) -> None:
    """Tag those of the resources that exist. If one of them is gone, ECS tags none: then one by one.

    Raises:
        GoldrunError: ECS refuses for another reason, or cannot be reached.
    """
    for start in range(0, len(ids), RESOURCES_A_CALL):
        some = ids[start : start + RESOURCES_A_CALL]
        try:
            tagging(kind, some, tags).make(client)
        except ApiError as error:
            if len(some) == 1 and not is_gone(error):
                raise
            for one in some if len(some) > 1 else ():
                tag_existing(client, kind, [one], tags)


def is_gone(error: ApiError) -> bool:
    """Return whether one of the resources does not exist."""
    return error.code.startswith("InvalidResourceId")
