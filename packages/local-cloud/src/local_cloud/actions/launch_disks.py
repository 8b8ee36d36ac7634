"""The disks that a launch creates.

Source: RunInstances, ``SystemDisk`` and ``DataDisk.N``; its ``Device`` is for images that have data disks.
"""

from __future__ import annotations

from typing import NamedTuple

from local_cloud.actions.owned import require_own
from local_cloud.actions.registry import Call
from local_cloud.errors import ApiFault, no_such_snapshot
from local_cloud.instance_types import InstanceType
from local_cloud.market import disks_in
from local_cloud.records import DATA_DEVICES, Image, Snapshot
from local_cloud.volumes import data_snapshots

MAX_DISK_SIZE = 65_536  # GiB
MAX_SYSTEM_DISK_SIZE = 2048
DEFAULT_CATEGORY = "cloud_essd"


class Wanted(NamedTuple):
    """A disk to create."""

    kind: str
    category: str
    size: int
    with_instance: bool = True
    encrypted: bool = False
    device: str = "/dev/xvda"
    snapshot: str = ""
    id: str = ""


def system_disk(call: Call, kind: InstanceType, image: Image, zone: str) -> Wanted:
    """Return the system disk to create."""
    params = call.params
    allowed = disks_in(call.settings.market, kind, zone)
    category = params.text("SystemDisk.Category", allowed[0])
    if category not in allowed:
        raise ApiFault(
            400,
            "InvalidSystemDiskCategory.ValueNotSupported",
            "The specified parameter SystemDisk.Category is not supported by the instance type.",
        )
    size = params.number("SystemDisk.Size", 0, 0, 10**9) or max(40, image.size)  # 0: as if it were not given
    if size < image.size:
        raise ApiFault(
            404,
            "InvalidSystemDiskSize.LessThanImageSize",
            "The specified parameter SystemDisk.Size is less than the image size.",
        )
    if size > MAX_SYSTEM_DISK_SIZE:
        raise ApiFault(
            404,
            "InvalidSystemDiskSize.MoreThanMaxSize",
            "The specified parameter SystemDisk.Size is more than the max size.",
        )
    return Wanted("system", category, size, encrypted=params.flag("SystemDisk.Encrypted"))


def data_disks(call: Call, image: Image) -> list[Wanted]:
    """Return the data disks to create: the image's by their devices, and those that the launch adds."""
    disks: dict[str, Wanted] = {}
    for device, content in zip(DATA_DEVICES, data_snapshots(call.store, image), strict=False):
        disks[device] = Wanted(
            "data", DEFAULT_CATEGORY, content.size, encrypted=content.encrypted, device=device, snapshot=content.id
        )
    for number in range(1, len(DATA_DEVICES) + 1):
        named = call.params.text(f"DataDisk.{number}.Device")
        free = next((device for device in DATA_DEVICES if device not in disks), "")
        given = _given_disk(call, f"DataDisk.{number}", disks.get(named), free)
        if given is None:
            break
        if not given.device:
            raise ApiFault(403, "InstanceDiskLimitExceeded", "The instance has as many disks as it may have.")
        disks[given.device] = given
    return list(disks.values())


def _given_disk(call: Call, stem: str, of_image: Wanted | None, free: str) -> Wanted | None:
    """Return the data disk that parameters describe, or None if they describe none.

    Args:
        call: the launch.
        stem: their common beginning.
        of_image: the image's disk that they change.
        free: the device of a disk that they add.
    """
    params = call.params
    snapshot_id = of_image.snapshot if of_image else params.text(f"{stem}.SnapshotId")
    if not snapshot_id and not params.text(f"{stem}.Size"):
        return None
    # The caller may not see the snapshots of a shared image, and gets its disks all the same.
    content = None if of_image or not snapshot_id else require_own(call, Snapshot, snapshot_id, no_such_snapshot())
    least = of_image.size if of_image else content.size if content else 0
    size = params.number(f"{stem}.Size", least, 1, MAX_DISK_SIZE)
    if size < least:
        raise ApiFault(
            400, "InvalidDataDiskSize.ValueNotSupported", "The specified DataDisk.n.Size is smaller than its snapshot."
        )
    source = of_image or content
    return Wanted(
        "data",
        params.text(f"{stem}.Category", DEFAULT_CATEGORY),
        size,
        with_instance=params.flag(f"{stem}.DeleteWithInstance", default=True),
        encrypted=params.flag(f"{stem}.Encrypted") or (source is not None and source.encrypted),
        device=of_image.device if of_image else free,
        snapshot=snapshot_id,
    )
