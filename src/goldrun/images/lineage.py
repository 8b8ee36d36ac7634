"""All images of one family and architecture, and what each of them is: the state that publishing works on.

Nothing of it is stored outside the cloud: names, tags and states are read again before every step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import ALL_STATUSES, AVAILABLE, Image, describe_images
from goldrun.cloud.tags import BUILD_TIMESTAMP
from goldrun.errors import NotFoundError, UsageError
from goldrun.images.lookup import channel_tag
from goldrun.images.naming import (
    LATEST,
    STAMP_DIGITS,
    PublishedName,
    check_name,
    is_image_id,
    is_stamp,
    parse_published,
)

NEAR_FAMILIES = 3  # this many are named when one is not found


@dataclass(frozen=True)
class Lineage:
    """The images of ``<family>-<arch>`` by id, whatever their state, and one channel of it.

    Attributes:
        alias: the name that the channel shows.
    """

    alias: PublishedName
    images: dict[str, Image]

    @property
    def name(self) -> str:
        """``<family>-<arch>``."""
        return self.alias.lineage

    @property
    def channel(self) -> str:
        """The channel's name."""
        return self.alias.suffix

    @property
    def image_family(self) -> str:
        """The ``ImageFamily`` of what the channel shows: the lineage; other channels than latest have their own."""
        return self.name if self.channel == LATEST else f"{self.name}-{self.channel}"

    def shown(self) -> Image | None:
        """The image that has the alias, in whatever state."""
        return next((image for image in self.images.values() if image.name == str(self.alias)), None)

    def marked(self) -> list[Image]:
        """The images that carry the channel's tag, newest first."""
        wanted = channel_tag(self.channel).items()
        return newest_first(image for image in self.images.values() if wanted <= image.tags.items())

    def current(self) -> Image | None:
        """What a look-up of the alias answers: the image that shows it, else the newest that is marked."""
        shown = self.shown()
        if shown and shown.status == AVAILABLE:
            return shown
        return next((image for image in self.marked() if image.status == AVAILABLE), None)

    def versions(self) -> list[Image]:
        """All images, newest first."""
        return newest_first(self.images.values())

    def version_name(self, image: Image) -> str:
        """The version name that ``image`` has or, while it shows an alias, gets back; free of other images' names."""
        taken = {other.name for other in self.images.values() if other.image_id != image.image_id}
        number = int(stamp(image))
        while (name := f"{self.name}-{number:014d}") in taken:
            number += 1
        return name


def stamp(image: Image) -> str:
    """When the image was built, ``YYYYMMDDHHMMSS``: by its tag, its version name, or else its creation."""
    tagged = BUILD_TIMESTAMP.read(image.tags)
    if is_stamp(tagged):
        return tagged
    name = parse_published(image.name)
    if name and name.is_version:
        return name.suffix
    return "".join(char for char in image.creation_time if char.isdigit())[:STAMP_DIGITS].ljust(STAMP_DIGITS, "0")


def age_key(image: Image) -> tuple[str, str]:
    """Images sort by this from old to new; the id decides between two of one second, so that everybody agrees."""
    return stamp(image), image.image_id


def newest_first(images: Iterable[Image]) -> list[Image]:
    """The images, newest first."""
    return sorted(images, key=age_key, reverse=True)


def read_lineage(client: EcsClient, alias: PublishedName) -> Lineage:
    """The lineage as it is now."""
    images = describe_images(client, name=f"{alias.lineage}-", status=ALL_STATUSES)
    own = {
        image.image_id: image
        for image in images
        if (name := parse_published(image.name)) and name.lineage == alias.lineage
    }
    return Lineage(alias, own)


def find_own(client: EcsClient, text: str) -> Image:
    """The account's own image of that id or exact name, in whatever state.

    Raises:
        UsageError: it can be neither.
        NotFoundError: there is none.
    """
    if not is_image_id(text):
        check_name(text)
    images = describe_images(
        client,
        image_id=text if is_image_id(text) else "",
        name="" if is_image_id(text) else text,
        status=ALL_STATUSES,
    )
    for image in images:
        if text in (image.image_id, image.name):
            return image
    raise NotFoundError(
        f"Image not found: {text} in {client.region}.", fix=["list what there is: goldrun image ls --all"]
    )


def unknown_family(client: EcsClient, family: str, architecture: str | None = None) -> NotFoundError:
    """The error that says that a family has no images, and which has a name like it."""
    from difflib import get_close_matches

    names = [parse_published(image.name) for image in describe_images(client, status=ALL_STATUSES)]
    others = sorted({name.architecture for name in names if name and name.family == family})
    known = sorted({name.family for name in names if name} - {family})
    of = f" for {architecture}" if architecture and others else ""
    return NotFoundError(
        f"Family not found: {family}{of} in {client.region}.",
        why=[f"it has versions for {' and '.join(others)}."] if others else [],
        fix=[f"did you mean {near}?" for near in get_close_matches(family, known, NEAR_FAMILIES)]
        or ["list what there is: goldrun image ls --all"],
    )


def alias_of(image: Image, channel: str) -> PublishedName:
    """The alias under which ``channel`` would show ``image``.

    Raises:
        UsageError: its name does not say what lineage it is of, or it is not of the architecture that its name says.
    """
    name = parse_published(image.name)
    if name is None:
        raise UsageError(
            f"{image.name} ({image.image_id}) cannot be published.",
            why=["its name is not <family>-<arch>-<YYYYMMDDHHMMSS>: it does not say of what family it is a version."],
            fix=["rename it, or build it with goldrun."],
        )
    if name.architecture != image.architecture:
        raise UsageError(
            f"{image.name} ({image.image_id}) cannot be published.",
            why=[f"it is {image.architecture}, but its name says {name.architecture}."],
        )
    return PublishedName(name.family, name.architecture, channel)
