"""A disk as the API describes it."""

from __future__ import annotations

from local_cloud.actions.registry import Answer
from local_cloud.actions.rules import tag_rows
from local_cloud.clock import iso
from local_cloud.disk_categories import level_of
from local_cloud.records import Disk


def status(disk: Disk) -> str:
    """Return the disk's status: disks are made, attached and detached at once."""
    return "In_use" if disk.instance else "Available"


def portable(disk: Disk) -> bool:
    """Return whether it can be attached elsewhere."""
    return disk.kind == "data"


def level(disk: Disk) -> str:
    """Return its performance level."""
    return level_of(disk.category, disk.level)


def describe(disk: Disk) -> Answer:
    """Return a disk as ``DescribeDisks`` has it."""
    return {
        "DiskId": disk.id,
        "DiskName": disk.name,
        "RegionId": disk.region,
        "ZoneId": disk.zone,
        "Description": disk.description,
        "Category": disk.category,
        "Size": disk.size,
        "Type": disk.kind,
        "Status": status(disk),
        "InstanceId": disk.instance,
        "Device": disk.device,
        "SourceSnapshotId": disk.snapshot,
        "ResourceGroupId": "",
        "PerformanceLevel": level(disk),
        "DeleteAutoSnapshot": False,
        "EnableAutoSnapshot": False,
        "EnableAutomatedSnapshotPolicy": False,
        "AutoSnapshotPolicyId": "",
        "DeleteWithInstance": disk.with_instance,
        "Encrypted": disk.encrypted,
        "KMSKeyId": disk.key,
        "DiskChargeType": "PostPaid",
        "MultiAttach": "Disabled",
        "OperationLocks": {"OperationLock": []},
        "Portable": portable(disk),
        "CreationTime": iso(disk.created),
        "Tags": tag_rows(disk.tags),
    }
