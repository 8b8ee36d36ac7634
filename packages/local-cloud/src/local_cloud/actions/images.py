"""Images: describe, create, modify, delete."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from local_cloud.actions.paging import page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_description, check_name, check_tags, has_tags, tag_rows
from local_cloud.catalogue import EVERYWHERE, SYSTEM_ACCOUNT
from local_cloud.clock import iso, parse_iso
from local_cloud.errors import (
    ApiFault,
    dry_run,
    invalid,
    missing,
    no_such_image,
    no_such_instance,
    wrong_image_status,
    wrong_instance_status,
)
from local_cloud.market import NEVER
from local_cloud.records import DEPRECATED, READY, Image, Instance, Snapshot
from local_cloud.store import View

STATUSES = ("Creating", "Waiting", READY, "UnAvailable", "CreateFailed", DEPRECATED)
MAX_TAGGED = 1000
IMDS = ("v1", "v2")  # it never goes back


@action("DescribeImages")
def describe_images(call: Call) -> Answer:
    """Images by many filters, newest first."""
    params = call.params
    if params.flag("DryRun"):
        raise dry_run()
    statuses = _statuses(params.text("Status", READY))
    owners = _owners(call)
    ids = {one.strip() for one in params.text("ImageId").split(",") if one.strip()}
    name = params.text("ImageName").lower()
    architecture = params.choice("Architecture", ("i386", "x86_64", "arm64"))
    usage = params.choice("Usage", ("instance", "none"))
    family, snapshot, os_type = params.text("ImageFamily"), params.text("SnapshotId"), params.text("OSType")
    start, end = _creation_span(call)
    tags = params.pairs("Tag")
    used = _used_images(call.view) if usage else set()
    found = [
        image
        for image in call.view.all(Image)
        if image.region in (call.region, EVERYWHERE)
        and owner_alias(image, call.account) in owners
        and (not ids or image.id in ids)
        and name in image.name.lower()
        and image.status(call.now) in statuses
        and architecture in ("", image.architecture)
        and family in ("", image.family)
        and snapshot in ("", image.snapshot)
        and os_type in ("", image.os_type)
        and start <= image.created <= end
        and (not usage or (usage == "instance") is (image.id in used))
        and (not tags or has_tags(image.tags, tags))
    ]
    if tags:
        found = found[:MAX_TAGGED]
    found.sort(key=lambda image: (image.created, image.id), reverse=True)
    page, paging = page_by_number(params, found)
    used = used or _used_images(call.view)
    return {
        **paging,
        "RegionId": call.region,
        "Images": {"Image": [describe(image, call, used) for image in page]},
    }


@action("DescribeImageFromFamily")
def describe_image_from_family(call: Call) -> Answer:
    """The newest Available image of a family; nothing if there is none."""
    family = call.params.require("ImageFamily")
    image = newest_of_family(call.view, call, family)
    return {"Image": describe(image, call, _used_images(call.view))} if image else {}


def newest_of_family(view: View, call: Call, family: str) -> Image | None:
    """The image that a family stands for just now."""
    members = [
        image
        for image in view.all(Image)
        if image.family == family
        and image.region in (call.region, EVERYWHERE)
        and image.owner in (call.account, SYSTEM_ACCOUNT)
        and image.status(call.now) == READY
    ]
    return max(members, key=lambda image: (image.created, image.id), default=None)


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
    # A real machine's disk takes as long to keep as it takes.
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


@action("ModifyImageAttribute")
def modify_image_attribute(call: Call) -> Answer:
    """Name, family, description and status of an own image."""
    params = call.params
    image = own_image(call)
    name, family = params.text("ImageName"), params.text("ImageFamily")
    if name and name != image.name:
        require_free_name(call, image.region, check_name(name, "ImageName"))
    if family:
        check_name(family, "ImageFamily")
    description = check_description(params.text("Description"))
    state = params.choice("Status", (READY, DEPRECATED)) or image.state
    if state != image.state:
        if image.status(call.now) not in (READY, DEPRECATED):
            raise wrong_image_status()
        if state == DEPRECATED and (image.shared_with or image.public):
            raise ApiFault(403, "ImageUseShared", "The specified image has been shared to others.")
    imds = params.choice("Features.ImdsSupport", IMDS, image.imds_support)
    if imds < image.imds_support:
        raise invalid("Features.ImdsSupport")
    if params.flag("DryRun"):
        raise dry_run()
    call.store.put(
        replace(
            image,
            imds_support=imds,
            name=name or image.name,
            family=family or image.family,
            description=description or image.description,
            boot_mode=params.text("BootMode", image.boot_mode),
            state=state,
        )
    )
    return {}


@action("DeleteImage")
def delete_image(call: Call) -> Answer:
    """Delete an own image; its snapshots stay. One that does not exist is ignored."""
    image = call.store.get(Image, call.params.require("ImageId"))
    if image is None or image.region != call.region:
        return {}
    if image.owner != call.account:
        raise no_such_image()
    if image.status(call.now) == "Creating":
        if image.copying:
            raise ApiFault(
                403,
                "OperationDenied.ImageCopying",
                "The image is being copied. Please use the CancelCopyImage API.",
            )
        raise wrong_image_status()
    if image.shared_with or image.public:
        raise ApiFault(
            403,
            "ImageUseShared",
            "The specified image has been shared to others. You can use the DescribeImageSharePermission API to "
            "query the users who have been shared.",
        )
    if image.id in _used_images(call.store) and not call.params.flag("Force"):
        raise ApiFault(
            403,
            "ImageUsingByInstance",
            "The specified image has been used to create instances. You can use the DescribeInstances API to query "
            "these instances, or you can use the force parameter to proceed.",
        )
    if call.params.flag("DryRun"):
        raise dry_run()
    call.store.remove(image)
    return {}


def own_image(call: Call) -> Image:
    """The caller's image that ``ImageId`` names in the region.

    Raises:
        ApiFault: there is none.
    """
    image = call.store.get(Image, call.params.require("ImageId"))
    if image is None or image.owner != call.account or image.region != call.region:
        raise no_such_image()
    return image


def require_free_name(call: Call, region: str, name: str) -> None:
    """Names are unique in an account and region.

    Raises:
        ApiFault: ``InvalidImageName.Duplicated``.
    """
    if any(
        image.name == name and image.region == region and image.owner == call.account for image in call.store.all(Image)
    ):
        raise ApiFault(400, "InvalidImageName.Duplicated", "The specified Image name has already bean used.")


def require_quota(call: Call, region: str) -> None:
    """There is room for one more image.

    Raises:
        ApiFault: ``QuotaExceed.Image``.
    """
    owned = sum(image.owner == call.account and image.region == region for image in call.store.all(Image))
    if owned >= call.settings.image_quota:
        raise ApiFault(403, "QuotaExceed.Image", "The Image Quota exceeds.")


def owner_alias(image: Image, account: str) -> str:
    """Whose image it is, seen from ``account``; ``hidden`` if it must not be seen, ``community`` if it is public."""
    if image.owner == account:
        return "self"
    if image.owner == SYSTEM_ACCOUNT:
        return "system"
    if account in image.shared_with:
        return "others"
    return "community" if image.public else "hidden"


def describe(image: Image, call: Call, used: Iterable[str]) -> Answer:
    """The image as an element of ``Images.Image``."""
    alias = owner_alias(image, call.account)
    return {
        "ImageId": image.id,
        "ImageName": image.name,
        "ImageOwnerAlias": "others" if alias == "community" else alias,
        "ImageOwnerId": int(image.owner),
        "ImageFamily": image.family,
        "ImageVersion": image.version,
        "Description": image.description,
        "Architecture": image.architecture,
        "BootMode": image.boot_mode,
        "CreationTime": iso(image.created),
        "Status": image.status(call.now),
        "Progress": image.progress(call.now),
        "Size": image.size,
        "OSType": image.os_type,
        "OSName": image.os_name,
        "OSNameEn": image.os_name_en,
        "Platform": image.platform,
        "Usage": "instance" if image.id in used else "none",
        "IsCopied": image.copying,
        "IsPublic": image.public,
        "IsSelfShared": "true" if alias == "self" and image.shared_with else "",
        "IsSubscribed": False,
        "IsSupportCloudinit": image.os_type == "linux",
        "IsSupportIoOptimized": True,
        "LoginAsNonRootSupported": True,
        "ProductCode": "",
        "ResourceGroupId": "",
        "Features": {"NvmeSupport": "supported", "ImdsSupport": image.imds_support},
        "DiskDeviceMappings": {
            "DiskDeviceMapping": [
                {
                    "Device": "/dev/xvda",
                    "Type": "system",
                    "Format": "",
                    "Size": str(image.size),
                    "SnapshotId": image.snapshot if alias == "self" else "",
                    "Progress": "",
                    "Encrypted": False,
                }
            ]
        },
        "Tags": tag_rows(image.tags) if alias == "self" else {"Tag": []},
    }


def _statuses(text: str) -> frozenset[str]:
    wanted = frozenset(one.strip() for one in text.split(","))
    if wanted == {"ALL"}:
        return frozenset(STATUSES)
    if not wanted <= set(STATUSES):
        raise ApiFault(404, "InvalidStatus.ValueNotSupported", "The specified status is not supported.")
    return wanted


def _owners(call: Call) -> frozenset[str]:
    alias = call.params.choice("ImageOwnerAlias", ("system", "self", "others", "marketplace"))
    if call.params.flag("IsPublic"):
        if alias != "others":
            raise invalid("IsPublic")
        return frozenset({"community"})
    return frozenset({alias}) if alias else frozenset({"system", "self", "others"})


def _creation_span(call: Call) -> tuple[float, float]:
    start, end = 0.0, float("inf")
    for key, value in call.params.pairs("Filter"):
        try:
            moment = parse_iso(value or "")
        except ValueError:
            raise invalid("Filter") from None
        if key == "CreationStartTime":
            start = moment
        elif key == "CreationEndTime":
            end = moment
    return start, end


def _used_images(view: View) -> set[str]:
    return {instance.image for instance in view.all(Instance)}


def _own_snapshot(call: Call, snapshot_id: str) -> Snapshot:
    snapshot = call.store.get(Snapshot, snapshot_id)
    if snapshot is None or snapshot.owner != call.account or snapshot.region != call.region:
        raise ApiFault(404, "InvalidSnapshotId.NotFound", "The specified SnapshotId does not exist.")
    if call.now < snapshot.ready:
        raise ApiFault(400, "InvalidSnapshotId.NotReady", "The specified snapshot has not completed yet.")
    if snapshot.disk_type != "system":
        raise ApiFault(403, "InvalidSnapshotId.NotSystem", "The specified snapshot is not of a system disk.")
    return snapshot
