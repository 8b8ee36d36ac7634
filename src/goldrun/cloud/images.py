"""Images: described, created, copied, changed, shared and deleted.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun.architecture import from_ecs, to_ecs
from goldrun.cloud import tags as schema
from goldrun.cloud.client import Call, EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.rpc import Parameter
from goldrun.errors import GoldrunError, UsageError
from goldrun.http.paging import read_steady
from goldrun.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Self


PAGE_SIZE = 100  # the API's maximum; its default is 10
MAX_DESCRIPTION = 256  # characters
ALL_STATUSES = "ALL"
AVAILABLE, DEPRECATED = "Available", "Deprecated"
UNFINISHED = ("Creating", "Waiting")
ACCOUNTS_A_CALL = 10


class Image(NamedTuple):
    """An ECS image (``DescribeImages``).

    Attributes:
        architecture: ``amd64`` or ``arm64``.
        status: Creating, Waiting, Available, UnAvailable, CreateFailed or Deprecated.
        progress: of its creation, e.g. ``45%``.
        creation_time: ISO 8601 in UTC, ``2026-11-23T08:00:00Z``.
        size_gib: the size of its system disk, in GiB.
        snapshots: ids of the snapshots it consists of.
        owner: system, self, others or marketplace.
        in_use: whether instances run from it.
        shared: whether other accounts may use it, or everybody.
        imds: ``v1`` forbids instances whose metadata service requires a token, ``v2`` allows them; empty: not reported.
    """

    image_id: str
    name: str
    architecture: str
    status: str
    progress: str
    creation_time: str
    family: str
    description: str
    size_gib: int
    os_name: str
    owner: str
    in_use: bool
    shared: bool
    snapshots: tuple[str, ...]
    tags: Mapping[str, str]
    imds: str = ""

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> Self:
        """Return the image that an element of ``Images.Image`` describes; what the API leaves out is empty."""
        disks = data.get("DiskDeviceMappings", {}).get("DiskDeviceMapping", [])
        return cls(
            image_id=data.get("ImageId", ""),
            name=data.get("ImageName", ""),
            architecture=from_ecs(data.get("Architecture", "")),
            status=data.get("Status", ""),
            progress=data.get("Progress", ""),
            creation_time=data.get("CreationTime", ""),
            family=data.get("ImageFamily", ""),
            description=data.get("Description", ""),
            size_gib=int(data.get("Size") or 0),
            os_name=data.get("OSNameEn") or data.get("OSName", ""),
            owner=data.get("ImageOwnerAlias", ""),
            in_use=data.get("Usage") == "instance",
            shared=str(data.get("IsSelfShared")).lower() == "true" or bool(data.get("IsPublic")),
            snapshots=tuple(disk["SnapshotId"] for disk in disks if disk.get("SnapshotId")),
            tags=schema.from_api(data),
            imds=data.get("Features", {}).get("ImdsSupport", ""),
        )


def describe_images(
    client: EcsClient,
    *,
    name: str = "",
    image_id: str = "",
    architecture: str | None = None,
    status: str = AVAILABLE,
    owner: str = "self",
    tags: schema.Tags | None = None,
    region: str | None = None,
    page_size: int = PAGE_SIZE,
) -> list[Image]:
    """Return all images that match, in the API's order (newest first).

    This takes one call per ``page_size`` images; the pages are read again if they do not fit together.

    Args:
        client: the cloud.
        name: part of the name; ECS searches fuzzily, so the caller compares.
        image_id: an exact id.
        architecture: ``amd64`` or ``arm64``.
        status: one, several with commas, or ``ALL``.
        owner: self, others, system or marketplace; empty: the first three.
        tags: the image must have all of them. With a tag the API searches at most 1,000 images.
        region: the region (default: the client's).
        page_size: images per call.

    Raises:
        ApiError: the API refused.
        UnavailableError: it could not be reached, or the list kept changing.
    """
    params: dict[str, Parameter] = {
        "ImageName": name or None,
        "ImageId": image_id or None,
        "Architecture": to_ecs(architecture) if architecture else None,
        "Status": status,
        "ImageOwnerAlias": owner or None,
        "Tag": schema.to_api(tags or {}),
        "PageSize": page_size,
    }
    return read_steady(client.clock.machine, "images", lambda: _walk(client, params, region, page_size))


def newest_of_family(client: EcsClient, family: str) -> Image | None:
    """Return the newest Available image of an ``ImageFamily``, also of Alibaba Cloud's own (``acs:…``); None: none."""
    element = client.call("DescribeImageFromFamily", {"ImageFamily": family}).get("Image")
    return Image.from_api(element) if element else None


def create_image(
    client: EcsClient, instance_id: str, *, name: str, description: str, tags: schema.Tags, token: str
) -> str:
    """Begin to create an image of an instance's disk, and return its id.

    Args:
        client: the cloud.
        instance_id: the instance, which should be stopped.
        name: unique in the account and region.
        description: cut to the length that ECS allows.
        tags: the image's tags.
        token: the ``ClientToken``: a repetition with the same one creates no second image.

    Raises:
        ApiError: the API refused.
    """
    params: dict[str, Parameter] = {
        "InstanceId": instance_id,
        "ImageName": name,
        "Description": description[:MAX_DESCRIPTION],
        "Tag": schema.to_api(tags),
        # Instances are created with HttpTokens=required, which v1 forbids.
        "Features.ImdsSupport": "v2",
        "ClientToken": token,
    }
    return str(client.call("CreateImage", params)["ImageId"])


class Encryption(NamedTuple):
    """How a copy's disk is encrypted.

    Attributes:
        key: the id of the KMS key in the target region; empty: ECS's own key, with which no image can be shared.
    """

    key: str = ""


def copy_image(
    client: EcsClient,
    image: Image,
    region: str,
    *,
    name: str,
    tags: schema.Tags,
    token: str,
    encryption: Encryption | None = None,
) -> str:
    """Begin to copy an image from the client's region to ``region``, and return the copy's id. See ``create_image``.

    Source: CopyImage, ``Encrypted`` and ``KMSKeyId``.
    """
    params: dict[str, Parameter] = {
        "ImageId": image.image_id,
        "DestinationRegionId": region,
        "DestinationImageName": name,
        "DestinationDescription": image.description or None,
        "Encrypted": True if encryption else None,
        "KMSKeyId": (encryption.key or None) if encryption else None,
        "Tag": schema.to_api(tags),
        "ClientToken": token,
    }
    return str(client.call("CopyImage", params)["ImageId"])


def modification(image_id: str, *, name: str = "", family: str = "", status: str = "") -> Call:
    """Return the call that changes an image's name, ``ImageFamily`` or status, all at once; empty: unchanged."""
    change = {"ImageName": name, "ImageFamily": family, "Status": status}
    return Call("ModifyImageAttribute", {"ImageId": image_id, **{key: value for key, value in change.items() if value}})


def set_imds(client: EcsClient, image_id: str) -> None:
    """Let instances of an image have a metadata service that requires a token (IMDSv2).

    Raises:
        ApiError: it was refused.
    """
    client.call("ModifyImageAttribute", {"ImageId": image_id, "Features.ImdsSupport": "v2"})


def delete_image(client: EcsClient, image_id: str) -> None:
    """Delete an image, not by force: ECS refuses while instances run from it, or while it is shared."""
    client.call("DeleteImage", {"ImageId": image_id})


def share_image(client: EcsClient, image: Image, accounts: Sequence[str], *, on: bool) -> None:
    """Share an image with other accounts, or stop sharing it (``on=False``).

    Raises:
        UsageError: an account's id is not a number.
    """
    check_accounts(accounts)
    for start in range(0, len(accounts), ACCOUNTS_A_CALL):
        batch = list(accounts[start : start + ACCOUNTS_A_CALL])
        key = "AddAccount" if on else "RemoveAccount"
        client.call("ModifyImageSharePermission", {"ImageId": image.image_id, key: batch})


def check_accounts(accounts: Sequence[str]) -> None:
    """Check ids of accounts.

    Raises:
        UsageError: one is not a number.
    """
    for account in accounts:
        if not (account.isascii() and account.isdigit()):
            raise UsageError(f"{account!r} is not an account id.", fix=["write its id, for example 1234567890123456"])


def set_public(client: EcsClient, image: Image, *, on: bool) -> None:
    """Make an image a community image, which everyone may use, or a private one."""
    client.call("ModifyImageSharePermission", {"ImageId": image.image_id, "IsPublic": on})


def shared_with(client: EcsClient, image: Image) -> list[str]:
    """Return the accounts that an image is shared with."""
    return describe_sharing(client, image)[1]


def describe_sharing(client: EcsClient, image: Image) -> tuple[bool, list[str]]:
    """Return whether everyone may use an image, and the accounts that it is shared with."""
    accounts: list[str] = []
    page = 0
    while True:
        page += 1
        answer = client.call(
            "DescribeImageSharePermission", {"ImageId": image.image_id, "PageNumber": page, "PageSize": PAGE_SIZE}
        )
        found = [str(account["AliyunId"]) for account in answer["Accounts"]["Account"]]
        accounts += found
        if not found or len(accounts) >= int(answer["TotalCount"]):
            groups = answer.get("ShareGroups", {}).get("ShareGroup", [])
            return any(group["Group"] == "all" for group in groups), accounts


def is_name_taken(error: GoldrunError) -> bool:
    """Return whether ECS refuses because another image has the name."""
    return isinstance(error, ApiError) and error.code == "InvalidImageName.Duplicated"


def is_missing(error: GoldrunError) -> bool:
    """Return whether ECS refuses because the image does not exist."""
    return isinstance(error, ApiError) and error.code in ("InvalidImageId.NotFound", "InvalidResourceId.NotFound")


def why_kept(error: ApiError) -> str:
    """Return why ECS does not delete the image, in words; empty: the error has another reason."""
    return _REFUSED_DELETIONS.get(error.code, "")


_REFUSED_DELETIONS = {
    "ImageUsingByInstance": "in use by instances",
    "ImageUseShared": "shared with other accounts",
    "IncorrectImageStatus": "still being created",
    "OperationDenied.ImageCopying": "still being copied",
}


def _walk(client: EcsClient, params: Mapping[str, Parameter], region: str | None, page_size: int) -> list[Image] | None:
    """Return the images of one pass over the pages; None if their number is not the total that every page reports."""
    images: dict[str, Image] = {}
    totals: set[int] = set()
    page = 0
    while True:
        page += 1
        answer = client.call("DescribeImages", {**params, "PageNumber": page}, region=region)
        found = [Image.from_api(element) for element in answer["Images"]["Image"]]
        images.update((image.image_id, image) for image in found)
        totals.add(int(answer["TotalCount"]))
        if not found or page * page_size >= max(totals):
            return list(images.values()) if totals == {len(images)} else None
