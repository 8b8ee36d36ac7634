"""Auto provisioning groups: a capacity of spot and other instances, from several types and zones.

Source: CreateAutoProvisioningGroup and the other actions' pages, with their error tables. A group of the type
``maintain`` is filled up again whenever it is described.
"""

from __future__ import annotations

import math
from typing import Any

from msgspec.structs import replace

from local_cloud import provisioning
from local_cloud.actions.launch_templates import launch_values
from local_cloud.actions.owned import listed, require_own
from local_cloud.actions.paging import page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_plain_name, check_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, invalid, not_performed
from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.params import MAX_LIST, Params
from local_cloud.records import GroupOffer, Instance, ProvisioningGroup

KINDS = ("request", "maintain", "instant")
MOST = 1000
_LAUNCH = "LaunchConfiguration."
# Parameters that have another name in a launch configuration than in RunInstances.
_RENAMED = {
    "SystemDiskCategory": "SystemDisk.Category",
    "SystemDiskDescription": "SystemDisk.Description",
    "SystemDiskName": "SystemDisk.DiskName",
    "SystemDiskPerformanceLevel": "SystemDisk.PerformanceLevel",
    "SystemDiskSize": "SystemDisk.Size",
}
_SPOT_ORDERS = ("lowest-price", "diversified", "capacity-optimized", "prioritized")
_ORDERS = ("lowest-price", "prioritized")
_EXCESS = ("no-termination", "termination")


@action("CreateAutoProvisioningGroup", idempotent=True)
def create_auto_provisioning_group(call: Call) -> Answer:
    """Create a group, and launch its instances."""
    params = call.params
    group = ProvisioningGroup(
        id=call.new_id("apg-"),
        region=call.region,
        owner=call.account,
        name=check_plain_name(params.text("AutoProvisioningGroupName"), "AutoProvisioningGroupName"),
        created=call.now,
        tags=check_tags(params.pairs("Tag")),
        kind=params.choice("AutoProvisioningGroupType", KINDS, "maintain"),
        launch=_launch(call),
        offers=_offers(params),
        total=_amount(params, "TotalTargetCapacity", None),
        spot=_amount(params, "SpotTargetCapacity", 0.0),
        on_demand=_amount(params, "PayAsYouGoTargetCapacity", 0.0),
        rest=params.choice("DefaultTargetCapacityType", ("Spot", "PayAsYouGo"), "Spot"),
        spot_order=params.choice("SpotAllocationStrategy", _SPOT_ORDERS, "lowest-price"),
        on_demand_order=params.choice("PayAsYouGoAllocationStrategy", _ORDERS, "lowest-price"),
        limit=_number(params, "MaxSpotPrice", 0.0),
        excess=params.choice("ExcessCapacityTerminationPolicy", _EXCESS, "no-termination"),
        terminates=params.flag("TerminateInstances"),
    )
    _check(group)
    call.store.put(group)
    group, made = provisioning.fill(call, group)
    results: Answer = {}
    if group.kind == "instant":
        refusals = [refusal for task in group.tasks for refusal in task.refusals]
        results = {"LaunchResults": {"LaunchResult": [*map(_describe_launch, made), *map(_describe_refusal, refusals)]}}
    return {"AutoProvisioningGroupId": group.id, **results}


@action("DescribeAutoProvisioningGroups")
def describe_auto_provisioning_groups(call: Call) -> Answer:
    """The groups by id, name, type and status."""
    params = call.params
    ids, states = params.items("AutoProvisioningGroupId"), params.items("AutoProvisioningGroupStatus")
    kinds, name = params.items("AutoProvisioningGroupTypes"), params.text("AutoProvisioningGroupName")
    found = [
        _current(call, group)
        for group in listed(call, ProvisioningGroup)
        if (not ids or group.id in ids)
        and name in ("", group.name)
        and (not states or "active" in states)
        and (not kinds or group.kind in kinds)
    ]
    shown, paging = page_by_number(params, found)
    rows = [_describe(call, group) for group in shown]
    return {**paging, "AutoProvisioningGroups": {"AutoProvisioningGroup": rows}}


@action("DescribeAutoProvisioningGroupInstances")
def describe_auto_provisioning_group_instances(call: Call) -> Answer:
    """The instances of a group."""
    shown, paging = page_by_number(call.params, provisioning.members(call, _current(call, _require(call))))
    return {**paging, "Instances": {"Instance": [_describe_instance(call, instance) for instance in shown]}}


