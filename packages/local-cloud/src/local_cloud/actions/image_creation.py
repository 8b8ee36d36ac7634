"""CreateImage, and the rules that every new image obeys: a free name, a quota."""

from __future__ import annotations

from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_description, check_name, check_tags
from local_cloud.errors import ApiFault, dry_run, missing, no_such_instance, no_such_snapshot, wrong_instance_status
from local_cloud.market import NEVER
from local_cloud.records import Disk, Image, Instance, Snapshot

IMDS = ("v1", "v2")  # changes in this direction alone


@action("CreateImage", idempotent=True)
def create_image(call: Call) -> Answer:
    """An image from a snapshot or from an instance (whose disk is snapshotted on the way)."""
    params = call.params
    image_id = call.new_id("m-")
    name = check_name(params.text("ImageName") or image_id, "ImageName")
    family = params.text("ImageFamily")
    if family:
        check_name(family, "ImageFamily")
    description = check_description(params.text("Description"))
    tags = check_tags(params.pairs("Tag"))
    instance_id = params.text("InstanceId")
    real = bool(instance_id and call.settings.machines)
    # The time to copy a virtual machine's disk is not known.
    ready = NEVER if real else call.now + call.settings.image_seconds
    snapshot_id = params.text("SnapshotId") or params.text("DiskDeviceMapping.1.SnapshotId")
    if bool(snapshot_id) == bool(instance_id):
        if snapshot_id:
            raise ApiFault(400, "InvalidParamter.Conflict", "The specified image source is conflict.")
        raise missing("InstanceId")
    architecture = params.choice("Architecture", ("i386", "x86_64", "arm64"), "x86_64")
    new_snapshot: Snapshot | None = None
    imds = IMDS[0]
    if instance_id:
        instance = call.store.get(Instance, instance_id)
        if instance is None or instance.owner != call.account or instance.region != call.region:
            raise no_such_instance()
        if instance.status(call.now) not in ("Running", "Stopped"):
            raise wrong_instance_status()
        architecture = instance.architecture
        base = call.store.get(Image, instance.image)
        imds = base.imds_support if base else IMDS[0]
        new_snapshot = Snapshot(
            id=call.new_id("s-"),
            region=call.region,
            owner=call.account,
            name=f"Created_from_{image_id}",
            created=call.now,
            ready=call.now if real else ready,
            size=instance.disk_size,
            disk=instance.disk,
            encrypted=_is_encrypted(call, instance.disk),
        )
        size, snapshot_id = instance.disk_size, new_snapshot.id
    else:
        size = _own_snapshot(call, snapshot_id).size
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
        ready=ready,
        tags=tags,
        architecture=architecture,
        family=family,
        description=description,
        version=params.text("ImageVersion"),
        size=size,
        snapshot=snapshot_id,
        boot_mode=params.text("BootMode", "UEFI-Preferred"),
        imds_support=params.choice("Features.ImdsSupport", IMDS, imds),
        source_instance=instance_id if real else "",
    )
    call.store.put(image, *([new_snapshot] if new_snapshot else []))
    return {"ImageId": image.id}


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


def _is_encrypted(call: Call, disk_id: str) -> bool:
    disk = call.store.get(Disk, disk_id)
    return disk is not None and disk.encrypted


def _own_snapshot(call: Call, snapshot_id: str) -> Snapshot:
    snapshot = call.store.get(Snapshot, snapshot_id)
    if snapshot is None or snapshot.owner != call.account or snapshot.region != call.region:
        raise no_such_snapshot()
    if call.now < snapshot.ready:
        raise ApiFault(400, "InvalidSnapshotId.NotReady", "The specified snapshot has not completed yet.")
    if snapshot.disk_type != "system":
        raise ApiFault(403, "InvalidSnapshotId.NotSystem", "The specified snapshot is not of a system disk.")
    return snapshot
