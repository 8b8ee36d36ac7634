"""A build of one architecture: the list of its steps, from the base image to the prune.

A build keeps its state in the cloud's tags alone. The same command resumes it at any point: it waits for an image that
is being created, tests one that was created, publishes one that was tested, and deletes everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from goldrun.bake.base import RESOLVE_BASE
from goldrun.bake.boot_test import TEST_IMAGE, smoke_test
from goldrun.bake.capture import CREATE_IMAGE, STOP_BUILDER
from goldrun.bake.context import Check, Context, Options, open_context
from goldrun.bake.instances import MAX_RECLAIMS, start_again
from goldrun.bake.progress import BuildProgress, GivesWayError, reported
from goldrun.bake.provision import DELETE_BUILDER, LAUNCH_BUILDER, provisioning
from goldrun.bake.publication import COPY, PUBLISH, SHARE, SIGN
from goldrun.bake.recipe import Loaded, Recipe
from goldrun.bake.resume import RESUME, WAIT_FOR_OTHERS
from goldrun.bake.stages import FIND_STAGE, has_stages, stages_of
from goldrun.bake.step import State, Step, run_steps
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import LostError
from goldrun.cloud.images import Image
from goldrun.cloud.tags import STAGE
from goldrun.images.retention import prune
from goldrun.launch.settings import LaunchSettings


@dataclass(frozen=True)
class Built:
    """The result of a build.

    Attributes:
        image: the image.
        version_hash: identifies its content.
        skipped: whether it existed already.
    """

    image: Image
    version_hash: str
    skipped: bool


def build(
    client: EcsClient,
    loaded: Loaded,
    architecture: str,
    settings: LaunchSettings,
    options: Options,
    report: BuildProgress,
) -> Built:
    """Build, test and publish an image, unless it exists already.

    Args:
        client: the cloud.
        loaded: the recipe.
        architecture: which architecture.
        settings: network, key pair and role of the instances.
        options: how to build.
        report: shows the progress.

    Raises:
        RefusedError: a step or a test failed; nothing is published, and no resources are left.
        GoldrunError: the cloud refuses or cannot be reached.
    """
    context = open_context(client, loaded, architecture, settings, options, report)
    state = run_steps(context, [RESOLVE_BASE], State())
    state = _make(context, making(loaded.recipe), state)
    state = run_steps(context, releasing(loaded.recipe, options), state)
    assert state.image
    return Built(state.image, state.version_hash, skipped=state.resumed)


def making(recipe: Recipe) -> list[Step]:
    """Return the steps that make an image; they start again when the market reclaims the builder."""
    return [
        WAIT_FOR_OTHERS,
        RESUME,
        *([FIND_STAGE] if has_stages(recipe) else []),
        LAUNCH_BUILDER,
        *provisioning(recipe),
        STOP_BUILDER,
        CREATE_IMAGE,
        DELETE_BUILDER,
    ]


def releasing(recipe: Recipe, options: Options) -> list[Step]:
    """Return the steps that test and publish an image."""
    signing = [SIGN] if options.sign else []
    if not options.publish:
        return [TEST_IMAGE, *signing]
    wanted = recipe.publish
    return [
        TEST_IMAGE,
        *([COPY] if wanted.regions else []),
        *signing,
        *([SHARE] if wanted.accounts or wanted.public else []),
        PUBLISH,
        PRUNE,
    ]


def boot_test(
    client: EcsClient,
    loaded: Loaded,
    image: Image,
    settings: LaunchSettings,
    report: BuildProgress,
    check: Check = lambda _: None,
) -> None:
    """Boot an instance from any image and run the recipe's smoke tests; the image's tags do not change.

    Raises:
        RefusedError: a test failed, or ``check`` did, before the boot.
    """
    context = open_context(client, loaded, image.architecture, settings, Options(check=check), report)
    with reported(report, context.client.clock, TEST_IMAGE.name):
        smoke_test(context, image)


def _make(context: Context, steps: Sequence[Step], state: State) -> State:
    for _ in range(MAX_RECLAIMS):
        try:
            return run_steps(context, steps, state)
        except LostError as error:
            start_again(context, error)
        except GivesWayError as error:
            context.report.line(error.what)
    return run_steps(context, steps, state)


def _prune(context: Context, state: State) -> State:
    assert state.base
    keep = context.recipe.retention.keep or context.options.keep
    stages = stages_of(context.loaded, context.architecture, state.base.image_id)
    wanted = {STAGE.read(stage.tag) for stage in stages}
    for region in (context.client.region, *state.copies):
        prune(context.client.in_region(region), context.alias, keep=keep, stages=wanted)
    return state


PRUNE = Step("prune", _prune)
