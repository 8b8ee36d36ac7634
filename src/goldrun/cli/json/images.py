"""Images, for programs; what builds and prunes add is in ``versions``, so that a look-up does not pay for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from goldrun.cli.json.encoding import at, public
from goldrun.cloud import images
from goldrun.cloud.moments import parse_moment
from goldrun.images.listing import channel


@public
class Image:
    """An image.

    Attributes:
        image_id: its id, `m-…`.
        image_name: its name.
        architecture: `amd64` or `arm64`.
        status: `Creating`, `Waiting`, `Available`, `UnAvailable`, `CreateFailed` or `Deprecated`.
        progress: the progress of its creation, e.g. `45%`.
        channel: the channel that shows it, e.g. `latest`; empty: none.
        creation_time: when it was created.
        image_family: its image family in ECS.
        description: its description.
        size_gib: the size of its system disk, in GiB.
        os_name: its operating system.
        owner: `self`, `system`, `others` or `marketplace`.
        in_use: whether instances run from it.
        shared: whether other accounts may use it, or everybody.
        snapshots: ids of the snapshots it consists of.
        tags: its tags.
    """

    image_id: str
    image_name: str
    architecture: str
    status: str
    progress: str
    channel: str
    creation_time: datetime | None
    image_family: str
    description: str
    size_gib: int
    os_name: str
    owner: str
    in_use: bool
    shared: bool
    snapshots: tuple[str, ...]
    tags: Mapping[str, str]

    @classmethod
    def of(cls, image: images.Image, **more: Any) -> Self:
        """Return the object for an image; ``more`` are the members that a subclass adds."""
        return cls(
            image_id=image.image_id,
            image_name=image.name,
            architecture=image.architecture,
            status=image.status,
            progress=image.progress,
            channel=channel(image),
            creation_time=at(parse_moment(image.creation_time)) if image.creation_time else None,
            image_family=image.family,
            description=image.description,
            size_gib=image.size_gib,
            os_name=image.os_name,
            owner=image.owner,
            in_use=image.in_use,
            shared=image.shared,
            snapshots=image.snapshots,
            tags=image.tags,
            **more,
        )
