"""``DescribeImages``, every page of it.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from collections.abc import Mapping

from goldrun.architecture import to_ecs
from goldrun.cloud.client import EcsClient, Parameter
from goldrun.cloud.models import Image
from goldrun.cloud.tags import to_api
from goldrun.http.paging import read_steady

PAGE_SIZE = 100  # the API's maximum; its default is 10
ALL_STATUSES = "ALL"


def describe_images(
    client: EcsClient,
    *,
    name: str = "",
    image_id: str = "",
    architecture: str | None = None,
    status: str = "Available",
    owner: str = "self",
    tags: Mapping[str, str] | None = None,
    region: str | None = None,
    page_size: int = PAGE_SIZE,
) -> list[Image]:
    """All images that match, in the API's order (newest first).

    One call per ``page_size`` images; they are read again if they do not fit together.

    Args:
        client: the cloud.
        name: part of the name; ECS searches fuzzily, so the caller compares.
        image_id: an exact id.
        architecture: ``amd64`` or ``arm64``.
        status: one, several with commas, or ``ALL``.
        owner: self, others, system or marketplace; empty: the first three.
        tags: every one of them must be on the image. Through a tag the API sees at most 1,000 images.
        region: another region than the client's.
        page_size: images a call.

    Raises:
        ApiError: the API refused.
        UnavailableError: it could not be asked, or the list does not stand still.
    """
    params: dict[str, Parameter] = {
        "ImageName": name or None,
        "ImageId": image_id or None,
        "Architecture": to_ecs(architecture) if architecture else None,
        "Status": status,
        "ImageOwnerAlias": owner or None,
        "Tag": to_api(tags or {}),
        "PageSize": page_size,
    }
    return read_steady(client.clock.machine, "images", lambda: _walk(client, params, region, page_size))


def _walk(client: EcsClient, params: Mapping[str, Parameter], region: str | None, page_size: int) -> list[Image] | None:
    """The images of one pass over the pages; None if they are not as many as every page says there are."""
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
