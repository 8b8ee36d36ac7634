"""Resolves the image of a launch: from its name to an id or a family, checked, and of the right architecture."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import AccessDeniedError
from goldrun.cloud.images import ALL_STATUSES, Image, describe_images, newest_of_family
from goldrun.errors import NotFoundError, RefusedError, UsageError
from goldrun.images.find import find_image
from goldrun.images.manifest import Manifest, from_tags
from goldrun.images.naming import is_image_id, parse_reference
from goldrun.launch.settings import LaunchSettings
from goldrun.report import Report

PUBLIC_FAMILY = "acs:"


def resolve_image(client: EcsClient, settings: LaunchSettings, report: Report) -> LaunchSettings:
    """Return the settings with the image's id or family, and with its architecture unless one is requested.

    Args:
        client: the cloud.
        settings: the image is named by id, by family (an id beside it is used if the family has no image), or by
            ``image_name``: an image id, an image's name, ``family[:channel]``, or one of Alibaba Cloud's own families
            (``acs:ubuntu_24_04_x64``).
        report: receives the look-up's notes.

    Raises:
        UsageError: no image is named.
        NotFoundError: the image was not found.
        RefusedError: goldrun cannot create instances from it.
    """
    name = settings.image_name
    if name and not name.startswith(PUBLIC_FAMILY) and not is_image_id(name):
        found = find_image(client, parse_reference(name, settings.criteria.architecture or None))
        if found.notice:
            report(found.notice)
        _check_tokens(settings, found.image)
        return _with_image(settings, found.image.image_id, "", found.image.architecture)
    image_id, family = settings.image_id, settings.image_family
    if name:
        # ECS resolves its own families; they are not among the account's images.
        image_id, family = ("", name) if name.startswith(PUBLIC_FAMILY) else (name, "")
    if not image_id and not family:
        raise UsageError("No image is named.", fix=["set ALIYUN_IMAGE_ID or IMAGE_NAME (or use --image)."])
    if image_id and family:
        image_id, family = _prefer_family(client, image_id, family, report)
    if settings.criteria.architecture or settings.criteria.types or settings.candidates:
        if image_id:
            _check_visible(client, settings, image_id)
        return _with_image(settings, image_id, family, "")
    image = _find(client, image_id, family)
    _check_tokens(settings, image)
    # ECS refuses instance types of another architecture.
    return _with_image(settings, image_id, family, image.architecture)


def read_manifest(client: EcsClient, settings: LaunchSettings) -> Manifest | None:
    """Return the manifest in the image's tags; None for one of Alibaba Cloud's own images, which have none.

    Raises:
        NotFoundError: the image was not found.
        UsageError: the manifest is damaged.
    """
    if settings.image_family.startswith(PUBLIC_FAMILY):
        return None
    return from_tags(_find(client, settings.image_id, settings.image_family).tags)


def require_imds_v2(image: Image) -> None:
    """Check that an image allows ``HttpTokens=required`` (IMDSv2), which instances are created with by default.

    Otherwise a job could get the keys of the instance's role.

    Raises:
        RefusedError: the image forbids it.
    """
    if image.imds == "v1":
        raise RefusedError(
            f"{image.name} ({image.image_id}) does not allow instances that require a metadata token (IMDSv2).",
            why=["its ImdsSupport is v1, and instances require it unless --metadata-tokens optional is given."],
            fix=[
                "rebuild it: goldrun's builds set v2",
                "or, if everything in it uses a token for the metadata service, declare that:",
                f"aliyun ecs ModifyImageAttribute --ImageId {image.image_id} --Features.ImdsSupport v2",
            ],
        )


def _with_image(settings: LaunchSettings, image_id: str, family: str, architecture: str) -> LaunchSettings:
    criteria = replace(settings.criteria, architecture=settings.criteria.architecture or architecture)
    return replace(settings, image_name="", image_id=image_id, image_family=family, criteria=criteria)


def _prefer_family(client: EcsClient, image_id: str, family: str, report: Report) -> tuple[str, str]:
    """Return the id or the family that the launch uses: the id only if the family has no image."""
    with contextlib.suppress(AccessDeniedError):  # ECS resolves the family of a launch without this permission
        if newest_of_family(client, family) is None:
            report(f"the image family {family} has no image in {client.region}: using {image_id}.")
            return image_id, ""
    return "", family


def _check_tokens(settings: LaunchSettings, image: Image) -> None:
    if settings.metadata_tokens:
        require_imds_v2(image)


def _check_visible(client: EcsClient, settings: LaunchSettings, image_id: str) -> None:
    """Check an image if the account can read it; else leave it to ECS to refuse."""
    with contextlib.suppress(AccessDeniedError):
        for image in describe_images(client, image_id=image_id, owner="", status=ALL_STATUSES):
            _check_tokens(settings, image)


def _find(client: EcsClient, image_id: str, family: str) -> Image:
    if image_id:
        images = describe_images(client, image_id=image_id, owner="", status=ALL_STATUSES)
        if images:
            return images[0]
    elif image := newest_of_family(client, family):
        return image
    raise NotFoundError(
        f"Image not found: {image_id or family} in {client.region}.", fix=["list the images: goldrun image ls --all"]
    )
