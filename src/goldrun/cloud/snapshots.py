"""Snapshots: images consist of them, and leave them behind when they are deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from goldrun.cloud import tags as schema
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.paging import pages_by_token
from goldrun.cloud.rpc import Parameter


class Snapshot(NamedTuple):
    """A snapshot of a disk (``DescribeSnapshots``).

    Attributes:
        usage: what was created from it and still exists: image, disk, image_disk or none.
    """

    snapshot_id: str
    name: str
    usage: str
    size_gib: int
    creation_time: str
    tags: Mapping[str, str]

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> Self:
        """Return the snapshot that an element of ``Snapshots.Snapshot`` describes."""
        return cls(
            snapshot_id=data.get("SnapshotId", ""),
            name=data.get("SnapshotName", ""),
            usage=data.get("Usage", ""),
            size_gib=int(data.get("SourceDiskSize") or 0),
            creation_time=data.get("CreationTime", ""),
            tags=schema.from_api(data),
        )


def describe_snapshots(client: EcsClient, tags: schema.Tags | None = None, *, snapshot_id: str = "") -> list[Snapshot]:
    """Return the account's snapshots with these tags, or the one of them with that id."""
    params: dict[str, Parameter] = {
        "Tag": schema.to_api(tags or {}),
        "SnapshotIds": json.dumps([snapshot_id]) if snapshot_id else None,
    }
    return [
        Snapshot.from_api(element)
        for answer in pages_by_token(client, "DescribeSnapshots", params)
        for element in answer["Snapshots"]["Snapshot"]
    ]


def delete_snapshot(client: EcsClient, snapshot_id: str) -> None:
    """Delete a snapshot; ECS refuses while an image consists of it."""
    client.call("DeleteSnapshot", {"SnapshotId": snapshot_id})


def has_image(error: ApiError) -> bool:
    """Return whether ECS refuses to delete the snapshot because an image consists of it."""
    return error.code == "SnapshotCreatedImage"
