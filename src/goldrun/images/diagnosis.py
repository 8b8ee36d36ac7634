"""Why an image was not found: a name that differs by case, another architecture, not finished, deprecated, elsewhere.

Called only after the cloud has answered that it has no such image. A call that fails here is reported as a failure, and
never taken for a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import ALL_STATUSES, Image, describe_images
from goldrun.cloud.regions import read_other_regions
from goldrun.errors import GoldrunError, NotFoundError
from goldrun.images.naming import PublishedName, Reference

NEAR_NAMES = 3
ELSEWHERE = "look in other regions: goldrun image id NAME --all-regions"
_STATES = {
    "Creating": "is still being created ({progress}): wait until it is Available.",
    "Waiting": "is waiting in the queue of images.",
    "UnAvailable": "is UnAvailable: the cloud cannot use it.",
    "CreateFailed": "could not be created (CreateFailed): build it again.",
    "Deprecated": "is Deprecated: it was rolled back. Its id can still be used.",
}


class ImageNotFoundError(NotFoundError):
    """The image was not found; ``why`` says what was found instead."""

    def __init__(self, reference: Reference, region: str, why: Iterable[str], fix: Iterable[str]) -> None:
        super().__init__(f"Image not found: {reference} in {region}.", why=why, fix=fix)
        self.reference = reference
        self.region = region

    def with_more(self, why: Iterable[str], fix: Iterable[str] = ()) -> ImageNotFoundError:
        """Return the same error with reasons from other regions, and with other fixes if there are any."""
        kept = [step for step in self.fix if step != ELSEWHERE]
        return ImageNotFoundError(self.reference, self.region, [*self.why, *why], [*fix] or kept)


def not_found(client: EcsClient, reference: Reference) -> ImageNotFoundError:
    """Return the error for ``reference``, with every reason found in the account."""
    if reference.image_id:
        why = _look(lambda: _other_architecture(client, reference))
        return ImageNotFoundError(reference, client.region, why, [] if why else _NOT_YOURS)
    names = wanted_names(reference)
    images: list[Image] = []

    def own_images() -> list[str]:
        # Read all own images once: that finds names that differ by case, whatever the fuzzy search ignores.
        images.extend(describe_images(client, status=ALL_STATUSES))
        return _own_reasons(images, names, reference)

    why = _look(own_images)
    if not why:
        why = _look(lambda: _shared_reasons(client, names))
    if any(image.name in names and image.architecture != reference.architecture for image in images):
        fix = ["use the architecture in the name, or unset ARCH."] if reference.architecture else []
    else:
        fix = [] if why else [f"did you mean {near}?" for near in _near(images, names)]
    if not why and not fix:
        fix = [f"list the images: goldrun image ls --region {client.region}"]
        if not images:
            why = [f"this account has no images of its own in {client.region}."]
    return ImageNotFoundError(reference, client.region, why, [*fix, ELSEWHERE])


def not_found_anywhere(client: EcsClient, reference: Reference) -> ImageNotFoundError:
    """Return the error of ``not_found``, and which other regions have the image: an id is valid only in its region."""
    error = not_found(client, reference)
    names = wanted_names(reference)

    def search(region: str) -> list[Image]:
        images = describe_images(
            client,
            name=names[0] if len(names) == 1 else reference.family,
            image_id=reference.image_id,
            region=region,
        )
        return [image for image in images if image.image_id == reference.image_id or image.name in names]

    try:
        answers = read_other_regions(client, search)
    except GoldrunError as problem:
        return error.with_more([f"the regions could not be listed: {problem.what}"])
    found, why = [], []
    for region, images in answers.items():
        if isinstance(images, GoldrunError):
            why.append(f"{region} could not be reached: {images.what}")
        elif matching := [image for image in images if reference.architecture in (None, image.architecture)]:
            found.append(region)
            why += [f"{region} has it: {image.name} ({image.image_id})." for image in matching]
    if not why:
        why = [f"none of the other {len(answers)} regions has it either."]
    return error.with_more(why, [f"use --region {region}, or copy the image to {client.region}." for region in found])


_NOT_YOURS = ["check the id and the region; an image of another account must be shared with this one."]


def wanted_names(reference: Reference) -> list[str]:
    """Return every image name that would have matched ``reference``."""
    names = [reference.name] if reference.name else []
    if reference.family:
        architectures = [reference.architecture] if reference.architecture else ["amd64", "arm64"]
        names += [str(PublishedName(reference.family, arch, reference.suffix)) for arch in architectures]
    return names


def _look(search: Callable[[], list[str]]) -> list[str]:
    try:
        return search()
    except GoldrunError as error:
        return [f"the reason could not be determined: {error.what}"]


def _other_architecture(client: EcsClient, reference: Reference) -> list[str]:
    images = describe_images(client, image_id=reference.image_id, status=ALL_STATUSES, owner="")
    return [f"{image.image_id} is {image.architecture}, not {reference.architecture}." for image in images]


def _own_reasons(images: list[Image], names: list[str], reference: Reference) -> list[str]:
    why = []
    for image in images:
        if image.name in names:
            if reference.architecture and image.architecture != reference.architecture:
                why.append(f"{image.name} is {image.architecture}, not {reference.architecture}.")
            elif image.status in _STATES:
                state = _STATES[image.status].format(progress=image.progress or "0%")
                why.append(f"{image.name} ({image.image_id}) {state}")
        elif any(image.name.casefold() == name.casefold() for name in names):
            why.append(f"{image.name} differs by upper and lower case: names are compared exactly.")
    return why


def _shared_reasons(client: EcsClient, names: list[str]) -> list[str]:
    return [
        f"{image.name} ({image.image_id}) is shared with you by another account: use its id."
        for name in names
        for image in describe_images(client, name=name, owner="others")
        if image.name == name
    ]


def _near(images: Iterable[Image], names: list[str]) -> list[str]:
    from difflib import get_close_matches

    known = {image.name for image in images if image.status == "Available"}
    return list(
        dict.fromkeys(near for name in names for near in get_close_matches(name, known, NEAR_NAMES, cutoff=0.75))
    )[:NEAR_NAMES]
