"""Images: describe, modify, delete."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace

from local_cloud.actions.creation_span import creation_span
from local_cloud.actions.image_creation import IMDS, require_free_name
from local_cloud.actions.paging import page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.remembered import remembered
from local_cloud.actions.rules import check_description, check_name, has_tags, tag_rows
from local_cloud.catalogue import EVERYWHERE, SYSTEM_ACCOUNT
from local_cloud.clock import iso
from local_cloud.errors import (
    ApiFault,
    dry_run,
    invalid,
    no_such_image,
    wrong_image_status,
)
from local_cloud.index import Tags, newest_first
from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.records import (
    DATA_DEVICES,
    DEPRECATED,
    READY,
    Image,
    Instance,
    Snapshot,
)
from local_cloud.store import View
from local_cloud.volumes import data_snapshots

STATUSES = ("Creating", "Waiting", READY, "UnAvailable", "CreateFailed", DEPRECATED)
ARCHITECTURES = ("i386", "x86_64", "arm64")
MAX_TAGGED = 1000


@action("DescribeImages")
def describe_images(call: Call) -> Answer:
    """Images by many filters, newest first."""
    params = call.params
    params.only("Usable")  # newer than api.json, so that it would pass as unknown
    statuses = _statuses(params.text("Status", READY))
    owners = _owners(call)
    ids = {image_id.strip() for image_id in params.text("ImageId").split(",") if image_id.strip()}
    name = params.text("ImageName").lower()
    architectures = _architectures(call)
    owner = params.text("ImageOwnerId")
    cloud_init = params.text("IsSupportCloudinit").lower()
    # No image here is in a resource group, and all of them run on I/O optimized instances.
    nothing = params.text("ResourceGroupId") or not params.flag("IsSupportIoOptimized", default=True)
    usage = params.choice("Usage", ("instance", "none"))
    family, snapshot, os_type = params.text("ImageFamily"), params.text("SnapshotId"), params.text("OSType")
    start, end = creation_span(params)
    tags = params.pairs("Tag")
    used = _used_images(call.view)

    def find() -> list[Image]:
        if nothing:
            return []
        return [
            image
            for image in _candidates(call, ids, name, tags)
            if image.status(call.now) in statuses
            and image.region in (call.region, EVERYWHERE)
            and _is_owned(image, call.account, owners, owner)
            and (not name or name in image.name.lower())
            and image.architecture in architectures
            and family in ("", image.family)
            and (not snapshot or snapshot in image.snapshots)
            and os_type in ("", image.os_type)
            and (not cloud_init or (cloud_init == "true") is _has_cloud_init(image))
            and start <= image.created <= end
            and (not usage or (usage == "instance") is (image.id in used))
            and (not tags or has_tags(image.tags, tags))
        ]

    # A name seldom has more than one page, so an index for further pages would cost more than it saves.
    once = ids or usage or (name and params.number("PageNumber", 1, 1, 10**9) == 1)
    found = find() if once else remembered(call, Image, _changes, find)
    if tags:
        found = found[:MAX_TAGGED]
    page, paging = page_by_number(params, found)
    return {
        **paging,
        "RegionId": call.region,
        "Images": {"Image": [describe(image, call, used) for image in page]},
    }


def _candidates(call: Call, ids: set[str], name: str, tags: Tags) -> Sequence[Image]:
    """Return the images that the strictest filter leaves, the newest first."""
    index = call.view.index(Image)
    if ids:
        return newest_first(image for image_id in ids if (image := call.view.get(Image, image_id)))
    return index.named(name) if name else index.tagged(tags)


@action("DescribeImageFromFamily")
def describe_image_from_family(call: Call) -> Answer:
    """The newest Available image of a family; an empty answer if there is none."""
    family = call.params.require("ImageFamily")
    image = newest_of_family(call.view, call, family)
    return {"Image": describe(image, call, _used_images(call.view))} if image else {}


def newest_of_family(view: View, call: Call, family: str) -> Image | None:
    """Return a family's current image."""
    members = [
        image
        for image in view.index(Image).by(_family_of).get(family, ())
        if image.region in (call.region, EVERYWHERE)
        and image.owner in (call.account, SYSTEM_ACCOUNT)
        and image.status(call.now) == READY
    ]
    return max(members, key=lambda image: (image.created, image.id), default=None)


