"""Stages: what a builder is after a step with ``cache = true``, kept as an image.

Later builds start from the last one that still fits, as Docker starts from the last layer that has not changed.

A stage is found by its tag alone: the hash of everything that made it. So that a new version of one tool does not
replace the stages before it, the steps up to the last stage get only those versions and parameters whose variables
their script, or a file that was sent until then, mentions; the hash has the same ones.

A stage is not boot-tested and has no name that a look-up finds. The image that is made in the end is tested.

A build that signs its image signs its stages, too, and uses no others: what is built on them gets its signature.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from goldrun.bake import recipe as recipes
from goldrun.bake.context import Context
from goldrun.bake.parts import File
from goldrun.bake.power import start_builder, stop_builder
from goldrun.bake.recipe import Loaded, Recipe
from goldrun.bake.step import State, Step, has_image
from goldrun.cloud.images import ALL_STATUSES, AVAILABLE, MAX_DESCRIPTION, UNFINISHED, create_image, describe_images
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import BASE_IMAGE, BUILD_TIMESTAMP, OWNED, STAGE, Tags
from goldrun.errors import RefusedError
from goldrun.images.availability import wait_until_available
from goldrun.images.creation import create_once, find_made
from goldrun.images.naming import STAGE_PREFIX

HASH_DIGITS = 32


@dataclass(frozen=True)
class Stage:
    """A stage of a recipe.

    Attributes:
        steps: number of steps that it contains.
        name: the last one of them.
        digest: hash of everything that makes it.
    """

    steps: int
    name: str
    digest: str

    @property
    def tag(self) -> dict[str, str]:
        """The tag of an image of it."""
        return STAGE.of(f"{self.steps} {self.digest}")


def stages_of(loaded: Loaded, architecture: str, base_image_id: str) -> tuple[Stage, ...]:
    """Return the stages that a recipe makes on a base image, the first one first."""
    recipe = loaded.recipe
    builder = recipe.builder
    made: list[object] = [architecture, base_image_id, builder.disk, builder.encrypted, builder.key]
    made += loaded.disk_digest()
    found: list[Stage] = []
    for number, step in enumerate(recipe.steps):
        made += [loaded.file_digest(file) for file in files_before(loaded.recipe, number)]
        made += [loaded.step_digest(step), variables_of(loaded, number, architecture)]
        if step.cache:
            digest = hashlib.sha256(msgspec.json.encode(made, order="sorted")).hexdigest()[:HASH_DIGITS]
            found.append(Stage(number + 1, step.name, digest))
    return tuple(found)


def files_before(recipe: Recipe, number: int) -> Sequence[File]:
    """Return the files that are sent right before a step; before the first one: also those that name none."""
    name = recipe.steps[number].name
    return [file for file in recipe.files if file.before == name or (number == 0 and not file.before)]


def variables_of(loaded: Loaded, number: int, architecture: str) -> dict[str, str]:
    """Return the environment of a step: after the last stage all of it, else what may matter to it."""
    recipe = loaded.recipe
    everything = loaded.variables(architecture)
    if not any(step.cache for step in recipe.steps[number:]):
        return everything
    settings = {**recipe.mirrors.environment, **recipe.environment}
    sent = [file for earlier in range(number + 1) for file in files_before(loaded.recipe, earlier)]
    step = recipe.steps[number]
    texts = [loaded.content_of(file) for file in sent if not file.is_fetched]
    texts += loaded.playbook_of(step).values() if step.playbook else [loaded.contents[step.script]]
    return {
        name: value
        for name, value in everything.items()
        # Programs such as curl and apt read proxies from the environment, and no script mentions those.
        if name in settings or any(_mentions(text, name) for text in texts)
    }


def keep_stage(number: int) -> Step:
    """Return the build's step that keeps the builder's state after the recipe's step of that number."""

    def save(context: Context, state: State) -> State:
        assert state.base
        assert state.builder
        stages = stages_of(context.loaded, context.architecture, state.base.image_id)
        stage = next(one for one in stages if one.steps == number + 1)
        stop_builder(context, state.builder)
        image_id, tags = _create(context, state, stage)
        wait_until_available(context.client, image_id)
        if signer := context.options.sign:
            tag = signer.sign(image_id, tags, context.client.region)
            tagging("image", [image_id], tag).make(context.client)
        context.report.line(f"{image_id} has the first {stage.steps} steps.")
        start_builder(context, state.builder)
        return state

    return Step(
        f"keep stage {number + 1}",
        save,
        needs=("base", "builder"),
        skipped=lambda state: has_image(state) or state.done > number,
    )


def _find(context: Context, state: State) -> State:
    assert state.base
    options, client = context.options, context.client
    signer = options.sign
    names = [step.name for step in context.recipe.steps]
    fresh = 0 if options.force else len(names)
    most = names.index(options.from_step) if options.from_step else fresh
    most = min([most, *(names.index(name) for name in options.pauses)])  # what is in a stage does not pause
    tags = {**OWNED, **context.lineage_tags}
    found = describe_images(client, name=STAGE_PREFIX, tags=tags, status=ALL_STATUSES)
    for stage in reversed(stages_of(context.loaded, context.architecture, state.base.image_id)):
        for image in found if stage.steps <= most else ():
            if STAGE.read(image.tags) != STAGE.read(stage.tag) or image.status not in (AVAILABLE, *UNFINISHED):
                continue
            if signer and not signer.trusts(image, client.region):
                context.report.line(f"{image.image_id} is not used: it has no signature that matches its tags.")
                continue
            try:
                ready = wait_until_available(client, image.image_id)
            except RefusedError as error:
                context.report.line(f"{error.what} Using an earlier stage.")
                continue
            context.report.line(f"{image.image_id} has the first {stage.steps} steps, up to {stage.name!r}.")
            return replace(state, start=ready, done=stage.steps)
    context.report.line("no stage matches: all steps run.")
    return state


def _create(context: Context, state: State, stage: Stage) -> tuple[str, Tags]:
    """Create the image of a stage; return its id and tags."""
    client, recipe, builder = context.client, context.recipe, state.builder
    assert state.base
    assert builder
    stamp = BUILD_TIMESTAMP.read(state.tags)
    name = f"{STAGE_PREFIX}{context.alias.lineage[:80]}-{stage.digest[:8]}-{stamp}"
    tags = {**recipe.tags, **context.lineage_tags, **stage.tag, **OWNED}
    tags |= {**BASE_IMAGE.of(state.base.image_id), **BUILD_TIMESTAMP.of(stamp)}
    words = f"{context.alias.lineage} after the step {stage.name}: a stage for goldrun image build"

    def create() -> str:
        return create_image(
            client,
            builder.id,
            name=name,
            description=words[:MAX_DESCRIPTION],
            tags=tags,
            token=f"stage-{builder.id}-{stage.steps}",
        )

    return create_once(client, create, lambda: find_made(client, name, tags)), tags


def _mentions(text: bytes, name: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])".encode(), text) is not None


def has_stages(recipe: recipes.Recipe) -> bool:
    """Return whether a recipe has stages."""
    return any(step.cache for step in recipe.steps)


FIND_STAGE = Step("find a stage", _find, needs=("base",), skipped=has_image)
