"""Finds one image: by id, by exact name, or by family and channel.

ECS searches names fuzzily and shows 10 per page by default, so every page is read and the names are compared here. If
no image has the alias, a publish may be between its two renames, or was interrupted there: then the newest image with
the channel's tag is found. A version that a channel shows has the alias for a name: it is found by its time stamp.
Normally this takes one API call.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun.architecture import ARCHITECTURES
from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import ALL_STATUSES, AVAILABLE, PAGE_SIZE, Image, describe_images
from goldrun.cloud.tags import BUILD_TIMESTAMP, CHANNEL, IS_LATEST
from goldrun.errors import UsageError
from goldrun.images.age import age_key, stamp
from goldrun.images.naming import LATEST, PublishedName, Reference, is_stamp, parse_published
from goldrun.lean import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Found(NamedTuple):
    """An image, and a note on how it was found (empty: nothing special)."""

    image: Image
    notice: str = ""


def look_up(client: EcsClient, reference: Reference, *, page_size: int = PAGE_SIZE) -> Found | None:
    """Return the image that ``reference`` names; None if the cloud answered and has none.

    Raises:
        UsageError: the family has images of both architectures, and no architecture was given.
        ApiError: the API refused.
        UnavailableError: it could not be reached.
    """
    if reference.image_id:
        return _by_id(client, reference)
    if reference.name and reference.family:
        return _by_word(client, reference, page_size)
    if reference.family:
        return _by_family(client, reference, page_size)
    return _by_name(client, reference, page_size)


def _by_id(client: EcsClient, reference: Reference) -> Found | None:
    images = describe_images(client, image_id=reference.image_id, status=ALL_STATUSES, owner="")
    matching = [image for image in images if reference.architecture in (None, image.architecture)]
    if not matching:
        return None
    image = matching[0]
    return Found(image, "" if image.status == "Available" else f"{image.image_id} is {image.status}.")


def _by_name(client: EcsClient, reference: Reference, page_size: int) -> Found | None:
    images = describe_images(client, name=reference.name, architecture=reference.architecture, page_size=page_size)
    if image := _newest(_named(images, reference.name)):
        return Found(image)
    published = parse_published(reference.name)
    if published is None or reference.architecture not in (None, published.architecture):
        return None
    if published.is_version:
        image = find_shown(client, published, page_size=page_size)
        return Found(image) if image else None
    return _tagged(client, published, page_size)


def find_shown(
    client: EcsClient, version: PublishedName, *, status: str = AVAILABLE, page_size: int = PAGE_SIZE
) -> Image | None:
    """Return the image of a version that has not the version's name, because a channel shows it under its alias.

    One that has got its name back since it was searched for by that name counts too.
    """
    images = describe_images(
        client,
        name=f"{version.lineage}-",
        architecture=version.architecture,
        status=status,
        page_size=page_size,
    )
    return _newest(
        image
        for image in images
        if (name := parse_published(image.name))
        and name.lineage == version.lineage
        and (name == version or (not name.is_version and _is_of(image, version.suffix)))
    )


def _is_of(image: Image, suffix: str) -> bool:
    """Return whether an image was built at a time stamp; the guide's builder names versions by their creation time."""
    tagged = BUILD_TIMESTAMP.read(image.tags)
    return tagged == suffix if is_stamp(tagged) else stamp(image).startswith(suffix)


def _by_family(client: EcsClient, reference: Reference, page_size: int) -> Found | None:
    """Find ``family:suffix`` in the lineages of the family; the architecture decides between two."""
    architectures = [reference.architecture] if reference.architecture else list(ARCHITECTURES)
    names = [PublishedName(reference.family, architecture, reference.suffix) for architecture in architectures]
    found = [
        image
        for name in names
        if (image := _by_name(client, Reference(str(name), name.architecture, name=str(name)), page_size))
    ]
    return _only(found, reference)


def _by_word(client: EcsClient, reference: Reference, page_size: int) -> Found | None:
    """Find a bare word: one fuzzy search returns the image with exactly that name, the aliases and the versions."""
    images = describe_images(client, name=reference.name, architecture=reference.architecture, page_size=page_size)
    if image := _newest(_named(images, reference.name)):
        return Found(image)
    found = []
    for architecture in ARCHITECTURES:
        alias = PublishedName(reference.family, architecture, LATEST)
        if image := _newest(_named(images, str(alias))):
            found.append(Found(image))
        elif image := _newest(_marked(images, alias)):
            found.append(_fallback(image, alias))
    return _only(found, reference)


def _only(found: list[Found], reference: Reference) -> Found | None:
    if len(found) > 1:
        raise UsageError(
            f"{reference.text} exists for {' and '.join(match.image.architecture for match in found)}.",
            fix=["choose one: --arch amd64 or --arch arm64 (in scripts: ARCH=amd64)."],
        )
    return found[0] if found else None


def _tagged(client: EcsClient, alias: PublishedName, page_size: int) -> Found | None:
    """Find what the channel shows by its tag, while no image has its alias."""
    images = describe_images(
        client,
        name=f"{alias.lineage}-",
        architecture=alias.architecture,
        tags=channel_tag(alias.suffix),
        page_size=page_size,
    )
    image = _newest(_marked(images, alias))
    if image is None:
        return None
    return Found(image) if image.name == str(alias) else _fallback(image, alias)


def _fallback(image: Image, alias: PublishedName) -> Found:
    ((key, value),) = channel_tag(alias.suffix).items()
    return Found(
        image,
        f"no image is named {alias} at the moment; {image.name} is tagged {key}={value} and answers. "
        "A publish is running or was interrupted: the next one completes it.",
    )


def channel_tag(channel: str) -> dict[str, str]:
    """Return the tag of the image that ``channel`` shows."""
    return IS_LATEST.of() if channel == LATEST else CHANNEL.of(channel)


def _marked(images: Iterable[Image], alias: PublishedName) -> list[Image]:
    """Return the images of the alias's lineage that have its channel's tag.

    One with the alias counts too: since the first call, which found no alias, a publish may have been completed.
    """
    wanted = channel_tag(alias.suffix).items()
    return [
        image
        for image in images
        if wanted <= image.tags.items()
        and image.architecture == alias.architecture
        and (name := parse_published(image.name))
        and name.lineage == alias.lineage
        and (name.is_version or name == alias)
    ]


def _named(images: Iterable[Image], name: str) -> list[Image]:
    return [image for image in images if image.name == name]


def _newest(images: Iterable[Image]) -> Image | None:
    return max(images, key=age_key, default=None)