@action("DescribeAutoProvisioningGroupHistory")
def describe_auto_provisioning_group_history(call: Call) -> Answer:
    """What a group has launched and deleted, and what was refused."""
    tasks = _current(call, _require(call)).tasks
    rows = []
    for task in reversed(tasks):
        errors = [{"Code": code, "Message": message} for code, message in task.refusals]
        detail = {
            "Detail": f"{len(task.made)} created, {len(task.deleted)} deleted",
            "Status": "Successful" if not task.refusals else "Warning" if task.made else "Failed",
            "CreatedInstanceIds": {"CreatedInstanceId": list(task.made)},
            "DestroyedInstanceIds": {"DestroyedInstanceId": list(task.deleted)},
            "ErrorMessages": {"ErrorMessage": errors},
        }
        moments = {"StartTime": iso(task.at), "LastEventTime": iso(task.at)}
        status = "success" if not task.refusals else "part_of_success" if task.made else "failed"
        rows.append({"TaskId": task.id, **moments, "Status": status, "ActivityDetails": {"ActivityDetail": [detail]}})
    shown, paging = page_by_number(call.params, rows)
    return {**paging, "AutoProvisioningGroupHistories": {"AutoProvisioningGroupHistory": list(shown)}}


@action("ModifyAutoProvisioningGroup")
def modify_auto_provisioning_group(call: Call) -> Answer:
    """Change a group's name, capacity, offers or limit; the capacity changes at once."""
    params, group = call.params, _require(call)
    group = replace(
        group,
        name=check_plain_name(params.text("AutoProvisioningGroupName"), "AutoProvisioningGroupName") or group.name,
        offers=_offers(params) or group.offers,
        total=_amount(params, "TotalTargetCapacity", group.total),
        spot=_amount(params, "SpotTargetCapacity", group.spot),
        on_demand=_amount(params, "PayAsYouGoTargetCapacity", group.on_demand),
        rest=params.choice("DefaultTargetCapacityType", ("Spot", "PayAsYouGo"), group.rest),
        limit=_number(params, "MaxSpotPrice", group.limit),
        excess=params.choice("ExcessCapacityTerminationPolicy", _EXCESS, group.excess),
    )
    _check(group)
    call.store.put(group)
    provisioning.fill(call, group)
    return {}


@action("DeleteAutoProvisioningGroup")
def delete_auto_provisioning_group(call: Call) -> Answer:
    """Delete a group; its instances go with it, or stay."""
    group = _require(call)
    if call.params.flag("TerminateInstances", group.terminates):
        provisioning.remove(call, provisioning.members(call, group))
    call.store.remove(group)
    return {}


def _require(call: Call) -> ProvisioningGroup:
    fault = ApiFault(
        404, "InvalidAutoProvisioningGroupId.NotFound", "The specified auto provisioning group does not exist."
    )
    return require_own(call, ProvisioningGroup, call.params.require("AutoProvisioningGroupId"), fault)


def _current(call: Call, group: ProvisioningGroup) -> ProvisioningGroup:
    return provisioning.fill(call, group)[0] if group.kind == "maintain" else group


def _launch(call: Call) -> dict[str, str]:
    """Return the parameters of the group's launches: of its template, or of its launch configuration."""
    params = call.params
    template = {name: params.text(name) for name in ("LaunchTemplateId", "LaunchTemplateVersion") if params.text(name)}
    for name in params.values:
        if name.startswith(("SystemDiskConfig.", "DataDiskConfig.")):
            raise not_performed("a choice among categories of disks")
    own_values = {
        _of_a_launch(name.removeprefix(_LAUNCH)): value
        for name, value in params.values.items()
        if name.startswith(_LAUNCH) and value
    }
    if not template and not own_values:
        raise ApiFault(400, "MissingParameter.LaunchTemplateId", "The parameter LaunchTemplateId is missing.")
    if template:
        launch_values(call)  # it must exist
    # The performance level that a system disk has if a launch configuration names none; RunInstances has another.
    usual = {"SystemDisk.PerformanceLevel": "PL0"}
    return {"RegionId": call.region, **(template or usual | own_values)}


def _of_a_launch(name: str) -> str:
    """Return the name that RunInstances has for a parameter of a launch configuration."""
    return _RENAMED.get(name, name.replace(".KmsKeyId", ".KMSKeyId"))


def _offers(params: Params) -> tuple[GroupOffer, ...]:
    found = []
    for number in range(1, MAX_LIST + 1):
        stem = f"LaunchTemplateConfig.{number}."
        if not any(name.startswith(stem) for name in params.values):
            break
        kind = params.text(f"{stem}InstanceType")
        if kind and kind not in INSTANCE_TYPES:
            raise invalid(f"{stem}InstanceType")
        found.append(
            GroupOffer(
                type=kind,
                vswitch=params.text(f"{stem}VSwitchId"),
                limit=_number(params, f"{stem}MaxPrice", 0.0),
                priority=int(_number(params, f"{stem}Priority", 0.0)),
                weight=_number(params, f"{stem}WeightedCapacity", 1.0) or 1.0,
            )
        )
    return tuple(found)


