"""Copies versions to other regions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from goldrun.clock import BreakableClock
from goldrun.cloud import images
from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import ALL_STATUSES, AVAILABLE, DEPRECATED, UNFINISHED, Encryption, Image, describe_images
from goldrun.cloud.tags import CHANNEL, COPIED_FROM, DELETING, IS_LATEST, PROTECTED, RESTORED, SIGNATURE
from goldrun.errors import GoldrunError, RefusedError, UsageError
from goldrun.images.availability import Progress, wait_until_available
from goldrun.images.creation import create_once
from goldrun.images.lineage import alias_of, read_lineage
from goldrun.images.naming import LATEST
from goldrun.images.publish import publish as publish_image
from goldrun.images.publish import require_passed

# These tags depend on the region, not on the image: what it is there, and what is being done with it.
_REGION_TAGS = frozenset(tag.key for tag in (IS_LATEST, CHANNEL, PROTECTED, SIGNATURE, RESTORED, DELETING))


def copy_image(
    client: EcsClient,
    image: Image,
    region: str,
    *,
    publish: bool = False,
    encryption: Encryption | None = None,
    begun: Callable[[str], None] = lambda _: None,
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
        begun: receives the id of a copy that this call makes, before it is waited for.
        report: receives the progress.

    Raises:
        RefusedError: it is not Available, another image has its name there, or the copy failed.
        UsageError: it is not a version of a family, or is in that region already.
    """
    _require_elsewhere(client, image, [region])
    if publish:
        require_passed(image)
    if image.status != AVAILABLE:
        raise RefusedError(f"{image.name} ({image.image_id}) is {image.status}: only Available images are copied.")
    alias = alias_of(image, LATEST)
    name = read_lineage(client, alias).version_name(image)
    there = client.in_region(region)
    copied = _find_copy(there, image, name) or _begin(client, there, image, name, encryption, begun)
    ready = wait_until_available(there, copied, report)
    return publish_image(there, copied) if publish else ready


def copy_everywhere(
    client: EcsClient,
    image: Image,
    regions: Sequence[str],
    *,
    publish: bool = False,
    encryption: Mapping[str, Encryption] | None = None,
    begun: Callable[[str, str], None] = lambda _, __: None,
    report: Callable[[str, Progress], None] = lambda _, __: None,
) -> dict[str, Image]:
    """Copy ``image`` to several regions at once; one that fails does not stop the others.

    ``encryption`` is by region, ``begun`` and ``report`` receive the region, too; see ``copy_image`` for the rest.

    Returns:
        The copies by region.

    Raises:
        UsageError: the image is in one of the regions already.
        GoldrunError: the first failure, after all have ended; its reasons list the others, its notes what was copied.
    """
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    _require_elsewhere(client, image, regions)
    clock = BreakableClock(client.clock.machine)  # a copy takes up to an hour; it continues without us
    broken_by: list[BaseException] = []  # the first is the reason, the others are interrupts by the clock

    def copy_to(region: str) -> Image | GoldrunError:
        try:
            return copy_image(
                client.on_clock(clock),
                image,
                region,
                publish=publish,
                encryption=(encryption or {}).get(region),
                begun=lambda copied: begun(region, copied),
                report=lambda progress: report(region, progress),
            )
        except GoldrunError as error:
            return error
        except BaseException as error:
            broken_by.append(error)
            clock.broken = True  # at once: the others are not to wait until this thread's end is noticed
            raise

    with ThreadPoolExecutor(max_workers=len(regions)) as pool:
        copying = {region: pool.submit(copy_to, region) for region in regions}
        try:
            wait(copying.values(), return_when=FIRST_EXCEPTION)
            if broken_by:
                raise broken_by[0]
        finally:
            clock.broken = not all(future.done() for future in copying.values())
    ended = {region: future.result() for region, future in copying.items()}
    copies = {region: copy for region, copy in ended.items() if isinstance(copy, Image)}
    failures = {region: error for region, error in ended.items() if isinstance(error, GoldrunError)}
    if failures:
        region, error = next(iter(failures.items()))
        others = [f"{other} failed too: {problem.what}" for other, problem in failures.items() if other != region]
        error.why = (f"while copying to {region}.", *error.why, *others)
        for other, copy in copies.items():
            error.add_note(f"copied to {other}: {copy.image_id}.")
        raise error
    return copies


def _require_elsewhere(client: EcsClient, image: Image, regions: Sequence[str]) -> None:
    if client.region in regions:
        raise UsageError(f"{image.name} is already in {client.region}.")


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
    if bad := [other for other in found if other.status == DEPRECATED]:
        raise RefusedError(
            f"{name} was rolled back in {there.region}: {bad[0].image_id} is {DEPRECATED}.",
            fix=["roll it back here too (goldrun image rollback), or build a new version."],
        )
    for other in describe_images(there, name=name, status=ALL_STATUSES):
        if other.name == name:
            raise RefusedError(
                f"Another image is named {name} in {there.region}: {other.image_id} ({other.status}).",
                why=["it is not a copy of this one, or a copy that failed."],
                fix=[f"delete it: goldrun image rm {other.image_id} --region {there.region}"],
            )
    return None


def _begin(
    client: EcsClient,
    there: EcsClient,
    image: Image,
    name: str,
    encryption: Encryption | None,
    begun: Callable[[str], None],
) -> str:
    region = there.region
    tags = {key: value for key, value in image.tags.items() if key not in _REGION_TAGS}
    tags |= COPIED_FROM.of(image.image_id)
    # A token of its own: with an earlier copy's, ECS would answer with that copy, even if it was deleted.
    token = os.urandom(16).hex()

    def create() -> str:
        copied = images.copy_image(client, image, region, name=name, tags=tags, token=token, encryption=encryption)
        begun(copied)
        return copied

    return create_once(client, create, lambda: _find_copy(there, image, name))
