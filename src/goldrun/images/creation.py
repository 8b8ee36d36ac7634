"""Creating calls whose answers may be lost."""

from __future__ import annotations

from collections.abc import Callable

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.images import is_name_taken
from goldrun.errors import UnavailableError
from goldrun.waiting import watch


def create_once(client: EcsClient, create: Callable[[], str], find: Callable[[], str | None]) -> str:
    """Create an image, and return its id.

    When the outcome is not known, or the name is taken, the image is looked for before anything is reported: ECS may
    refuse a repetition because of the name that the first attempt took, and somebody else may have begun the same.

    Args:
        client: the cloud.
        create: makes the call, which must carry a ``ClientToken``; returns the image's id.
        find: the id of the image if it exists; it must not accept one that merely has the name.

    Raises:
        GoldrunError: it was not created, as far as can be seen.
    """
    try:
        return create()
    except (ApiError, UnavailableError) as error:
        if (error.unsure or is_name_taken(error)) and (found := watch(client.clock, find)):
            return found
        raise
