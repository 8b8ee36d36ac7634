"""A build's steps: what each needs and gives, when it is skipped, and how it is undone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from goldrun.bake.context import Context
from goldrun.bake.progress import reported
from goldrun.bake.step_handler import Decision
from goldrun.cloud.images import Image
from goldrun.errors import RefusedError
from goldrun.launch.machine import Machine
from goldrun.waiting import every, watch

POLL_SECONDS = 1.0

T = TypeVar("T")


@dataclass(frozen=True)
class State:
    """The results of a build so far. A step returns them with its own added.

    Attributes:
        base: the image to build on.
        start: the stage that the builder starts from; None: the base.
        done: number of the recipe's steps that the stage contains.
        version_hash: identifies the content to build.
        builder: the instance that the image is created from.
        tags: the image's tags that are known before it exists.
        manifest: the content that the recipe's script reports.
        image: the image.
        copies: its copies in other regions.
        made: regions whose copy this build has made.
        resumed: whether an earlier build created the image.
        kept: whether the builder stays for inspection although the build fails.
    """

    base: Image | None = None
    start: Image | None = None
    done: int = 0
    version_hash: str = ""
    builder: Machine | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    manifest: Mapping[str, str] = field(default_factory=dict)
    image: Image | None = None
    copies: Mapping[str, Image] = field(default_factory=dict)
    made: frozenset[str] = frozenset()
    resumed: bool = False
    kept: bool = False


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

    The build's handler decides what to do about a step that fails on the builder.

    Raises:
        GoldrunError: a step failed.
    """
    done: list[Step] = []
    try:
        for step in steps:
            if step.skipped(state):
                continue
            assert all(getattr(state, name) for name in step.needs), step.name
            while True:
                try:
                    with reported(context.report, context.client.clock, step.name):
                        state = step.run(context, state)
                    break
                except RefusedError as error:
                    decision = _decision(context, state, step, error)
                    if decision is not Decision.RETRY:
                        state = replace(state, kept=decision is Decision.KEEP)
                        raise
                    state = replace(state, builder=state.builder and state.builder.again())
            done.append(step)
            assert all(getattr(state, name) is not None for name in step.gives), step.name
            if state.builder and step.name in context.options.pauses:
                _await(context, context.options.handler.on_pause(step.name, state.builder.id))
    except BaseException as error:
        for step in reversed(done):
            step.undo(context, state, error)
        raise
    return state


def _decision(context: Context, state: State, step: Step, error: RefusedError) -> Decision:
    if state.builder is None:
        return Decision.DELETE
    return _await(context, context.options.handler.on_failure(step.name, state.builder.id, error))


def _await(context: Context, decided: Callable[[], T | None]) -> T:
    """Return the decision, however long it takes; the builder's heartbeat continues until its release time."""
    found = watch(context.client.clock, decided, seconds=math.inf, often=every(POLL_SECONDS))
    assert found is not None
    return found
