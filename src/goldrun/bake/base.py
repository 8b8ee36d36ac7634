"""The base image, and the hash that identifies the content to build."""

from __future__ import annotations

from dataclasses import replace

from goldrun.architecture import to_ecs
from goldrun.bake.context import Context
from goldrun.bake.step import State, Step
from goldrun.cloud.images import Image, newest_of_family
from goldrun.errors import NotFoundError, RefusedError
from goldrun.images.resolve import require_imds_v2


def _resolve(context: Context, state: State) -> State:
    base = _newest_base(context)
    version_hash = context.loaded.version_hash(context.architecture, base.image_id)
    context.report.line(f"{base.name} ({base.image_id}), hash {version_hash}")
    return replace(state, base=base, version_hash=version_hash)


def _newest_base(context: Context) -> Image:
    family = getattr(context.recipe.base, context.architecture)
    if not family:
        raise RefusedError(
            f"{context.recipe.family} has no base image for {context.architecture}.",
            fix=[f'add {context.architecture} = "…" under [base] to the recipe.'],
        )
    base = newest_of_family(context.client, family)
    if base is None:
        raise NotFoundError(
            f"The image family {family} has no image in {context.client.region}.",
            fix=["Alibaba Cloud's own families start with acs:, for example acs:ubuntu_24_04_x64."],
        )
    if base.architecture != context.architecture:
        raise RefusedError(f"{family} is {to_ecs(base.architecture)}, not {to_ecs(context.architecture)}.")
    require_imds_v2(base)
    return base


RESOLVE_BASE = Step("resolve the base image", _resolve, gives=("base", "version_hash"))
