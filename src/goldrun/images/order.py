"""The image of an order: named, looked up, and of the right architecture."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from goldrun import config
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import AccessDeniedError
from goldrun.cloud.images import ALL_STATUSES, Image, describe_images, newest_of_family
from goldrun.errors import NotFoundError, RefusedError, UsageError
from goldrun.images.find import find_image
from goldrun.images.manifest import Manifest, from_tags
from goldrun.images.naming import is_image_id, parse_reference
from goldrun.launch.order import Order

PUBLIC_FAMILY = "acs:"


def with_image(
    client: EcsClient, order: Order, env: config.Environment, *, name: str | None = None, tell: Callable[[str], None]
) -> Order:
    """The order with its image: an id goes as it is, a name is looked up.

    Where no architecture is said, it is the image's.

    Args:
        client: the cloud.
        order: may have its image already, by id or by family.
        env: has the image's name, where none is given.
        name: an image id, an image's name, ``family[:channel]``, or one of Alibaba Cloud's own families
            (``acs:ubuntu_24_04_x64``); wins over what the order has.
        tell: told what the look-up has to say.

    Raises:
        UsageError: no image is named.
        NotFoundError: there is no such image.
        RefusedError: no instance of goldrun's can be made from it.
    """
    if name is None and not (order.request.image_id or order.request.image_family):
        name = config.IMAGE_NAME.read(env)
        if not name:
            raise UsageError("No image is named.", fix=["set ALIYUN_IMAGE_ID or IMAGE_NAME (or say --image)."])
    if name is not None and name.startswith(PUBLIC_FAMILY):
        # ECS knows these itself, and no look-up finds them among the account's own.
        order = replace(order, request=replace(order.request, image_id="", image_family=name))
        name = None
    if name is not None and not is_image_id(name):
        found = find_image(client, parse_reference(name, order.wish.architecture or None))
        if found.notice:
            tell(found.notice)
        require_tokens(found.image)
        return _take(order, found.image.image_id, found.image.architecture)
    if name is not None:
        order = _take(order, name, "")
    if order.wish.architecture or order.wish.types or order.candidates:
        if order.request.image_id:
            _look_at(client, order.request.image_id)
        return order
    image = _find(client, order)
    require_tokens(image)
    # Types of another architecture would be refused.
    return _take(order, order.request.image_id, image.architecture)


def read_manifest(client: EcsClient, order: Order) -> Manifest | None:
    """What is inside the order's image, by its tags; None for one of Alibaba Cloud's own, which have nothing of ours.

    Raises:
        NotFoundError: there is no such image.
        UsageError: the manifest is damaged.
    """
    if order.request.image_family.startswith(PUBLIC_FAMILY):
        return None
    return from_tags(_find(client, order).tags)


def _take(order: Order, image_id: str, architecture: str) -> Order:
    family = order.request.image_family if not image_id else ""
    return replace(
        order,
        request=replace(order.request, image_id=image_id, image_family=family),
        wish=replace(order.wish, architecture=order.wish.architecture or architecture),
    )


def _look_at(client: EcsClient, image_id: str) -> None:
    """See that instances can be made from an image. Who may not look, or sees nothing, lets ECS say it."""
    with contextlib.suppress(AccessDeniedError):
        for image in describe_images(client, image_id=image_id, owner="", status=ALL_STATUSES):
            require_tokens(image)


def require_tokens(image: Image) -> None:
    """Every instance is made with ``HttpTokens=required`` (IMDSv2): a job could have the role's keys without.

    Raises:
        RefusedError: the image forbids it.
    """
    if image.imds == "v1":
        raise RefusedError(
            f"{image.name} ({image.image_id}) takes no instance whose metadata is had by tokens alone (IMDSv2).",
            why=["its ImdsSupport is v1, and goldrun makes no other instances."],
            fix=[
                "build it again: goldrun's builds set v2",
                "or, if what is in it asks the metadata service with tokens, let it say so:",
                f"aliyun ecs ModifyImageAttribute --ImageId {image.image_id} --Features.ImdsSupport v2",
            ],
        )


def _find(client: EcsClient, order: Order) -> Image:
    image_id, family = order.request.image_id, order.request.image_family
    if image_id:
        images = describe_images(client, image_id=image_id, owner="", status=ALL_STATUSES)
        if images:
            return images[0]
    elif image := newest_of_family(client, family):
        return image
    raise NotFoundError(
        f"Image not found: {image_id or family} in {client.region}.", fix=["list what there is: goldrun image ls --all"]
    )
