"""Filters of lists: parameters that must equal a member of the listed resource, or be one of some words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from local_cloud.errors import ApiFault
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


def by_choice(params: Params, name: str, of: Callable[[T], str], known: Sequence[str], fault: ApiFault) -> Tests[T]:
    """Return a test for a parameter that is one of some words, in whatever case; none for ``all``.

    Raises:
        ApiFault: ``fault``: it is another word.
    """
    wanted = choice(params, name, ("all", *known), fault)
    return [_is(wanted, of)] if wanted not in ("", "all") else []


def choice(params: Params, name: str, known: Sequence[str], fault: ApiFault) -> str:
    """Return a parameter in lower case; empty if it is not given.

    Raises:
        ApiFault: ``fault``: it is another word.
    """
    given = params.text(name).lower()
    if given not in ("", *known):
        raise fault
    return given


def passes(one: T, tests: Tests[T]) -> bool:
    """Return whether it passes all tests."""
    return all(test(one) for test in tests)


def _is(word: str, of: Callable[[T], str | bool]) -> Callable[[T], bool]:
    def test(one: T) -> bool:
        member = of(one)
        return member == word if isinstance(member, str) else member is (word.lower() == "true")

    return test
