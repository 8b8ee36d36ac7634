"""CreateImage, and the rules that every new image obeys: a free name, a quota."""

from __future__ import annotations

from collections.abc import Sequence

from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_description, check_name, check_tags
from local_cloud.errors import ApiFault, dry_run, missing, no_such_instance, no_such_snapshot, wrong_instance_status
from local_cloud.market import NEVER
from local_cloud.params import Params
from local_cloud.records import DATA_DEVICES, Image, Instance, Snapshot
from local_cloud.volumes import attached_disks

IMDS = ("v1", "v2")  # changes in this direction alone


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
    instance_id = params.text("InstanceId")
    real = bool(instance_id and call.settings.machines)
    # The time to copy a virtual machine's disk is not known.
    ready = NEVER if real else call.now + call.settings.image_seconds
    given = _given_snapshots(params)
    if bool(given) == bool(instance_id):
        if given:
            raise ApiFault(400, "InvalidParamter.Conflict", "The specified image source is conflict.")
        raise missing("InstanceId")
    architecture = params.choice("Architecture", ("i386", "x86_64", "arm64"), "x86_64")
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
        snapshots = [
            Snapshot(
                id=call.new_id("s-"),
                region=call.region,
                owner=call.account,
                name=f"Created_from_{image_id}",
                created=call.now,
                ready=call.now if real else ready,
                size=disk.size,
                disk=disk.id,
                disk_type=disk.kind,
                encrypted=disk.encrypted,
                key=disk.key,
            )
            for disk in attached_disks(call.store, instance_id)
        ]
    else:
        snapshots = [_own_snapshot(call, snapshot_id) for snapshot_id in given]
    system, data = _sorted(snapshots)
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
        size=system.size,
        snapshot=system.id,
        data=tuple(snapshot.id for snapshot in data),
        boot_mode=params.text("BootMode", "UEFI-Preferred"),
        imds_support=params.choice("Features.ImdsSupport", IMDS, imds),
        source_instance=instance_id if real else "",
    )
    call.store.put(image, *([] if given else snapshots))
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
