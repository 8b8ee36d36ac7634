"""The base image, and the hash that identifies the content to build."""

from __future__ import annotations

from dataclasses import replace

from goldrun.architecture import to_ecs
from goldrun.bake.context import Context
from goldrun.bake.step import State, Step
from goldrun.cloud.images import Image, newest_of_family
from goldrun.errors import NotFoundError, RefusedError
from goldrun.images.find import find_image
from goldrun.images.naming import is_image_id, parse_reference
from goldrun.images.resolve import require_imds_v2


def resolve_base(context: Context, state: State) -> State:
    """Find the base image, and the hash of what is built on it.

    Raises:
        NotFoundError: there is no such image.
        RefusedError: it does not fit.
    """
    base = _newest_base(context)
    version_hash = context.loaded.version_hash(context.architecture, base.image_id)
    context.report.line(f"{base.name} ({base.image_id}), hash {version_hash}")
    return replace(state, base=base, version_hash=version_hash)


def _newest_base(context: Context) -> Image:
    name = getattr(context.recipe.base, context.architecture)
    if not name:
        raise RefusedError(
            f"{context.recipe.family} has no base image for {context.architecture}.",
            fix=[f'add {context.architecture} = "…" under [base] to the recipe.'],
        )
    base = _find(context, name)
    if base.architecture != context.architecture:
        raise RefusedError(f"{name} is {to_ecs(base.architecture)}, not {to_ecs(context.architecture)}.")
    require_imds_v2(base)
    return base


def _find(context: Context, name: str) -> Image:
    """Return the image that a recipe names: by id, the newest of a family, or published by goldrun under a name.

    Raises:
        NotFoundError: there is none.
    """
    client = context.client
    if not is_image_id(name) and (newest := newest_of_family(client, name)):
        return newest
    if name.startswith("acs:"):
        raise NotFoundError(
            f"The image family {name} has no image in {client.region}.",
            fix=["Alibaba Cloud's own families start with acs:, for example acs:ubuntu_24_04_x64."],
        )
    try:
        return find_image(client, parse_reference(name, context.architecture)).image
    except NotFoundError as error:
        if is_image_id(name):
            raise
        raise NotFoundError(
            f"The base image {name} was not found in {client.region}.",
            why=["it is neither an image family nor a published name there.", *error.why],
            fix=error.fix,
            request_id=error.request_id,
        ) from error


RESOLVE_BASE = Step("resolve the base image", resolve_base, gives=("base", "version_hash"))
