"""Which of two images is the newer one.

Not the one that ECS created later: a copy in another region is made when it is copied, in any order.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun.cloud.tags import BUILD_TIMESTAMP
from goldrun.images.naming import STAMP_DIGITS, is_stamp, parse_published

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from goldrun.cloud.images import Image


def stamp(image: Image) -> str:
    """Return when the image was built, ``YYYYMMDDHHMMSS``: by its tag, its version name, or else its creation time."""
    tagged = BUILD_TIMESTAMP.read(image.tags)
    if is_stamp(tagged):
        return tagged.ljust(STAMP_DIGITS, "0")
    name = parse_published(image.name)
    if name and name.is_version:
        return name.suffix.ljust(STAMP_DIGITS, "0")
    return "".join(char for char in image.creation_time if char.isdigit())[:STAMP_DIGITS].ljust(STAMP_DIGITS, "0")


def age_key(image: Image) -> tuple[str, str, str]:
    """Return a key that sorts images from old to new.

    Of images of one stamp the one that was created later is newer; the id breaks ties, so that every reader gets the
    same order.
    """
    return stamp(image), image.creation_time, image.image_id


def newest_first(images: Iterable[Image]) -> list[Image]:
    """Return the images, newest first."""
    return sorted(images, key=age_key, reverse=True)
