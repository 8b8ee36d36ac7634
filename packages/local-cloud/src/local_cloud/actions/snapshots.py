"""Snapshots: created, described, changed, deleted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec.structs import replace

from local_cloud.actions.creation_span import by_creation
from local_cloud.actions.filters import Tests, by_choice, by_words, choice, passes
from local_cloud.actions.owned import require_own
from local_cloud.actions.paging import listed_ids, page
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.remembered import remembered
from local_cloud.actions.rules import check_snapshot, check_tags, has_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, no_such_disk, no_such_snapshot, not_performed
from local_cloud.index import Tags, newest_first
from local_cloud.records import Disk, Image, Snapshot
from local_cloud.store import View
from local_cloud.volumes import is_copied

KIND = "user"  # made by hand: nothing here makes any by itself
CATEGORY = "standard"
CATEGORIES = (CATEGORY, "flash", "archive")

# What a snapshot is under the name of a filter. Nothing here is in a resource group.
_WORDS: Mapping[str, Callable[[Snapshot], str]] = {
    "DiskId": lambda snapshot: snapshot.disk,
    "KMSKeyId": lambda snapshot: snapshot.key,
    "ResourceGroupId": lambda _: "",
    "SnapshotName": lambda snapshot: snapshot.name,
}


@action("DescribeSnapshots")
def describe_snapshots(call: Call) -> Answer:
    """Snapshots by many filters, newest first, by page number or by token."""
    params = call.params
    ids, tags = listed_ids(params, "SnapshotIds"), params.pairs("Tag")
    usage = _usage(call.view)
    tests = _tests(call, usage)

    def find() -> list[Snapshot]:
        return [
            snapshot
            for snapshot in _candidates(call, ids, tags)
            if snapshot.region == call.region
            and snapshot.owner == call.account
            and (not tags or has_tags(snapshot.tags, tags))
            and passes(snapshot, tests)
        ]

    # What uses a snapshot, and where its disk is, changes while no snapshot does.
    once = ids is not None or params.text("Usage") or params.text("InstanceId")
    found = find() if once else remembered(call, Snapshot, _changes, find)
    shown, paging = page(params, found)
    return {**paging, "Snapshots": {"Snapshot": [_describe(snapshot, call, usage(snapshot)) for snapshot in shown]}}


def _tests(call: Call, usage: Callable[[Snapshot], str]) -> Tests[Snapshot]:
    """Return the tests that a snapshot has to pass to be listed.

    Raises:
        ApiFault: a filter has a value that the API does not know.
    """
    params = call.params
    if params.text("SnapshotLinkId"):
        raise ApiFault(404, "InvalidSnapshotLinkId.NotFound", "The specified snapshot link is not found.")

    def status(snapshot: Snapshot) -> str:
        return _status(snapshot, call.now)

    found: list[Callable[[Snapshot], bool]] = [
        *by_words(params, _WORDS),
        *by_choice(params, "SnapshotType", lambda _: KIND, ("auto", KIND), _unknown(404, "SnapshotType.NotFound")),
        *by_choice(params, "SourceDiskType", _disk_type, ("system", "data"), _unknown(404, "SourceDiskType")),
        *by_choice(params, "Category", lambda _: CATEGORY, CATEGORIES, _unknown(403, "SnapshotCategory.Malformed")),
        *by_choice(
            params, "Status", status, ("progressing", "accomplished", "failed"), _unknown(404, "Status.NotFound")
        ),
        *by_choice(params, "Usage", usage, ("image", "disk", "image_disk", "none"), _unknown(404, "Usage")),
    ]
    if params.flag("Encrypted"):  # false filters nothing
        found.append(lambda snapshot: snapshot.encrypted)
    if instance := params.text("InstanceId"):
        disks = {disk.id for disk in call.view.all(Disk) if disk.instance == instance}
        found.append(lambda snapshot: snapshot.disk in disks)
    return [*found, *by_creation(params)]


def _unknown(status: int, what: str) -> ApiFault:
    return ApiFault(status, f"Invalid{what}", f"The specified {what.partition('.')[0]} is not valid.")


def _disk_type(snapshot: Snapshot) -> str:
    return snapshot.disk_type


def _candidates(call: Call, ids: set[str] | None, tags: Tags) -> Sequence[Snapshot]:
    """Return the snapshots that the strictest filter leaves, the newest first."""
    if ids is not None:
        return newest_first(found for name in ids if (found := call.view.get(Snapshot, name)))
    return call.view.index(Snapshot).tagged(tags)


def _changes(snapshot: Snapshot) -> tuple[float]:
    return (snapshot.ready,)


def _on_disks(view: View) -> Collection[str]:
    """Return the ids of the snapshots from which disks were made."""
    index = view.index(Disk)
    return index.derive(_on_disks, lambda: {disk.snapshot for disk in index.records})


def _imaged(view: View) -> Collection[str]:
    """Return the ids of the snapshots that images use."""
    index = view.index(Image)
    return index.derive(_imaged, lambda: {name for image in index.records for name in image.snapshots})


@action("CreateSnapshot", regionless=True, idempotent=True, token_status=403)
def create_snapshot(call: Call) -> Answer:
    """Copy the content of a disk."""
    params = call.params
    disk = require_own(call, Disk, params.require("DiskId"), no_such_disk())
    check_snapshot(params, least=2)
    if call.settings.machines:
        raise ApiFault(
            501, "NotImplemented.LocalCloud", "The local cloud makes snapshots of virtual machines by images alone."
        )
    if choice(params, "Category", CATEGORIES[:2], _unknown(403, "SnapshotCategory.Malformed")) == "flash":
        raise not_performed("local snapshots")
    if params.text("RetentionDays"):
        raise not_performed("CreateSnapshot with RetentionDays")
    if disk.unused:
        raise ApiFault(
            403, "IncorrectDiskStatus.NeverAttached", "The specified disk has never been attached to any instance."
        )
    if is_copied(call.store, disk, call.now):
        raise ApiFault(403, "IncorrectDiskStatus.CreatingSnapshot", "A previous snapshot creation is in process.")
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
        encrypted=disk.encrypted,
        key=disk.key,
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


def _usage(view: View) -> Callable[[Snapshot], str]:
    """Return a function that describes what was made from a snapshot and still exists."""
    uses = (("image", _imaged(view)), ("disk", _on_disks(view)))
    return lambda snapshot: "_".join(what for what, used in uses if snapshot.id in used) or "none"


def _describe(snapshot: Snapshot, call: Call, usage: str) -> Answer:
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
        "SnapshotType": KIND,
        "Category": CATEGORY,
        "SourceDiskId": snapshot.disk,
        "SourceDiskSize": str(snapshot.size),
        "SourceDiskType": snapshot.disk_type,
        "Usage": usage,
        "Encrypted": snapshot.encrypted,
        "KMSKeyId": snapshot.key,
        "Tags": tag_rows(snapshot.tags),
    }
