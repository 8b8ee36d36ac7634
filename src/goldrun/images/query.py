"""``DescribeImages``, every page of it.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from collections.abc import Mapping

from goldrun.architecture import to_ecs
from goldrun.ecs.client import EcsClient, Parameter
from goldrun.ecs.models import Image

PAGE_SIZE = 100  # the API's maximum; its default is 10
ALL_STATUSES = "ALL"
MAX_WALKS = 3


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

    One call per ``page_size`` images. If the number of images changes while the pages are read, one may have slipped
    from a page not yet read to one already read: then they are read again.

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
        UnavailableError: it could not be asked.
    """
    params: dict[str, Parameter] = {
        "ImageName": name or None,
        "ImageId": image_id or None,
        "Architecture": to_ecs(architecture) if architecture else None,
        "Status": status,
        "ImageOwnerAlias": owner or None,
        "Tag": [{"Key": key, "Value": value} for key, value in (tags or {}).items()],
        "PageSize": page_size,
    }
    images: dict[str, Image] = {}
    for _ in range(MAX_WALKS):
        images, steady = _walk(client, params, region, page_size)
        if steady:
            break
    return list(images.values())


def _walk(
    client: EcsClient, params: Mapping[str, Parameter], region: str | None, page_size: int
) -> tuple[dict[str, Image], bool]:
    """The images of one pass over the pages, by id, and whether their number stood still meanwhile."""
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
            return images, len(totals) == 1
