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
    """What a build knows so far. A step returns it with what the step gives.

    Attributes:
        base: the image to build on.
        version_hash: identifies the content that is built.
        builder: the machine that becomes the image.
        tags: of the image, as far as they are known before it exists.
        manifest: what the recipe's script reports to be inside.
        image: the image.
        resumed: whether an earlier build made it.
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
        name: as people see it.
        run: does the work. If it fails, it leaves nothing behind.
        needs: what the state must hold before.
        gives: what the state holds afterwards.
        skipped: whether there is nothing to do, because an earlier build did it.
        undo: removes what ``run`` made when a later step fails with the error; explains in its notes what it left.
    """

    name: str
    run: Callable[[Context, State], State]
    needs: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    skipped: Callable[[State], bool] = lambda _: False
    undo: Callable[[Context, State, BaseException], None] = lambda *_: None


def has_image(state: State) -> bool:
    """Whether there is an image already; then nothing is built."""
    return state.image is not None


def run_steps(context: Context, steps: Iterable[Step], state: State) -> State:
    """Run steps in order; if one fails, undo those before it, the last one first.

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
