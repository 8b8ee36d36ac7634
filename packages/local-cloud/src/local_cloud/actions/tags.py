"""Tags of resources."""

from __future__ import annotations

from msgspec.structs import replace

from local_cloud.actions.paging import page_by_token
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_tags, has_tags, merge_tags
from local_cloud.errors import ApiFault, invalid, missing
from local_cloud.records import (
    Disk,
    Image,
    Instance,
    Resource,
    Snapshot,
)
from local_cloud.store import View

KINDS: dict[str, type[Resource]] = {"image": Image, "snapshot": Snapshot, "instance": Instance, "disk": Disk}
MAX_RESOURCES_A_CALL = 50
PAGE = 50


@action("TagResources")
def tag_resources(call: Call) -> Answer:
    """Put tags on all of the resources or, if one is refused, on none."""
    tags = check_tags(call.params.pairs("Tag"))
    resources = _named(call, call.store)
    call.store.put(*(replace(resource, tags=merge_tags(resource.tags, tags)) for resource in resources))
    return {}


@action("UntagResources")
def untag_resources(call: Call) -> Answer:
    """Remove tags from resources: those of ``TagKey.N``, or all with ``All``."""
    keys = call.params.items("TagKey")
    everything = call.params.flag("All") and not keys
    resources = _named(call, call.store)
    call.store.put(
        *(
            replace(
                resource,
                tags={key: value for key, value in resource.tags.items() if not everything and key not in keys},
            )
            for resource in resources
        )
    )
    return {}


@action("ListTagResources")
def list_tag_resources(call: Call) -> Answer:
    """The tags of resources, 50 a page."""
    kind = _kind(call)
    ids, wanted = call.params.items("ResourceId"), call.params.pairs("Tag")
    if not ids and not wanted:
        raise missing("ResourceId")
    rows = [
        {
            "ResourceId": resource.id,
            "ResourceType": call.params.text("ResourceType").upper(),
            "TagKey": key,
            "TagValue": value,
        }
        for resource in call.view.all(kind)
        if resource.owner == call.account
        and resource.region == call.region
        and (not ids or resource.id in ids)
        and has_tags(resource.tags, wanted)
        for key, value in resource.tags.items()
    ]
    page, token = page_by_token(rows, call.params.text("NextToken"), PAGE)
    return {"NextToken": token, "TagResources": {"TagResource": list(page)}}


def _kind(call: Call) -> type[Resource]:
    kind = KINDS.get(call.params.require("ResourceType").lower())
    if kind is None:
        raise ApiFault(404, "InvalidResourceType.NotFound", "The ResourceType provided does not exist in our records.")
    return kind


def _named(call: Call, view: View) -> list[Resource]:
    kind = _kind(call)
    ids = call.params.items("ResourceId")
    if len(ids) > MAX_RESOURCES_A_CALL:
        raise invalid("ResourceId")
    found = [view.get(kind, resource_id) for resource_id in ids]
    named = [
        resource for resource in found if resource and resource.owner == call.account and resource.region == call.region
    ]
    if len(named) < len(ids):
        raise ApiFault(404, "InvalidResourceId.NotFound", "The specified ResourceId is not found in our records.")
    return named
