"""Disks."""

from __future__ import annotations

from local_cloud.actions.network import own
from local_cloud.actions.paging import listed_ids, page
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault
from local_cloud.records import Disk


@action("DescribeDisks")
def describe_disks(call: Call) -> Answer:
    """Disks by id, instance, status, kind and tags."""
    params = call.params
    ids = listed_ids(params, "DiskIds")
    kind = params.choice("DiskType", ("all", "system", "data"), "all")
    found = [
        disk
        for disk in own(call, Disk)
        if (ids is None or disk.id in ids)
        and params.text("InstanceId") in ("", disk.instance)
        and params.text("Category") in ("", disk.category)
        and params.text("Status", "All") in ("All", _status(disk))
        and kind in ("all", disk.kind)
    ]
    shown, paging = page(params, found)
    return {**paging, "Disks": {"Disk": [_describe(disk) for disk in shown]}}


@action("DeleteDisk", regionless=True)
def delete_disk(call: Call) -> Answer:
    """Delete a disk that is not attached."""
    disk = call.store.get(Disk, call.params.require("DiskId"))
    if disk is None or disk.owner != call.account:
        raise ApiFault(404, "InvalidDiskId.NotFound", "The specified disk does not exist.")
    if disk.instance:
        raise ApiFault(403, "IncorrectDiskStatus", "The current disk status does not support this operation.")
    call.store.remove(disk)
    return {}


def _status(disk: Disk) -> str:
    return "In_use" if disk.instance else "Available"


def _describe(disk: Disk) -> Answer:
    return {
        "DiskId": disk.id,
        "DiskName": disk.name,
        "RegionId": disk.region,
        "ZoneId": disk.zone,
        "Category": disk.category,
        "Size": disk.size,
        "Type": disk.kind,
        "Status": _status(disk),
        "InstanceId": disk.instance,
        "DeleteWithInstance": disk.with_instance,
        "Encrypted": disk.encrypted,
        "DiskChargeType": "PostPaid",
        "OperationLocks": {"OperationLock": []},
        "Portable": disk.kind == "data",
        "CreationTime": iso(disk.created),
        "Tags": tag_rows(disk.tags),
    }
