"""All images of one family and architecture, and their roles: the state that publishing works on.

None of it is stored outside the cloud: names, tags and states are read again before every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import ALL_STATUSES, AVAILABLE, DEPRECATED, Image, describe_images
from goldrun.cloud.moments import moment_or
from goldrun.cloud.tags import BASE_IMAGE, BOOT_TEST, BUILD_TIMESTAMP, DELETING, MANAGED_BY, PASSED, VERSION_HASH, Tag
from goldrun.errors import NotFoundError, UsageError
from goldrun.images.age import newest_first, stamp
from goldrun.images.lookup import channel_tag, find_shown, look_up
from goldrun.images.naming import (
    LATEST,
    STAMP_DIGITS,
    PublishedName,
    check_name,
    is_image_id,
    name_reference,
    parse_published,
)

DELETING_SECONDS = 900.0  # a deletion that began earlier was interrupted
NEAR_FAMILIES = 3  # number of suggestions when a family is not found


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
        """The ``ImageFamily`` of what the channel shows: the lineage; channels other than latest have their own."""
        return self.name if self.channel == LATEST else f"{self.name}-{self.channel}"

    def shown(self) -> Image | None:
        """Return the image that has the alias, whatever its status."""
        return next((image for image in self.images.values() if image.name == str(self.alias)), None)

    def tagged(self) -> list[Image]:
        """Return the images that have the channel's tag, newest first."""
        wanted = channel_tag(self.channel).items()
        return newest_first(image for image in self.images.values() if wanted <= image.tags.items())

    def current(self) -> Image | None:
        """Return what a look-up of the alias finds: the image that has it, else the newest with the channel's tag."""
        shown = self.shown()
        if shown and shown.status == AVAILABLE:
            return shown
        return next((image for image in self.tagged() if image.status == AVAILABLE), None)

    def is_rolled_back(self, image: Image) -> bool:
        """Return whether this channel has shown the image, and was rolled back from it: it keeps the channel's family.

        Another channel's, or one that somebody has deprecated, says nothing about this one.
        """
        return image.status == DEPRECATED and image.family == self.image_family

    def versions(self) -> list[Image]:
        """Return all images, newest first."""
        return newest_first(self.images.values())

    def version_name(self, image: Image) -> str:
        """Return the version name that ``image`` has or, while it has an alias, gets back; no other image has it."""
        if (named := parse_published(image.name)) and named.is_version:
            return image.name
        number = int(stamp(image))
        while (name := f"{self.name}-{number:014d}") in self._names:
            number += 1
        return name

    @cached_property
    def _names(self) -> frozenset[str]:
        """The names of all images: collected once for all rows of a history."""
        return frozenset(image.name for image in self.images.values())


def is_from_guide(image: Image) -> bool:
    """Return whether the guide's own builder made the image: it writes these tags, and ``Latest`` on every version."""
    written = {VERSION_HASH.key, BASE_IMAGE.key, BUILD_TIMESTAMP.key}
    return written <= image.tags.keys() and not MANAGED_BY.matches(image.tags)


def read_lineage(client: EcsClient, alias: PublishedName) -> Lineage:
    """Read the lineage from the cloud."""
    images = describe_images(client, name=f"{alias.lineage}-", status=ALL_STATUSES)
    own = {
        image.image_id: image
        for image in images
        if (name := parse_published(image.name)) and name.lineage == alias.lineage
    }
    return Lineage(alias, own)


def find_own(client: EcsClient, text: str) -> Image:
    """Return the account's own image with that id, exact name or name as a version, whatever its status.

    While no image has an alias, it is what a look-up of the alias finds.

    Raises:
        UsageError: it is not a valid id or name.
        NotFoundError: the image was not found.
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
    name = parse_published(text)
    if name and name.is_version and (shown := find_shown(client, name, status=ALL_STATUSES)):
        return shown
    if name and not name.is_version and (found := look_up(client, name_reference(text, None))):
        return found.image
    raise NotFoundError(f"Image not found: {text} in {client.region}.", fix=["list the images: goldrun image ls --all"])


def unknown_family(client: EcsClient, family: str, architecture: str | None = None) -> NotFoundError:
    """Return the error for a family without images; it suggests families with similar names."""
    from difflib import get_close_matches

    names = [parse_published(image.name) for image in describe_images(client, status=ALL_STATUSES)]
    others = sorted({name.architecture for name in names if name and name.family == family})
    known = sorted({name.family for name in names if name} - {family})
    of = f" for {architecture}" if architecture and others else ""
    return NotFoundError(
        f"Family not found: {family}{of} in {client.region}.",
        why=[f"it has versions for {' and '.join(others)}."] if others else [],
        fix=[f"did you mean {near}?" for near in get_close_matches(family, known, NEAR_FAMILIES)]
        or ["list the images: goldrun image ls --all"],
    )


def has_passed(image: Image) -> bool:
    """Return whether the image has passed its boot test; one without a verdict was made by another program."""
    return BOOT_TEST.read(image.tags, PASSED) == PASSED


def is_being_deleted(image: Image, now: float) -> bool:
    """Return whether somebody deletes the image at this moment, in seconds since 1970; see ``removal``."""
    return is_tagged_since(image, DELETING, now - DELETING_SECONDS)


def is_tagged_since(image: Image, tag: Tag, moment: float) -> bool:
    """Return whether a tag holds a time after a moment, in seconds since 1970."""
    return moment_or(tag.read(image.tags), float("-inf")) > moment


def alias_of(image: Image, channel: str) -> PublishedName:
    """Return the alias under which ``channel`` would show ``image``.

    Raises:
        UsageError: its name is not a version's, or has another architecture than the image; or one of the names that
            it has from then on is too long.
    """
    name = parse_published(image.name)
    if name is None:
        raise UsageError(
            f"{image.name} ({image.image_id}) cannot be published.",
            why=["its name is not <family>-<arch>-<YYYYMMDDHHMMSS>: it does not name a family."],
            fix=["rename it, or build it with goldrun."],
        )
    if name.architecture != image.architecture:
        raise UsageError(
            f"{image.name} ({image.image_id}) cannot be published.",
            why=[f"it is {image.architecture}, but its name says {name.architecture}."],
        )
    alias = PublishedName(name.family, name.architecture, channel)
    # Some versions of others have shorter names than the one that goldrun gives a version when another is shown.
    for suffix in (channel, "0" * STAMP_DIGITS):
        check_name(str(alias._replace(suffix=suffix)))
    return alias
