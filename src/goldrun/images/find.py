"""Finds an image, or explains why it was not found.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun.cloud.client import EcsClient
from goldrun.images.lookup import Found, look_up
from goldrun.images.naming import Reference


def find_image(client: EcsClient, reference: Reference, *, all_regions: bool = False) -> Found:
    """Return the image that ``reference`` names.

    Args:
        client: the cloud.
        reference: what to find.
        all_regions: whether the error for a missing image names other regions that have it.

    Raises:
        ImageNotFoundError: the cloud answered, and has no such image.
        UsageError: the family has images of both architectures, and no architecture was given.
        ApiError: the API refused.
        UnavailableError: it could not be reached.
    """
    found = look_up(client, reference)
    if found:
        return found
    # Imported only when needed: a successful look-up does not pay for it.
    from goldrun.images import diagnosis

    raise (diagnosis.not_found_anywhere(client, reference) if all_regions else diagnosis.not_found(client, reference))
