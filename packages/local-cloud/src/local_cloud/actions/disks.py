"""Disks: created, attached, changed, deleted.

Sources: CreateDisk, AttachDisk, ResizeDisk and the other actions' pages, with their error tables.
"""

from __future__ import annotations

from msgspec.structs import replace

from local_cloud.actions.owned import listed, own_instance, require_own
from local_cloud.actions.paging import listed_ids, page
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.remembered import remembered
from local_cloud.actions.rules import check_description, check_plain_name, check_tags, tag_rows
from local_cloud.catalogue import REGIONS
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, missing, no_such_disk, no_such_snapshot, wrong_instance_status
from local_cloud.records import DATA_DEVICES, Disk, Snapshot

MAX_SIZE = 65_536  # GiB


@action("DescribeDisks")
def describe_disks(call: Call) -> Answer:
    """Disks by id, instance, status, kind and tags."""
    params = call.params
    ids = listed_ids(params, "DiskIds")
    kind = params.choice("DiskType", ("all", "system", "data"), "all")

    def find() -> list[Disk]:
        return [
            disk
            for disk in listed(call, Disk)
            if (ids is None or disk.id in ids)
            and params.text("InstanceId") in ("", disk.instance)
            and params.text("Category") in ("", disk.category)
            and params.text("Status", "All") in ("All", _status(disk))
            and kind in ("all", disk.kind)
        ]

    found = remembered(call, Disk, _changes, find)
    shown, paging = page(params, found, most=500, least=10)
    return {**paging, "Disks": {"Disk": [_describe(disk) for disk in shown]}}


def _changes(_: Disk) -> tuple[()]:
    return ()


@action("CreateDisk", idempotent=True)
def create_disk(call: Call) -> Answer:
    """Create a data disk in a zone, or for an instance that it is attached to at once."""
    params = call.params
    instance = own_instance(call, params.text("InstanceId")) if params.text("InstanceId") else None
    zone = instance.zone if instance else params.require("ZoneId")
    if zone not in REGIONS[call.region].zones:
        raise ApiFault(404, "InvalidZoneId.NotFound", "The specified zone does not exist.")
    size = params.number("Size", 0, 0, MAX_SIZE)
    if snapshot_id := params.text("SnapshotId"):
        size = max(size, require_own(call, Snapshot, snapshot_id, no_such_snapshot()).size)
    if not size:
        raise missing("Size")
    disk = Disk(
        id=call.new_id("d-"),
        region=call.region,
        owner=call.account,
        name=check_plain_name(params.text("DiskName"), "DiskName"),
        description=check_description(params.text("Description")),
        created=call.now,
        tags=check_tags(params.pairs("Tag")),
        zone=zone,
        category=params.text("DiskCategory", "cloud_essd"),
        size=size,
        kind="data",
        with_instance=False,
        encrypted=params.flag("Encrypted"),
        snapshot=snapshot_id,
        device="",
    )
    if instance:
        disk = _attached(call, disk, instance.id)
    call.store.put(disk)
    return {"DiskId": disk.id, "OrderId": ""}


@action("AttachDisk", regionless=True)
def attach_disk(call: Call) -> Answer:
    """Attach a data disk to an instance of its zone."""
    disk, instance = _disk(call), own_instance(call, call.params.require("InstanceId"))
    if disk.instance:
        raise _wrong_status()
    if disk.zone != instance.zone:
        raise ApiFault(403, "ResourceNotInSameZone", "The disk and the instance are not in the same zone.")
    if instance.status(call.now) not in ("Running", "Stopped"):
        raise wrong_instance_status()
    attached = _attached(call, disk, instance.id)
    call.store.put(replace(attached, with_instance=call.params.flag("DeleteWithInstance", disk.with_instance)))
    return {}


@action("DetachDisk", regionless=True)
def detach_disk(call: Call) -> Answer:
    """Detach a data disk from its instance."""
    disk = _disk(call)
    if disk.kind == "system" or disk.instance != call.params.require("InstanceId"):
        raise _wrong_status()
    call.store.put(replace(disk, instance="", device=""))
    return {}


@action("ModifyDiskAttribute", regionless=True)
def modify_disk_attribute(call: Call) -> Answer:
    """Change the name and description of disks, and whether they are deleted with their instance."""
    params = call.params
    disks = [_named(call, disk_id) for disk_id in params.items("DiskIds")] or [_disk(call)]
    call.store.put(
        *(
            replace(
                disk,
                name=check_plain_name(params.text("DiskName"), "DiskName", letter_first=False) or disk.name,
                description=check_description(params.text("Description")) or disk.description,
                with_instance=params.flag("DeleteWithInstance", disk.with_instance),
            )
            for disk in disks
        )
    )
    return {}


@action("ResizeDisk", regionless=True, idempotent=True)
def resize_disk(call: Call) -> Answer:
    """Make a disk larger."""
    disk, size = _disk(call), call.params.number("NewSize", 0, 1, MAX_SIZE)
    if size < disk.size:
        raise ApiFault(400, "InvalidDiskSize.TooSmall", "The disk cannot become smaller.")
    _require_simulated(call)
    call.store.put(replace(disk, size=size))
    return {"OrderId": ""}


@action("DeleteDisk", regionless=True)
def delete_disk(call: Call) -> Answer:
    """Delete a disk that is not attached."""
    disk = _disk(call)
    if disk.instance:
        raise _wrong_status()
    call.store.remove(disk)
    return {}


def _disk(call: Call) -> Disk:
    return _named(call, call.params.require("DiskId"))


def _named(call: Call, disk_id: str) -> Disk:
    return require_own(call, Disk, disk_id, no_such_disk())


def _attached(call: Call, disk: Disk, instance_id: str) -> Disk:
    _require_simulated(call)
    taken = {other.device for other in call.store.all(Disk) if other.instance == instance_id}
    device = next((name for name in DATA_DEVICES if name not in taken), "")
    if not device:
        raise ApiFault(403, "InstanceDiskLimitExceeded", "The instance has as many disks as it may have.")
    return replace(disk, instance=instance_id, device=device)


def _require_simulated(call: Call) -> None:
    if call.settings.machines:
        raise ApiFault(501, "NotImplemented.LocalCloud", "The local cloud does not change disks of virtual machines.")


def _wrong_status() -> ApiFault:
    return ApiFault(403, "IncorrectDiskStatus", "The current disk status does not support this operation.")


def _status(disk: Disk) -> str:
    return "In_use" if disk.instance else "Available"


def _describe(disk: Disk) -> Answer:
    return {
        "DiskId": disk.id,
        "DiskName": disk.name,
        "RegionId": disk.region,
        "ZoneId": disk.zone,
        "Description": disk.description,
        "Category": disk.category,
        "Size": disk.size,
        "Type": disk.kind,
        "Status": _status(disk),
        "InstanceId": disk.instance,
        "Device": disk.device,
        "SourceSnapshotId": disk.snapshot,
        "ResourceGroupId": "",
        "PerformanceLevel": "PL1" if disk.category == "cloud_essd" else "",
        "DeleteAutoSnapshot": False,
        "EnableAutoSnapshot": False,
        "DeleteWithInstance": disk.with_instance,
        "Encrypted": disk.encrypted,
        "DiskChargeType": "PostPaid",
        "OperationLocks": {"OperationLock": []},
        "Portable": disk.kind == "data",
        "CreationTime": iso(disk.created),
        "Tags": tag_rows(disk.tags),
    }
