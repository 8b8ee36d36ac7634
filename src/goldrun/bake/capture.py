"""Creates the image from the builder's disk."""

from __future__ import annotations

from dataclasses import replace

from goldrun.bake.context import Context
from goldrun.bake.power import stop_builder
from goldrun.bake.provision import on_builder
from goldrun.bake.step import State, Step, has_image
from goldrun.cloud.images import create_image
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import BASE_IMAGE, BOOT_TEST, BUILD_TIMESTAMP, MAX_VALUE, OWNED, PENDING, SOURCE
from goldrun.images.creation import create_once, find_made
from goldrun.images.waiting import wait_until_available


def _create(context: Context, state: State) -> State:
    client, recipe, builder = context.client, context.recipe, state.builder
    assert state.base
    assert builder
    tags = {**state.tags, **context.loaded.manifest_tags(state.manifest)}
    more = {**BASE_IMAGE.of(state.base.image_id), **BOOT_TEST.of(PENDING), **OWNED}
    more |= SOURCE.of(context.options.source[:MAX_VALUE]) if context.options.source else {}
    name = f"{context.alias.lineage}-{BUILD_TIMESTAMP.read(tags)}"

    def create() -> str:
        return create_image(
            client,
            builder.id,
            name=name,
            description=recipe.description or f"{recipe.family}, built by goldrun",
            tags={**recipe.tags, **tags, **more},
            token=f"image-{builder.id}",
        )

    made = create_once(client, create, lambda: find_made(client, name, tags))
    signature: dict[str, str] = {}
    if context.options.sign:
        # At once: what a later build finds unsigned may be anybody's.
        signature = context.options.sign.sign(made, {**tags, **more}, client.region)
        tagging("image", [made], signature).make(client)
    image = wait_until_available(client, made)
    return replace(state, image=image._replace(tags={**image.tags, **signature}))


STOP_BUILDER = on_builder("stop the builder", stop_builder)
CREATE_IMAGE = Step("create the image", _create, needs=("base", "builder", "tags"), gives=("image",), skipped=has_image)
