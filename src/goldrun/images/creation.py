"""Creates images even if answers are lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.images import ALL_STATUSES, describe_images, is_name_taken
from goldrun.errors import UnavailableError
from goldrun.waiting import watch


def create_once(client: EcsClient, create: Callable[[], str], find: Callable[[], str | None]) -> str:
    """Create an image, and return its id.

    If the outcome is unknown or the name is taken, look for the image before an error is raised: ECS may refuse a
    repetition because of the name that the first attempt took, and another run may have begun the same.

    Args:
        client: the cloud.
        create: makes the call, which must have a ``ClientToken``; returns the image's id.
        find: returns the id of the image if it exists; it must not accept another image with the same name.

    Raises:
        GoldrunError: the image was not created, or was not found afterwards.
    """
    try:
        return create()
    except (ApiError, UnavailableError) as error:
        if (error.unsure or is_name_taken(error)) and (found := watch(client.clock, find)):
            return found
        raise


def find_made(client: EcsClient, name: str, tags: Mapping[str, str]) -> str | None:
    """Return the id of the image with that name and all of these tags, if the answer that contained it was lost."""
    found = describe_images(client, name=name, status=ALL_STATUSES)
    return next((image.image_id for image in found if image.name == name and tags.items() <= image.tags.items()), None)