def _amount(params: Params, name: str, default: float | None) -> float:
    if default is None:
        params.require(name)
    amount = _number(params, name, default or 0.0)
    if amount > MOST:
        raise invalid(name)
    return amount


def _number(params: Params, name: str, default: float) -> float:
    text = params.text(name)
    try:
        number = float(text) if text else default
    except ValueError:
        raise invalid(name) from None
    if not 0 <= number < math.inf:
        raise invalid(name)
    return number


def _check(group: ProvisioningGroup) -> None:
    if group.spot + group.on_demand > group.total:
        raise ApiFault(
            400,
            "InvalidParameter.TotalTargetCapacity",
            "The sum of SpotTargetCapacity and PayAsYouGoTargetCapacity exceeds TotalTargetCapacity.",
        )


def _describe(call: Call, group: ProvisioningGroup) -> Answer:
    launched = provisioning.members(call, group)
    spot, rest = (provisioning.capacity(group, launched, spot=kind) for kind in (True, False))
    wanted = {
        "TotalTargetCapacity": group.total,
        "SpotTargetCapacity": group.spot,
        "PayAsYouGoTargetCapacity": group.on_demand,
        "DefaultTargetCapacityType": group.rest,
    }
    capacity = {"TotalCapacity": spot + rest, "SpotCapacity": spot, "PayAsYouGoCapacity": rest, "PrePaidCapacity": 0.0}
    return {
        "AutoProvisioningGroupId": group.id,
        "AutoProvisioningGroupName": group.name,
        "AutoProvisioningGroupType": group.kind,
        "Status": "fulfilled" if spot + rest >= group.total else "pending-fulfillment",
        "State": "active",
        "RegionId": group.region,
        "CreationTime": iso(group.created),
        "LaunchTemplateId": group.launch.get("LaunchTemplateId", ""),
        "LaunchTemplateVersion": group.launch.get("LaunchTemplateVersion", ""),
        "LaunchTemplateConfigs": {"LaunchTemplateConfig": [_describe_offer(offer) for offer in group.offers]},
        "TargetCapacitySpecification": wanted,
        "CapacitySpecification": capacity,
        "SpotOptions": {
            "AllocationStrategy": group.spot_order,
            "InstanceInterruptionBehavior": "terminate",
            "InstancePoolsToUseCount": 0,
        },
        "PayAsYouGoOptions": {"AllocationStrategy": group.on_demand_order},
        "MaxSpotPrice": group.limit,
        "ExcessCapacityTerminationPolicy": group.excess,
        "TerminateInstances": group.terminates,
        "TerminateInstancesWithExpiration": False,
        "ValidFrom": iso(group.created),
        "ValidUntil": "2099-12-31T23:59:59Z",
        "ResourceGroupId": "",
        "Tags": tag_rows(group.tags),
    }


def _describe_offer(offer: GroupOffer) -> Answer:
    return {
        "InstanceType": offer.type,
        "VSwitchId": offer.vswitch,
        "MaxPrice": offer.limit,
        "Priority": offer.priority,
        "WeightedCapacity": offer.weight,
    }


def _describe_instance(call: Call, instance: Instance) -> Answer:
    kind = INSTANCE_TYPES.get(instance.type)
    return {
        "InstanceId": instance.id,
        "InstanceType": instance.type,
        "ZoneId": instance.zone,
        "RegionId": instance.region,
        "Status": instance.status(call.now),
        "IsSpot": instance.strategy != "NoSpot",
        "CPU": kind.cpus if kind else 0,
        "Memory": int(kind.memory * 1024) if kind else 0,
        "CreationTime": iso(instance.created),
        "NetworkType": "vpc",
        "OsType": "linux",
        "IoOptimized": True,
    }


def _describe_launch(instance: Instance) -> dict[str, Any]:
    return {
        "InstanceType": instance.type,
        "ZoneId": instance.zone,
        "SpotStrategy": instance.strategy,
        "Amount": 1,
        "InstanceIds": {"InstanceId": [instance.id]},
    }


def _describe_refusal(refusal: tuple[str, str]) -> dict[str, Any]:
    return {"ErrorCode": refusal[0], "ErrorMsg": refusal[1], "Amount": 0, "InstanceIds": {"InstanceId": []}}
