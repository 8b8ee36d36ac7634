"""The disks of instances and of images, in the order of their devices."""

from __future__ import annotations

from local_cloud.records import Disk, Image, Snapshot
from local_cloud.store import View


def attached_disks(view: View, instance_id: str) -> list[Disk]:
    """Return the disks of an instance: the system disk first."""
    attached = (disk for disk in view.all(Disk) if disk.instance == instance_id)
    return sorted(attached, key=lambda disk: (disk.kind != "system", disk.device, disk.id))


def is_copied(view: View, disk: Disk, now: float) -> bool:
    """Return whether a snapshot of a disk is being made."""
    return any(one.disk == disk.id and now < one.ready for one in view.all(Snapshot))


def data_snapshots(view: View, image: Image) -> list[Snapshot]:
    """Return the snapshots of an image's data disks."""
    return [found for snapshot_id in image.data if (found := view.get(Snapshot, snapshot_id))]
