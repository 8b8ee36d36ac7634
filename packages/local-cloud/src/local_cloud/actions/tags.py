"""Tags of resources: by the current actions, the VPC API's, and ECS's own older ones, which Packer uses."""

from __future__ import annotations

from msgspec.structs import replace

from local_cloud.actions.owned import key_pair, listed
from local_cloud.actions.paging import page_by_number, page_by_token
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_tags, has_tags, merge_tags
from local_cloud.errors import ApiFault, invalid, missing
from local_cloud.records import (
    Disk,
    Eip,
    Image,
    Instance,
    KeyPair,
    LaunchTemplate,
    NatGateway,
    Network,
    NetworkInterface,
    Resource,
    SecurityGroup,
    Snapshot,
    VSwitch,
)

KINDS: dict[str, dict[str, type[Resource]]] = {
    "ecs": {
        "image": Image,
        "snapshot": Snapshot,
        "instance": Instance,
        "disk": Disk,
        "securitygroup": SecurityGroup,
        "eni": NetworkInterface,
        "keypair": KeyPair,
        "launchtemplate": LaunchTemplate,
    },
    "vpc": {"vpc": Network, "vswitch": VSwitch, "eip": Eip, "natgateway": NatGateway},
}
MAX_RESOURCES_A_CALL = 50
PAGE = 50


@action("TagResources", "vpc")
@action("TagResources")
def tag_resources(call: Call) -> Answer:
    """Put tags on all of the resources or, if one is refused, on none."""
    return _tag(call, call.params.items("ResourceId"))


@action("UnTagResources", "vpc")
@action("UntagResources")
def untag_resources(call: Call) -> Answer:
    """Remove tags from resources: those of ``TagKey.N``, or all with ``All``."""
    keys = call.params.items("TagKey")
    everything = call.params.flag("All") and not keys
    return _untag(call, call.params.items("ResourceId"), keys, everything=everything)


@action("ListTagResources", "vpc")
@action("ListTagResources")
def list_tag_resources(call: Call) -> Answer:
    """The tags of resources, 50 a page; the VPC API's may have fewer."""
    kind = _kind(call)
    ids, wanted = call.params.items("ResourceId"), call.params.pairs("Tag")
    if not ids and not wanted:
        raise missing("ResourceId")
    name = call.params.text("ResourceType").upper()
    rows = [
        {
            "ResourceId": _id(resource),
            "ResourceType": name,
            "TagKey": key,
            "TagValue": value,
        }
        for resource in call.view.all(kind)
        if resource.owner == call.account
        and resource.region == call.region
        and (not ids or _id(resource) in ids)
        and has_tags(resource.tags, wanted)
        for key, value in resource.tags.items()
    ]
    page, token = page_by_token(rows, call.params.text("NextToken"), call.params.number("MaxResults", PAGE, 1, PAGE))
    return {"NextToken": token, "TagResources": {"TagResource": list(page)}}


@action("AddTags")
def add_tags(call: Call) -> Answer:
    """Put tags on one resource."""
    return _tag(call, [call.params.require("ResourceId")])


@action("RemoveTags")
def remove_tags(call: Call) -> Answer:
    """Remove tags from one resource: those named or, without names, all."""
    keys = [key for key, _ in call.params.pairs("Tag")]
    return _untag(call, [call.params.require("ResourceId")], keys, everything=not keys)


@action("DescribeTags")
def describe_tags(call: Call) -> Answer:
    """The tags in use, with the number of resources of each kind that have them."""
    params = call.params
    wanted_kind, wanted_id = params.text("ResourceType").lower(), params.text("ResourceId")
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for name, kind in KINDS["ecs"].items():
        if wanted_kind not in ("", name):
            continue
        for resource in listed(call, kind):
            if wanted_id in ("", _id(resource)):
                for pair in resource.tags.items():
                    number = counts.setdefault(pair, {})
                    number[_COUNTED[name]] = number.get(_COUNTED[name], 0) + 1
    rows = [
        {"TagKey": key, "TagValue": value, "ResourceTypeCount": number}
        for (key, value), number in sorted(counts.items())
    ]
    shown, paging = page_by_number(params, rows)
    return {**paging, "Tags": {"Tag": list(shown)}}


# The members that have names of their own in DescribeTags.
_COUNTED = {name: name.capitalize() for name in KINDS["ecs"]} | {
    "keypair": "KeyPair",
    "launchtemplate": "LaunchTemplate",
}


def _id(resource: Resource) -> str:
    return resource.name if isinstance(resource, KeyPair) else resource.id


def _tag(call: Call, ids: list[str]) -> Answer:
    tags = check_tags(call.params.pairs("Tag"))
    call.store.put(*(replace(resource, tags=merge_tags(resource.tags, tags)) for resource in _named(call, ids)))
    return {}


def _untag(call: Call, ids: list[str], keys: list[str], *, everything: bool) -> Answer:
    call.store.put(
        *(
            replace(
                resource,
                tags={key: value for key, value in resource.tags.items() if not everything and key not in keys},
            )
            for resource in _named(call, ids)
        )
    )
    return {}


def _kind(call: Call) -> type[Resource]:
    kind = KINDS[call.product].get(call.params.require("ResourceType").lower())
    if kind is None:
        raise ApiFault(404, "InvalidResourceType.NotFound", "The ResourceType provided does not exist in our records.")
    return kind


def _named(call: Call, ids: list[str]) -> list[Resource]:
    kind = _kind(call)
    if len(ids) > MAX_RESOURCES_A_CALL:
        raise invalid("ResourceId")
    found = [_current(call, kind, resource_id) for resource_id in ids]
    named = [
        resource for resource in found if resource and resource.owner == call.account and resource.region == call.region
    ]
    if len(named) < len(ids):
        raise ApiFault(404, "InvalidResourceId.NotFound", "The specified ResourceId is not found in our records.")
    return named


def _current(call: Call, kind: type[Resource], resource_id: str) -> Resource | None:
    if kind is KeyPair:
        return key_pair(call.store, call.account, call.region, resource_id)
    return call.store.get(kind, resource_id)
