"""What the API's answers hold, as values."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from goldrun.architecture import from_ecs
from goldrun.cloud import tags


class Image(NamedTuple):
    """An ECS image (``DescribeImages``).

    Attributes:
        architecture: ``amd64`` or ``arm64``, as people write it.
        status: Creating, Waiting, Available, UnAvailable, CreateFailed or Deprecated.
        progress: of its creation, e.g. ``45%``.
        creation_time: ISO 8601 in UTC, ``2026-11-23T08:00:00Z``.
        size_gib: what its system disk needs.
        snapshots: the snapshots it rests on.
        owner: system, self, others or marketplace.
        in_use: instances run from it.
        shared: other accounts may use it, or everybody.
        imds: ``v1`` forbids instances whose metadata is had by tokens alone, ``v2`` allows them; empty: not said.
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
        """The image that an element of ``Images.Image`` describes; what the API leaves out is empty."""
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
            tags=tags.from_api(data),
            imds=data.get("Features", {}).get("ImdsSupport", ""),
        )


class Snapshot(NamedTuple):
    """A snapshot of a disk (``DescribeSnapshots``).

    Attributes:
        usage: image, disk, image_disk or none: what has been made from it and is still there.
    """

    snapshot_id: str
    name: str
    usage: str
    size_gib: int
    creation_time: str
    tags: Mapping[str, str]

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> Self:
        """The snapshot that an element of ``Snapshots.Snapshot`` describes."""
        return cls(
            snapshot_id=data.get("SnapshotId", ""),
            name=data.get("SnapshotName", ""),
            usage=data.get("Usage", ""),
            size_gib=int(data.get("SourceDiskSize") or 0),
            creation_time=data.get("CreationTime", ""),
            tags=tags.from_api(data),
        )
