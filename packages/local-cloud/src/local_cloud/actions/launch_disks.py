"""The disks that a launch creates.

Source: RunInstances, ``SystemDisk`` and ``DataDisk.N``; its ``Device`` is for images that have data disks.
"""

from __future__ import annotations

from typing import NamedTuple

from local_cloud.actions.disk_traits import Traits, check_category, check_data_size, traits
from local_cloud.actions.owned import require_own
from local_cloud.actions.registry import Call
from local_cloud.disk_categories import LARGEST_NUMBER, sizes
from local_cloud.errors import ApiFault, no_such_snapshot
from local_cloud.instance_types import InstanceType
from local_cloud.market import disks_in
from local_cloud.records import DATA_DEVICES, Image, Snapshot
from local_cloud.volumes import data_snapshots


class NewDisk(NamedTuple):
    """A disk to create."""

    kind: str
    category: str
    size: int
    traits: Traits = Traits()
    with_instance: bool = True
    device: str = "/dev/xvda"
    snapshot: str = ""


def system_disk(call: Call, kind: InstanceType, image: Image, zone: str) -> NewDisk:
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
    size = params.number("SystemDisk.Size", 0, 0, LARGEST_NUMBER) or max(40, image.size)  # 0: as if it were not given
    if size < image.size:
        raise ApiFault(
            404,
            "InvalidSystemDiskSize.LessThanImageSize",
            "The specified parameter SystemDisk.Size is less than the image size.",
        )
    requested = traits(params, "SystemDisk.")
    _check_system_size(size, sizes("system", category, requested.level))
    return NewDisk("system", category, size, requested)


def _check_system_size(size: int, allowed: range) -> None:
    if size < allowed.start:
        raise ApiFault(
            404,
            "InvalidSystemDiskSize.LessThanMinSize",
            "The specified parameter SystemDisk.Size is less than the min size.",
        )
    if size >= allowed.stop:
        raise ApiFault(
            404,
            "InvalidSystemDiskSize.MoreThanMaxSize",
            "The specified parameter SystemDisk.Size is more than the max size.",
        )


def data_disks(call: Call, kind: InstanceType, image: Image) -> list[NewDisk]:
    """Return the data disks to create: the image's by their devices, and those that the launch adds."""
    disks: dict[str, NewDisk] = {}
    # Since January 2026; before, it was always the latter.
    usual = "cloud_auto" if "cloud_auto" in kind.disks else "cloud_efficiency"
    for device, content in zip(DATA_DEVICES, data_snapshots(call.store, image), strict=False):
        kept = Traits(encrypted=content.encrypted, key=content.key)
        disks[device] = NewDisk("data", usual, content.size, kept, device=device, snapshot=content.id)
    for number in range(1, len(DATA_DEVICES) + 1):
        named = call.params.text(f"DataDisk.{number}.Device")
        free = next((device for device in DATA_DEVICES if device not in disks), "")
        given = _given_disk(call, f"DataDisk.{number}.", usual, disks.get(named), free)
        if given is None:
            break
        if not given.device:
            raise ApiFault(403, "InstanceDiskLimitExceeded", "The instance has as many disks as it may have.")
        disks[given.device] = given
    return list(disks.values())


def _given_disk(call: Call, stem: str, usual: str, of_image: NewDisk | None, free: str) -> NewDisk | None:
    """Return the data disk that parameters describe, or None if they describe none.

    Args:
        call: the launch.
        stem: their common beginning.
        usual: the category if they name none.
        of_image: the image's disk that they change.
        free: the device of a disk that they add.
    """
    params = call.params
    if not any(value and name.startswith(stem) for name, value in params.values.items()):
        return None
    category = check_category(
        params.text(f"{stem}Category", usual),
        ApiFault(
            400,
            "InvalidDataDiskCategory.ValueNotSupported",
            "The specified parameter DataDisk.n.Category is not valid.",
        ),
    )
    snapshot_id = of_image.snapshot if of_image else params.text(f"{stem}SnapshotId")
    # The caller cannot see the snapshots of a shared image, but its disks come from them.
    content = None if of_image or not snapshot_id else require_own(call, Snapshot, snapshot_id, no_such_snapshot())
    least = of_image.size if of_image else content.size if content else 0
    size = params.number(f"{stem}Size", least, 0, LARGEST_NUMBER)
    if size < least:
        raise ApiFault(
            400, "InvalidDataDiskSize.ValueNotSupported", "The specified DataDisk.n.Size is smaller than its snapshot."
        )
    requested = traits(params, stem)
    check_data_size(
        size,
        category,
        requested.level,
        ApiFault(
            400,
            "InvalidDataDiskSize.ValueNotSupported",
            "The specified DataDisk.n.Size beyond the permitted range, or the capacity of snapshot exceeds the size "
            "limit of the specified disk category.",
        ),
    )
    source = of_image.traits if of_image else content
    if source and source.encrypted:
        requested = requested._replace(encrypted=True, key=requested.key or source.key)
    return NewDisk(
        "data",
        category,
        size,
        requested,
        with_instance=params.flag(f"{stem}DeleteWithInstance", default=True),
        device=of_image.device if of_image else free,
        snapshot=snapshot_id,
    )
