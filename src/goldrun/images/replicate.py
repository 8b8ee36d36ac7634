"""Copies versions to other regions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from goldrun.cloud import images
from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import ALL_STATUSES, AVAILABLE, UNFINISHED, Encryption, Image, describe_images
from goldrun.cloud.tags import CHANNEL, COPIED_FROM, IS_LATEST, PROTECTED, SIGNATURE
from goldrun.errors import GoldrunError, RefusedError, UsageError
from goldrun.images.creation import create_once
from goldrun.images.lineage import alias_of, read_lineage
from goldrun.images.naming import LATEST
from goldrun.images.publish import publish as publish_image
from goldrun.images.waiting import Progress, wait_until_available

# These tags depend on the region, not on the image.
_CHANNEL_TAGS = frozenset({IS_LATEST.key, CHANNEL.key, PROTECTED.key, SIGNATURE.key})


def copy_image(
    client: EcsClient,
    image: Image,
    region: str,
    *,
    publish: bool = False,
    encryption: Encryption | None = None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Image:
    """Copy ``image`` and its tags to ``region`` under its version name, and wait until the copy is Available.

    A repetition makes no second copy: it resumes the existing one, even one that another run began.

    Args:
        client: the cloud; its home region is the image's.
        image: an Available version.
        region: the region to copy it to.
        publish: whether to publish the copy there, in ``latest``.
        encryption: how a copy that is made now is encrypted; None: not.
        report: receives the progress.

    Raises:
        RefusedError: it is not Available, another image has its name there, or the copy failed.
        UsageError: it is not a version of a family, or is in that region already.
    """
    if region == client.region:
        raise UsageError(f"{image.name} is already in {region}.")
    if image.status != AVAILABLE:
        raise RefusedError(f"{image.name} ({image.image_id}) is {image.status}: only Available images are copied.")
    alias = alias_of(image, LATEST)
    name = read_lineage(client, alias).version_name(image)
    there = client.in_region(region)
    copied = _find_copy(there, image, name) or _begin(client, there, image, name, encryption)
    ready = wait_until_available(there, copied, report)
    return publish_image(there, copied) if publish else ready


def copy_everywhere(
    client: EcsClient,
    image: Image,
    regions: Sequence[str],
    *,
    publish: bool = False,
    encryption: Mapping[str, Encryption] | None = None,
    report: Callable[[str, Progress], None] = lambda _, __: None,
) -> dict[str, Image]:
    """Copy ``image`` to several regions at once; one that fails does not stop the others.

    ``encryption`` is by region; see ``copy_image`` for the rest.

    Returns:
        The copies by region.

    Raises:
        GoldrunError: the first failure, after all have ended; its reasons list the others.
    """
    from concurrent.futures import ThreadPoolExecutor

    def copy_to(region: str) -> Image | GoldrunError:
        try:
            return copy_image(
                client,
                image,
                region,
                publish=publish,
                encryption=(encryption or {}).get(region),
                report=lambda progress: report(region, progress),
            )
        except GoldrunError as error:
            return error

    with ThreadPoolExecutor(max_workers=len(regions)) as pool:
        ended = dict(zip(regions, pool.map(copy_to, regions), strict=True))
    failures = {region: error for region, error in ended.items() if isinstance(error, GoldrunError)}
    if failures:
        region, error = next(iter(failures.items()))
        others = [f"{other} failed too: {problem.what}" for other, problem in failures.items() if other != region]
        error.why = (f"while copying to {region}.", *error.why, *others)
        raise error
    return {region: copy for region, copy in ended.items() if isinstance(copy, Image)}


def find_copies(client: EcsClient, image: Image, regions: Sequence[str]) -> dict[str, Image]:
    """Return the copies of ``image`` that are Available, by region; nothing is made."""
    found: dict[str, Image] = {}
    for region in regions:
        if copies := describe_images(client.in_region(region), tags=COPIED_FROM.of(image.image_id)):
            found[region] = copies[0]
    return found


def _find_copy(there: EcsClient, image: Image, name: str) -> str | None:
    """Return the id of an existing copy, under its version name or shown by a channel."""
    found = describe_images(there, tags=COPIED_FROM.of(image.image_id), status=ALL_STATUSES)
    usable = [other for other in found if other.status in (*UNFINISHED, AVAILABLE)]
    if usable:
        return usable[0].image_id
    for other in describe_images(there, name=name, status=ALL_STATUSES):
        if other.name == name:
            raise RefusedError(
                f"Another image is named {name} in {there.region}: {other.image_id} ({other.status}).",
                why=["it is not a copy of this one, or a copy that failed."],
                fix=[f"delete it: goldrun image rm {other.image_id} --region {there.region}"],
            )
    return None


def _begin(client: EcsClient, there: EcsClient, image: Image, name: str, encryption: Encryption | None) -> str:
    region = there.region
    tags = {key: value for key, value in image.tags.items() if key not in _CHANNEL_TAGS}
    tags |= COPIED_FROM.of(image.image_id)
    token = hashlib.sha256(f"copy {image.image_id} {region}".encode()).hexdigest()
    return create_once(
        client,
        lambda: images.copy_image(client, image, region, name=name, tags=tags, token=token, encryption=encryption),
        lambda: _find_copy(there, image, name),
    )
