"""The image of an order: named, looked up, and of the right architecture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from goldrun import config
from goldrun.ecs.client import EcsClient
from goldrun.errors import UsageError
from goldrun.images.find import find_image
from goldrun.images.naming import is_image_id, parse_reference
from goldrun.spot.order import Order


def with_image(
    client: EcsClient, order: Order, env: config.Environment, *, name: str | None = None, tell: Callable[[str], None]
) -> Order:
    """The order with its image: an id goes as it is, a name is looked up, and says what architecture is wanted.

    Args:
        client: the cloud.
        order: may have its image already, by id or by family.
        env: has the image's name, where none is given.
        name: an image id, an image's name, or ``family[:channel]``; wins over what the order has.
        tell: told what the look-up has to say.

    Raises:
        UsageError: no image is named.
        NotFoundError: there is no such image.
    """
    if name is None and (order.request.image_id or order.request.image_family):
        return order
    name = name if name is not None else config.IMAGE_NAME.read(env)
    if not name:
        raise UsageError("No image is named.", fix=["set ALIYUN_IMAGE_ID or IMAGE_NAME (or say --image)."])
    if is_image_id(name):
        return replace(order, request=replace(order.request, image_id=name, image_family=""))
    found = find_image(client, parse_reference(name, order.wish.architecture or None))
    if found.notice:
        tell(found.notice)
    return replace(
        order,
        request=replace(order.request, image_id=found.image.image_id, image_family=""),
        wish=replace(order.wish, architecture=order.wish.architecture or found.image.architecture),
    )