@action("ModifyImageAttribute")
def modify_image_attribute(call: Call) -> Answer:
    """Change name, family, description or status of an image of the caller's."""
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
    """Delete an image of the caller's; its snapshots stay. A missing image is ignored."""
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
    """Return the caller's image that ``ImageId`` names in the region.

    Raises:
        ApiFault: it does not exist.
    """
    image = call.store.get(Image, call.params.require("ImageId"))
    if image is None or image.owner != call.account or image.region != call.region:
        raise no_such_image()
    return image


def owner_alias(image: Image, account: str) -> str:
    """Return the image's owner alias for ``account``; ``hidden`` if invisible to it, ``community`` if public."""
    if image.owner == account:
        return "self"
    if image.owner == SYSTEM_ACCOUNT:
        return "system"
    if account in image.shared_with:
        return "others"
    return "community" if image.public else "hidden"


def describe(image: Image, call: Call, used: Collection[str]) -> Answer:
    """Return the image as an element of ``Images.Image``."""
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
        "IsSupportCloudinit": _has_cloud_init(image),
        "IsSupportIoOptimized": True,
        "LoginAsNonRootSupported": True,
        "ProductCode": "",
        "ResourceGroupId": "",
        "Features": {"NvmeSupport": "supported", "ImdsSupport": image.imds_support},
        "DiskDeviceMappings": {
            "DiskDeviceMapping": [
                {
                    "Device": device,
                    "Type": kind,
                    "Format": "",
                    "Size": str(size),
                    "SnapshotId": snapshot_id if alias == "self" else "",
                    "Progress": "",
                    "Encrypted": encrypted,
                }
                for device, kind, size, snapshot_id, encrypted in _disks(call.view, image)
            ]
        },
        "Tags": tag_rows(image.tags) if alias == "self" else {"Tag": []},
    }


def _disks(view: View, image: Image) -> Iterator[tuple[str, str, int, str, bool]]:
    """Yield device, type, size in GiB, snapshot and encryption of an image's disks."""
    system = view.get(Snapshot, image.snapshot)
    yield "/dev/xvda", "system", image.size, image.snapshot, system is not None and system.encrypted
    for device, content in zip(DATA_DEVICES, data_snapshots(view, image), strict=False):
        yield device, "data", content.size, content.id, content.encrypted


def _has_cloud_init(image: Image) -> bool:
    return image.os_type == "linux"


def _is_owned(image: Image, account: str, aliases: Collection[str], owner: str) -> bool:
    """Return whether an image has one of the aliases; ``owner`` counts for shared and community images only."""
    alias = owner_alias(image, account)
    return alias in aliases and (owner in ("", image.owner) or alias in ("system", "self"))


def _architectures(call: Call) -> Collection[str]:
    """Return the architectures that ``Architecture`` and ``InstanceType`` leave."""
    wanted = call.params.choice("Architecture", ARCHITECTURES)
    left = {wanted} if wanted else set(ARCHITECTURES)
    type_id = call.params.text("InstanceType")
    if not type_id:
        return left
    kind = INSTANCE_TYPES.get(type_id)
    if kind is None:
        raise ApiFault(400, "InvalidInstanceType.ValueNotSupported", "The specified InstanceType is not supported.")
    return left & ({"arm64"} if kind.architecture == "arm64" else {"x86_64", "i386"})


def _statuses(text: str) -> frozenset[str]:
    wanted = frozenset(status.strip() for status in text.split(","))
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


def _used_images(view: View) -> Collection[str]:
    return view.index(Instance).by(_image_of).keys()


def _image_of(instance: Instance) -> str:
    return instance.image


def _changes(image: Image) -> tuple[float]:
    return (image.ready,)


def _family_of(image: Image) -> str:
    return image.family
