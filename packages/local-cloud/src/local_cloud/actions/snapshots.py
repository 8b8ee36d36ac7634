"""Snapshots: created, described, changed, deleted."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from local_cloud.actions.owned import require_own
from local_cloud.actions.paging import listed_ids, page
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.remembered import remembered
from local_cloud.actions.rules import check_snapshot, check_tags, has_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, dry_run, no_such_disk, no_such_snapshot
from local_cloud.index import Tags, newest_first
from local_cloud.records import Disk, Image, Snapshot
from local_cloud.store import View


@action("DescribeSnapshots")
def describe_snapshots(call: Call) -> Answer:
    """Snapshots by many filters, newest first, by page number or by token."""
    params = call.params
    if params.flag("DryRun"):
        raise dry_run()
    ids = listed_ids(params, "SnapshotIds")
    usage = params.choice("Usage", ("image", "disk", "image_disk", "none"))
    status = params.choice("Status", ("progressing", "accomplished", "failed", "all"), "all")
    tags = params.pairs("Tag")
    disk, name, kind = params.text("DiskId"), params.text("SnapshotName"), params.text("SourceDiskType").lower()
    imaged = _imaged(call.view)

    def find() -> list[Snapshot]:
        return [
            snapshot
            for snapshot in _candidates(call, ids, tags)
            if snapshot.region == call.region
            and snapshot.owner == call.account
            and disk in ("", snapshot.disk)
            and name in ("", snapshot.name)
            and kind in ("", snapshot.disk_type)
            and status in ("all", _status(snapshot, call.now))
            and usage in ("", _usage(snapshot, imaged))
            and (not tags or has_tags(snapshot.tags, tags))
        ]

    found = remembered(call, Snapshot, _changes, find) if ids is None and not usage else find()
    shown, paging = page(params, found)
    return {**paging, "Snapshots": {"Snapshot": [_describe(snapshot, call, imaged) for snapshot in shown]}}


def _candidates(call: Call, ids: set[str] | None, tags: Tags) -> Sequence[Snapshot]:
    """Return the snapshots that the strictest filter leaves, the newest first."""
    if ids is not None:
        return newest_first(found for name in ids if (found := call.view.get(Snapshot, name)))
    return call.view.index(Snapshot).tagged(tags)


def _changes(snapshot: Snapshot) -> tuple[float]:
    return (snapshot.ready,)


def _imaged(view: View) -> Collection[str]:
    """Return the ids of the snapshots that images use."""
    index = view.index(Image)
    return index.derive(_imaged, lambda: {name for image in index.records for name in image.snapshots})


@action("CreateSnapshot", regionless=True, idempotent=True)
def create_snapshot(call: Call) -> Answer:
    """Copy the content of a disk."""
    params = call.params
    disk = require_own(call, Disk, params.require("DiskId"), no_such_disk())
    check_snapshot(params, least=2)
    if call.settings.machines:
        raise ApiFault(
            501, "NotImplemented.LocalCloud", "The local cloud makes snapshots of virtual machines by images alone."
        )
    snapshot = Snapshot(
        id=call.new_id("s-"),
        region=disk.region,
        owner=call.account,
        name=params.text("SnapshotName"),
        description=params.text("Description"),
        created=call.now,
        ready=call.now + call.settings.image_seconds,
        tags=check_tags(params.pairs("Tag")),
        size=disk.size,
        disk=disk.id,
        disk_type=disk.kind,
    )
    call.store.put(snapshot)
    return {"SnapshotId": snapshot.id}


@action("ModifySnapshotAttribute", regionless=True)
def modify_snapshot_attribute(call: Call) -> Answer:
    """Change a snapshot's name and description."""
    params = call.params
    snapshot = require_own(call, Snapshot, params.require("SnapshotId"), no_such_snapshot())
    check_snapshot(params, least=1)
    name = params.text("SnapshotName", snapshot.name)
    call.store.put(replace(snapshot, name=name, description=params.text("Description", snapshot.description)))
    return {}


@action("DeleteSnapshot", regionless=True)
def delete_snapshot(call: Call) -> Answer:
    """Delete a snapshot that no image uses. A missing snapshot is ignored."""
    snapshot = call.store.get(Snapshot, call.params.require("SnapshotId"))
    if snapshot is None:
        return {}
    if snapshot.owner != call.account:
        raise no_such_snapshot()
    if snapshot.id in _imaged(call.store):
        raise ApiFault(
            403,
            "SnapshotCreatedImage",
            "The snapshot has been used to create image, please delete the image first.",
        )
    call.store.remove(snapshot)
    return {}


def _status(snapshot: Snapshot, now: float) -> str:
    return "accomplished" if now >= snapshot.ready else "progressing"


def _usage(snapshot: Snapshot, imaged: Collection[str]) -> str:
    return "image" if snapshot.id in imaged else "none"


def _describe(snapshot: Snapshot, call: Call, imaged: Collection[str]) -> Answer:
    return {
        "SnapshotId": snapshot.id,
        "SnapshotName": snapshot.name,
        "Description": snapshot.description,
        "CreationTime": iso(snapshot.created),
        "LastModifiedTime": iso(snapshot.created),
        "Status": _status(snapshot, call.now),
        "Available": call.now >= snapshot.ready,
        "Progress": snapshot.progress(call.now),
        "RemainTime": max(0, int(snapshot.ready - call.now)),
        "RegionId": snapshot.region,
        "SnapshotType": "user",
        "Category": "standard",
        "SourceDiskId": snapshot.disk,
        "SourceDiskSize": str(snapshot.size),
        "SourceDiskType": snapshot.disk_type,
        "Usage": _usage(snapshot, imaged),
        "Encrypted": snapshot.encrypted,
        "KMSKeyId": snapshot.key,
        "Tags": tag_rows(snapshot.tags),
    }
