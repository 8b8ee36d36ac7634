"""Creating calls whose answers may be lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from goldrun.cloud.client import EcsClient, Parameter
from goldrun.cloud.errors import ApiError
from goldrun.errors import UnavailableError
from goldrun.waiting import watch


def create_image(
    client: EcsClient, action: str, params: Mapping[str, Parameter], find: Callable[[], str | None]
) -> str:
    """Have an image made, and return its id.

    When the outcome is not known, or the name is taken, the image is looked for before anything is told: ECS may refuse
    a repetition for the name that the first try took, and somebody else may have begun the same.

    Args:
        client: the cloud.
        action: CreateImage or CopyImage.
        params: the action's.
        find: the id of the image if it is there; what only has its name must not pass.

    Raises:
        GoldrunError: it was not made, as far as can be seen.
    """
    try:
        return str(client.call(action, params)["ImageId"])
    except (ApiError, UnavailableError) as error:
        taken = isinstance(error, ApiError) and error.code == "InvalidImageName.Duplicated"
        if (error.unsure or taken) and (found := watch(client.clock, find)):
            return found
        raise
