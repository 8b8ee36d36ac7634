"""Copies of images in other regions."""

from __future__ import annotations

from msgspec.structs import replace

from local_cloud.actions.image_creation import require_free_name, require_quota
from local_cloud.actions.images import own_image
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_description, check_name, check_tags
from local_cloud.catalogue import REGIONS
from local_cloud.errors import ApiFault, dry_run, wrong_image_status
from local_cloud.records import READY, Snapshot
from local_cloud.volumes import data_snapshots


@action("CopyImage", idempotent=True)
def copy_image(call: Call) -> Answer:
    """Copy an Available image to another region; the copy has snapshots of its own there."""
    params = call.params
    source = own_image(call)
    region = params.require("DestinationRegionId")
    if region not in REGIONS:
        raise ApiFault(404, "InvalidDestinationRegionId.NotFound", "The specified DestinationRegionId does not exist.")
    if source.status(call.now) != READY:
        raise wrong_image_status()
    image_id = call.new_id("m-")
    name = check_name(params.text("DestinationImageName") or image_id, "ImageName")
    description = check_description(params.text("DestinationDescription"))
    tags = check_tags(params.pairs("Tag"))
    require_free_name(call, region, name)
    require_quota(call, region)
    if params.flag("DryRun"):
        raise dry_run()
    ready = call.now + call.settings.copy_seconds
    sizes = [("system", source.size), *(("data", disk.size) for disk in data_snapshots(call.store, source))]
    snapshots = [
        Snapshot(
            id=call.new_id("s-"),
            region=region,
            owner=call.account,
            name=f"Created_from_{image_id}",
            created=call.now,
            ready=ready,
            size=size,
            disk_type=kind,
            encrypted=params.flag("Encrypted"),
            key=params.text("KMSKeyId"),
        )
        for kind, size in sizes
    ]
    copy = replace(
        source,
        id=image_id,
        region=region,
        name=name,
        description=description,
        created=call.now,
        ready=ready,
        tags=tags,
        family="",
        shared_with={},
        public=False,
        snapshot=snapshots[0].id,
        data=tuple(snapshot.id for snapshot in snapshots[1:]),
        copying=True,
    )
    call.store.put(copy, *snapshots)
    return {"ImageId": copy.id}


@action("CancelCopyImage")
def cancel_copy_image(call: Call) -> Answer:
    """Cancel a running copy, and delete the partial copy."""
    image = own_image(call)
    if not image.copying or image.status(call.now) != "Creating":
        raise wrong_image_status()
    snapshots = (call.store.get(Snapshot, snapshot_id) for snapshot_id in image.snapshots)
    call.store.remove(image, *(snapshot for snapshot in snapshots if snapshot))
    return {}
