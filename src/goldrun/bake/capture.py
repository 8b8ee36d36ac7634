"""Creates the image from the builder's disk."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace

from goldrun.bake.context import Context
from goldrun.bake.power import stop_builder
from goldrun.bake.provision import on_builder
from goldrun.bake.step import State, Step, has_image
from goldrun.cloud.errors import ApiError
from goldrun.cloud.images import create_image
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import BASE_IMAGE, BOOT_TEST, BUILD_TIMESTAMP, MAX_VALUE, OWNED, PENDING, SOURCE
from goldrun.images.availability import wait_until_available
from goldrun.images.creation import create_once, find_made


def _create(context: Context, state: State) -> State:
    client, recipe, builder = context.client, context.recipe, state.builder
    assert state.base
    assert builder
    tags = {**state.tags, **context.loaded.manifest_tags(state.manifest)}
    more = {**BASE_IMAGE.of(state.base.image_id), **BOOT_TEST.of(PENDING), **OWNED}
    more |= SOURCE.of(context.options.source[:MAX_VALUE]) if context.options.source else {}
    own = {**recipe.tags, **tags, **more}
    name = f"{context.alias.lineage}-{BUILD_TIMESTAMP.read(tags)}"

    def create() -> str:
        return create_image(
            client,
            builder.id,
            name=name,
            description=recipe.description or f"{recipe.family}, built by goldrun",
            tags=own,
            token=f"image-{builder.id}",
        )

    made = create_once(client, create, lambda: find_made(client, name, tags))
    sign_at_once(context, made, own, client.region)
    # What is signed in the end is what is said here: the image's tags may be changed in the minutes that it takes.
    return replace(state, image=wait_until_available(client, made)._replace(tags=own))


def sign_at_once(context: Context, image_id: str, tags: Mapping[str, str], region: str) -> None:
    """Sign an image that is being made: what a later build finds unsigned may be anybody's.

    ECS may refuse it so early; then only a build that dies before the step that signs is the worse for it.
    """
    if signer := context.options.sign:
        tag = signer.sign(image_id, tags, region)
        with contextlib.suppress(ApiError):
            tagging("image", [image_id], tag).make(context.client.in_region(region))


STOP_BUILDER = on_builder("stop the builder", stop_builder)
CREATE_IMAGE = Step("create the image", _create, needs=("base", "builder", "tags"), gives=("image",), skipped=has_image)
