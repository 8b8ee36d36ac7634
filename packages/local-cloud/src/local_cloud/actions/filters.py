"""Filters of lists by words that must be equal to a member of what is listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from local_cloud.params import Params

T = TypeVar("T")
Tests = Sequence[Callable[[T], bool]]


def by_words(params: Params, words: Mapping[str, Callable[[T], str | bool]]) -> Tests[T]:
    """Return a test for each of these parameters that is given.

    All of them are read, whatever there is to list: see ``reading``.

    Args:
        params: the request's.
        words: by the parameter's name, returns the member that it is compared with.
    """
    return [_is(word, of) for name, of in words.items() if (word := params.text(name))]


def passes(one: T, tests: Tests[T]) -> bool:
    """Return whether it passes all tests."""
    return all(test(one) for test in tests)


def _is(word: str, of: Callable[[T], str | bool]) -> Callable[[T], bool]:
    def test(one: T) -> bool:
        member = of(one)
        return member == word if isinstance(member, str) else member is (word.lower() == "true")

    return test
