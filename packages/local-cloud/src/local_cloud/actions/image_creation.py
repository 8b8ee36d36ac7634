"""CreateImage, and the rules that every new image obeys: a free name, a quota."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_description, check_name, check_tags
from local_cloud.errors import ApiFault, dry_run, missing, no_such_instance, no_such_snapshot, wrong_instance_status
from local_cloud.market import NEVER
from local_cloud.params import Params
from local_cloud.records import DATA_DEVICES, Image, Instance, Snapshot
from local_cloud.volumes import attached_disks

IMDS = ("v1", "v2")  # an image can change from the first to the second only


@action("CreateImage", idempotent=True)
def create_image(call: Call) -> Answer:
    """An image from snapshots or from an instance (whose disks are snapshotted on the way)."""
    params = call.params
    image_id = call.new_id("m-")
    name = check_name(params.text("ImageName") or image_id, "ImageName")
    family = params.text("ImageFamily")
    if family:
        check_name(family, "ImageFamily")
    description = check_description(params.text("Description"))
    tags = check_tags(params.pairs("Tag"))
    source = _source(call, image_id)
    system, data = _sorted(source.snapshots)
    require_free_name(call, call.region, name)
    require_quota(call, call.region)
    if params.flag("DryRun"):
        raise dry_run()
    image = Image(
        id=image_id,
        region=call.region,
        owner=call.account,
        name=name,
        created=call.now,
        # How long it takes to copy a virtual machine's disk is not known.
        ready=NEVER if source.virtual_machine else call.now + call.settings.image_seconds,
        tags=tags,
        architecture=source.architecture,
        family=family,
        description=description,
        version=params.text("ImageVersion"),
        size=system.size,
        snapshot=system.id,
        data=tuple(snapshot.id for snapshot in data),
        boot_mode=params.text("BootMode", "UEFI-Preferred"),
        imds_support=params.choice("Features.ImdsSupport", IMDS, source.imds_support),
        source_instance=source.virtual_machine,
    )
    call.store.put(image, *(source.snapshots if source.is_new else ()))
    return {"ImageId": image.id}


class _Source(NamedTuple):
    """What an image is made from.

    Attributes:
        snapshots: of its disks.
        architecture: the image's architecture.
        imds_support: the default of the image's.
        is_new: the snapshots are made with the image, and not stored yet.
        virtual_machine: the instance whose disks are copied, with virtual machines; empty: none are.
    """

    snapshots: Sequence[Snapshot]
    architecture: str
    imds_support: str = IMDS[0]
    is_new: bool = False
    virtual_machine: str = ""


def _source(call: Call, image_id: str) -> _Source:
    """Return the source that the call names.

    Raises:
        ApiFault: it names none or two, or one that cannot be used.
    """
    snapshot_ids, instance_id = _given_snapshots(call.params), call.params.text("InstanceId")
    if snapshot_ids and instance_id:
        raise ApiFault(400, "InvalidParamter.Conflict", "The specified image source is conflict.")
    if not snapshot_ids and not instance_id:
        raise missing("InstanceId")
    architecture = call.params.choice("Architecture", ("i386", "x86_64", "arm64"), "x86_64")
    if instance_id:
        return _from_instance(call, instance_id, image_id)
    return _Source([_own_snapshot(call, snapshot_id) for snapshot_id in snapshot_ids], architecture)


def _from_instance(call: Call, instance_id: str, image_id: str) -> _Source:
    instance = call.store.get(Instance, instance_id)
    if instance is None or instance.owner != call.account or instance.region != call.region:
        raise no_such_instance()
    if instance.status(call.now) not in ("Running", "Stopped"):
        raise wrong_instance_status()
    base = call.store.get(Image, instance.image)
    is_virtual = bool(call.settings.machines)
    snapshots = [
        Snapshot(
            id=call.new_id("s-"),
            region=call.region,
            owner=call.account,
            name=f"Created_from_{image_id}",
            created=call.now,
            ready=call.now if is_virtual else call.now + call.settings.image_seconds,
            size=disk.size,
            disk=disk.id,
            disk_type=disk.kind,
            encrypted=disk.encrypted,
            key=disk.key,
        )
        for disk in attached_disks(call.store, instance_id)
    ]
    return _Source(
        snapshots,
        instance.architecture,
        base.imds_support if base else IMDS[0],
        is_new=True,
        virtual_machine=instance_id if is_virtual else "",
    )


def require_free_name(call: Call, region: str, name: str) -> None:
    """Check that the name is unique in the account and region.

    Raises:
        ApiFault: ``InvalidImageName.Duplicated``.
    """
    if any(
        image.name == name and image.region == region and image.owner == call.account for image in call.store.all(Image)
    ):
        raise ApiFault(400, "InvalidImageName.Duplicated", "The specified Image name has already bean used.")


def require_quota(call: Call, region: str) -> None:
    """Check that the quota allows one more image.

    Raises:
        ApiFault: ``QuotaExceed.Image``.
    """
    owned = sum(image.owner == call.account and image.region == region for image in call.store.all(Image))
    if owned >= call.settings.image_quota:
        raise ApiFault(403, "QuotaExceed.Image", "The Image Quota exceeds.")


def _given_snapshots(params: Params) -> list[str]:
    """Return the ids of the snapshots that a call names."""
    if params.text("SnapshotId"):
        return [params.text("SnapshotId")]
    mapped = (params.text(f"DiskDeviceMapping.{number}.SnapshotId") for number in range(1, len(DATA_DEVICES) + 2))
    return [snapshot_id for snapshot_id in mapped if snapshot_id]


def _sorted(snapshots: Sequence[Snapshot]) -> tuple[Snapshot, list[Snapshot]]:
    """Return the system disk's snapshot, and those of the data disks."""
    system = [snapshot for snapshot in snapshots if snapshot.disk_type == "system"]
    if len(system) != 1:
        raise ApiFault(403, "InvalidSnapshotId.NotSystem", "The specified snapshot is not of a system disk.")
    return system[0], [snapshot for snapshot in snapshots if snapshot.disk_type != "system"]


def _own_snapshot(call: Call, snapshot_id: str) -> Snapshot:
    snapshot = call.store.get(Snapshot, snapshot_id)
    if snapshot is None or snapshot.owner != call.account or snapshot.region != call.region:
        raise no_such_snapshot()
    if call.now < snapshot.ready:
        raise ApiFault(400, "InvalidSnapshotId.NotReady", "The specified snapshot has not completed yet.")
    return snapshot
