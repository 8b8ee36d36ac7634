"""A build's steps: what each needs and gives, when it is skipped, and how it is undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from goldrun.bake.context import Context
from goldrun.bake.report import reported
from goldrun.cloud.images import Image
from goldrun.launch.machine import Machine


@dataclass(frozen=True)
class State:
    """The results of a build so far. A step returns them with its own added.

    Attributes:
        base: the image to build on.
        version_hash: identifies the content to build.
        builder: the instance that the image is created from.
        tags: the image's tags that are known before it exists.
        manifest: the content that the recipe's script reports.
        image: the image.
        resumed: whether an earlier build created the image.
    """

    base: Image | None = None
    version_hash: str = ""
    builder: Machine | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    manifest: Mapping[str, str] = field(default_factory=dict)
    image: Image | None = None
    resumed: bool = False


@dataclass(frozen=True)
class Step:
    """One step of a build.

    Attributes:
        name: the name that people see.
        run: does the work. If it fails, it leaves nothing behind.
        needs: the members of the state that must be set before.
        gives: the members of the state that are set afterwards.
        skipped: whether an earlier build has done the work already.
        undo: removes what ``run`` made when a later step fails with the error; adds notes about what is left to it.
    """

    name: str
    run: Callable[[Context, State], State]
    needs: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    skipped: Callable[[State], bool] = lambda _: False
    undo: Callable[[Context, State, BaseException], None] = lambda *_: None


def has_image(state: State) -> bool:
    """Return whether there is an image already; then nothing is built."""
    return state.image is not None


def run_steps(context: Context, steps: Iterable[Step], state: State) -> State:
    """Run steps in order; if one fails, undo the earlier ones in reverse order.

    Raises:
        GoldrunError: a step failed.
    """
    done: list[Step] = []
    try:
        for step in steps:
            if step.skipped(state):
                continue
            assert all(getattr(state, name) for name in step.needs), step.name
            with reported(context.report, context.client.clock, step.name):
                state = step.run(context, state)
            done.append(step)
    except BaseException as error:
        for step in reversed(done):
            step.undo(context, state, error)
        raise
    return state
