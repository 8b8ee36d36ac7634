"""Disks: created, attached, changed, deleted.

Sources: CreateDisk, AttachDisk, ResizeDisk and the other actions' pages, with their error tables.
"""

from __future__ import annotations

from msgspec.structs import replace

from local_cloud.actions import disk_filters
from local_cloud.actions.disk_rows import describe
from local_cloud.actions.disk_traits import check_category, check_data_size, traits
from local_cloud.actions.filters import passes
from local_cloud.actions.launch_checks import check_key_pair
from local_cloud.actions.owned import listed, own_instance, require_own
from local_cloud.actions.paging import listed_ids, page
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.remembered import remembered
from local_cloud.actions.rules import check_description, check_plain_name, check_tags
from local_cloud.catalogue import REGIONS
from local_cloud.disk_categories import BASIC, LARGEST_NUMBER, sizes
from local_cloud.errors import (
    ApiFault,
    missing,
    no_such_disk,
    no_such_snapshot,
    wrong_disk_status,
    wrong_instance_status,
)
from local_cloud.records import DATA_DEVICES, Disk, Instance, Snapshot
from local_cloud.volumes import attached_disks, is_copied

SYSTEM_DEVICE = "/dev/xvda"


@action("DescribeDisks")
def describe_disks(call: Call) -> Answer:
    """Disks by id, tags and many other filters."""
    params = call.params
    ids = listed_ids(params, "DiskIds")
    tests = disk_filters.tests(call)

    def find() -> list[Disk]:
        return [disk for disk in listed(call, Disk) if (ids is None or disk.id in ids) and passes(disk, tests)]

    found = remembered(call, Disk, _changes, find)
    shown, paging = page(params, found, most=500, least=10)
    return {**paging, "Disks": {"Disk": [describe(disk) for disk in shown]}}


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
    category = check_category(
        params.text("DiskCategory", BASIC),
        ApiFault(400, "InvalidDiskCategory.ValueNotSupported", "The specified parameter DiskCategory is not valid."),
    )
    requested = traits(params)
    size = params.number("Size", 0, 0, LARGEST_NUMBER)
    if snapshot_id := params.text("SnapshotId"):
        content = require_own(call, Snapshot, snapshot_id, no_such_snapshot())
        size = max(size, content.size)
        if content.encrypted:
            requested = requested._replace(encrypted=True, key=requested.key or content.key)
    if not size:
        raise missing("Size")
    unfit = ApiFault(403, "InvalidDiskSize.NotSupported", "The specified disk size is not supported.")
    check_data_size(size, category, requested.level, unfit)
    disk = Disk(
        id=call.new_id("d-"),
        region=call.region,
        owner=call.account,
        name=check_plain_name(requested.name, "DiskName"),
        description=check_description(requested.description),
        created=call.now,
        tags=check_tags(params.pairs("Tag")),
        zone=zone,
        category=category,
        size=size,
        kind="data",
        with_instance=False,
        level=requested.level,
        encrypted=requested.encrypted,
        key=requested.key,
        snapshot=snapshot_id,
        device="",
        unused=True,
    )
    if instance:
        disk = _attached(call, disk, instance.id)
    call.store.put(disk)
    return {"DiskId": disk.id, "OrderId": ""}


@action("AttachDisk", regionless=True)
def attach_disk(call: Call) -> Answer:
    """Attach a disk to an instance of its zone: as a data disk, or as the system disk that it lacks (``Bootable``)."""
    params, disk, instance = call.params, _disk(call), own_instance(call, call.params.require("InstanceId"))
    if disk.instance:
        raise wrong_disk_status()
    if disk.zone != instance.zone:
        raise ApiFault(403, "ResourceNotInSameZone", "The disk and the instance are not in the same zone.")
    if params.flag("Bootable"):
        attached = _booting(call, disk, instance)
    elif instance.status(call.now) in ("Running", "Stopped"):
        attached = _attached(call, disk, instance.id)
    else:
        raise wrong_instance_status()
    call.store.put(replace(attached, with_instance=params.flag("DeleteWithInstance")))
    return {}


@action("DetachDisk", regionless=True)
def detach_disk(call: Call) -> Answer:
    """Detach a disk from its instance, which has to be stopped if it is its system disk.

    A data disk is no longer deleted with an instance unless the call says so; a system disk is.
    """
    disk, instance = _disk(call), own_instance(call, call.params.require("InstanceId"))
    if not disk.instance:
        raise wrong_disk_status()
    if disk.instance != instance.id:
        raise ApiFault(
            403, "DependencyViolation", "The specified disk has not been attached on the specified instance."
        )
    system = disk.kind == "system"
    if instance.status(call.now) not in (("Stopped",) if system else ("Running", "Stopped")):
        raise wrong_instance_status()
    _require_simulated(call)
    with_instance = call.params.flag("DeleteWithInstance", default=system)
    call.store.put(replace(disk, instance="", device="", with_instance=with_instance))
    if system:
        call.store.put(replace(instance, disk="", diskless=True))
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
    disk, size = _disk(call), call.params.number("NewSize", 0, 0, LARGEST_NUMBER)
    if disk.kind == "system" and not disk.instance:
        raise ApiFault(
            400,
            "InvalidDisk.DetachedSystemDisk",
            "The specified disk is a detached system disk, does not support this operation.",
        )
    if size < disk.size:
        raise ApiFault(403, "InvalidDiskSize.TooSmall", "Specified new disk size is less than the original disk size.")
    if size == disk.size:
        raise ApiFault(403, "InvalidDiskSize", "Specified new disk size is less than or equal the original disk size.")
    if size >= sizes(disk.kind, disk.category, disk.level).stop:
        raise ApiFault(403, "InvalidDiskSize.TooLarge", "Specified new disk size is beyond the permitted range.")
    if is_copied(call.store, disk, call.now):
        raise ApiFault(
            403,
            "DiskCreatingSnapshot",
            "The operation is denied due to a snapshot of the specified disk is not completed yet.",
        )
    _require_simulated(call)
    call.store.put(replace(disk, size=size))
    return {"OrderId": ""}


@action("DeleteDisk", regionless=True)
def delete_disk(call: Call) -> Answer:
    """Delete a disk that is not attached."""
    disk = _disk(call)
    if disk.instance:
        raise wrong_disk_status()
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
    return replace(disk, kind="data", instance=instance_id, device=device, unused=False)


def _booting(call: Call, disk: Disk, instance: Instance) -> Disk:
    """Return a detached system disk as the system disk of a stopped instance that has none."""
    _require_simulated(call)
    if disk.kind != "system":
        raise wrong_disk_status()
    has_one = any(other.kind == "system" for other in attached_disks(call.store, instance.id))
    if has_one or instance.status(call.now) != "Stopped":
        raise wrong_instance_status()
    check_key_pair(call)
    key_pair = call.params.text("KeyPairName", instance.key_pair)
    call.store.put(replace(instance, disk=disk.id, diskless=False, key_pair=key_pair))
    return replace(disk, instance=instance.id, device=SYSTEM_DEVICE)


def _require_simulated(call: Call) -> None:
    if call.settings.machines:
        raise ApiFault(501, "NotImplemented.LocalCloud", "The local cloud does not change disks of virtual machines.")
