"""Find an image, or say why there is none.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun.cloud.client import EcsClient
from goldrun.images.lookup import Found, look_up
from goldrun.images.naming import Reference


def find_image(client: EcsClient, reference: Reference, *, all_regions: bool = False) -> Found:
    """The image that ``reference`` means.

    Args:
        client: the cloud.
        reference: what to find.
        all_regions: if there is none, say which other regions have one.

    Raises:
        ImageNotFoundError: the cloud answered, and there is none.
        UsageError: a family has images of both architectures and none was asked for.
        ApiError: the API refused.
        UnavailableError: it could not be asked.
    """
    found = look_up(client, reference)
    if found:
        return found
    # Imported when it is needed: a look-up that succeeds does not pay for it.
    from goldrun.images import diagnosis

    raise (diagnosis.not_found_anywhere(client, reference) if all_regions else diagnosis.not_found(client, reference))
