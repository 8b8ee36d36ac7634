"""The steps of a build: what they need is given before, and what was done is undone in reverse."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import pytest
from benchmarks.silence import SilentReport

from goldrun.bake.base import RESOLVE_BASE
from goldrun.bake.build import making, releasing
from goldrun.bake.context import Context, Options
from goldrun.bake.reading import load
from goldrun.bake.step import State, Step, run_steps
from goldrun.bake.template import TEMPLATE
from tests.conftest import NOW
from tests.virtual_time import FakeClock, Wall


class Bare:
    """As much of a context as running steps takes."""

    report = SilentReport()

    class client:  # noqa: N801 - an attribute of the context
        """The cloud, of which only the time is asked."""

        clock = FakeClock(Wall(NOW))


CONTEXT = cast(Context, Bare())


def step(name: str, done: list[str], *, fails: bool = False, **more: Any) -> Step:
    def run(context: Context, state: State) -> State:
        done.append(name)
        if fails:
            raise RuntimeError(name)
        return replace(state, version_hash=state.version_hash + name)

    def undo(context: Context, state: State, error: BaseException) -> None:
        done.append(f"undo {name} after {state.version_hash}: {error}")

    return Step(name, run, undo=undo, **more)


def test_every_need_is_given_by_an_earlier_step(tmp_path: Path) -> None:
    for path, text in TEMPLATE.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text.replace("FAMILY", "tools"))
    given: set[str] = set()
    names = []
    for one in (RESOLVE_BASE, *making(load(tmp_path).recipe), *releasing(load(tmp_path).recipe, Options())):
        assert set(one.needs) <= given, one.name
        given |= set(one.gives)
        names.append(one.name)
    assert given <= {one.name for one in fields(State)}
    assert len(names) == len(set(names))
    assert names[-3:] == ["boot test", "publish", "prune"]
    assert "publish" not in {one.name for one in releasing(load(tmp_path).recipe, Options(publish=False))}


def test_a_failing_step_undoes_the_steps_before_it_in_reverse() -> None:
    done: list[str] = []
    steps = [step("a", done), step("b", done), step("c", done, fails=True), step("d", done)]
    with pytest.raises(RuntimeError):
        run_steps(CONTEXT, steps, State())
    assert done == ["a", "b", "c", "undo b after ab: c", "undo a after ab: c"]


def test_a_skipped_step_is_neither_run_nor_undone() -> None:
    done: list[str] = []
    steps = [step("a", done, skipped=lambda _: True), step("b", done, fails=True)]
    with pytest.raises(RuntimeError):
        run_steps(CONTEXT, steps, State())
    assert done == ["b"]
    assert run_steps(CONTEXT, [step("c", done)], State()).version_hash == "c"
    assert done == ["b", "c"]


def test_a_step_without_its_inputs_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="a"):
        run_steps(CONTEXT, [step("a", [], needs=("image",))], State())
