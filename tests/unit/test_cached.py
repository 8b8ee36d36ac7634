"""What was read some minutes ago, and why it could not be read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from goldrun.errors import GoldrunError, UnavailableError
from goldrun.serve.cached import AGAIN_SECONDS, Cached
from tests.virtual_time import FakeClock


class Answers:
    """Returns one after the other, or raises it."""

    def __init__(self, *answers: int | Exception) -> None:
        self.left = list(answers)

    def __call__(self) -> int:
        answer = self.left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_an_answer_holds_for_a_while(fake_clock: Callable[[], FakeClock]) -> None:
    clock = fake_clock()
    remembered = Cached(clock, Answers(1, 2), 300.0)
    assert [remembered(), remembered()] == [1, 1]
    clock.sleep(301)
    assert remembered() == 2


def test_a_failure_is_told_again_for_some_seconds(fake_clock: Callable[[], FakeClock]) -> None:
    clock = fake_clock()
    answers = Answers(UnavailableError("down"), 2)
    remembered = Cached(clock, answers, 300.0)
    for _ in range(2):
        with pytest.raises(GoldrunError, match="down"):
            remembered()
    assert answers.left == [2]
    clock.sleep(AGAIN_SECONDS + 1)
    assert remembered() == 2


def test_a_defect_does_not_make_an_old_answer_fresh(fake_clock: Callable[[], FakeClock]) -> None:
    clock = fake_clock()
    remembered = Cached(clock, Answers(1, KeyError(), 2), 300.0)
    assert remembered() == 1
    clock.sleep(301)
    with pytest.raises(KeyError):
        remembered()
    assert remembered() == 2
