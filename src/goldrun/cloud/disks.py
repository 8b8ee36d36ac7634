"""Disks: described and deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from goldrun.cloud import tags as schema
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import AccessDeniedError, ApiError
from goldrun.cloud.moments import parse_moment
from goldrun.cloud.paging import pages_by_token
from goldrun.cloud.rpc import Parameter


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk.

    Attributes:
        id: ``d-…``.
        size: GiB.
        instance: the instance that it is attached to; empty: none.
        deleted_with_instance: whether ECS deletes it with the instance.
        created: seconds since 1970.
        tags: its tags.
    """

    id: str
    size: int
    instance: str
    deleted_with_instance: bool
    created: float
    tags: Mapping[str, str]

    @classmethod
    def from_api(cls, element: Mapping[str, Any]) -> Disk:
        """Return the disk that an element of ``Disks.Disk`` of DescribeDisks describes."""
        return cls(
            id=element["DiskId"],
            size=int(element.get("Size") or 0),
            instance=str(element.get("InstanceId") or ""),
            deleted_with_instance=bool(element.get("DeleteWithInstance", True)),
            created=parse_moment(element["CreationTime"]),
            tags=schema.from_api(element),
        )


def describe_disks(client: EcsClient, tags: schema.Tags | None = None, *, disk_id: str = "") -> list[Disk]:
    """Return the account's disks with these tags, or the one of them with that id. Source: DescribeDisks."""
    params: dict[str, Parameter] = {
        "Tag": schema.to_api(tags or {}),
        "DiskIds": json.dumps([disk_id]) if disk_id else None,
    }
    return [
        Disk.from_api(element)
        for answer in pages_by_token(client, "DescribeDisks", params)
        for element in answer["Disks"]["Disk"]
    ]


def delete_disk(client: EcsClient, disk_id: str) -> None:
    """Delete a disk; one that is already gone is not an error.

    Raises:
        ApiError: ECS refuses.
    """
    try:
        client.call("DeleteDisk", {"DiskId": disk_id})
    except ApiError as error:
        gone = error.code == "InvalidDiskId.NotFound" or isinstance(error, AccessDeniedError)
        if not gone or describe_disks(client, disk_id=disk_id):
            raise
