"""Instances, as far as images need to know of them."""

from __future__ import annotations

from goldrun.local.actions.paging import listed_ids, page
from goldrun.local.actions.registry import Answer, Call, action
from goldrun.local.actions.rules import has_tags
from goldrun.local.clock import iso
from goldrun.local.records import Instance


@action("DescribeInstances")
def describe_instances(call: Call) -> Answer:
    """Instances by id, image, state and tags, newest first, by page number or by token."""
    params = call.params
    ids = listed_ids(params, "InstanceIds")
    tags = params.pairs("Tag")
    found = [
        instance
        for instance in call.view.all(Instance)
        if instance.owner == call.account
        and instance.region == call.region
        and (ids is None or instance.id in ids)
        and params.text("ImageId") in ("", instance.image)
        and params.text("Status") in ("", instance.state)
        and (not tags or has_tags(instance.tags, tags))
    ]
    found.sort(key=lambda instance: (instance.created, instance.id), reverse=True)
    shown, paging = page(params, found)
    return {**paging, "Instances": {"Instance": [_describe(instance) for instance in shown]}}


def _describe(instance: Instance) -> Answer:
    return {
        "InstanceId": instance.id,
        "InstanceName": instance.name,
        "ImageId": instance.image,
        "Status": instance.state,
        "RegionId": instance.region,
        "CreationTime": iso(instance.created),
        "Tags": {"Tag": [{"TagKey": key, "TagValue": value} for key, value in instance.tags.items()]},
    }
