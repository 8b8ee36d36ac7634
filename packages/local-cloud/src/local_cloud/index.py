"""What reads derive from all records of a kind, kept for as long as none of them changes.

Without it, each read by name, by tag or by page would look at every record of an account of ten thousand images.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

from local_cloud.records.base import Resource

MOST_DERIVED = 64  # results that are kept

R = TypeVar("R", bound=Resource)
T = TypeVar("T")
Tags = Collection[tuple[str, str | None]]


def newest_first(resources: Iterable[R]) -> list[R]:
    """Return resources in the order of the API's lists."""
    return sorted(resources, key=lambda one: (one.created, one.id), reverse=True)


class Index(Generic[R]):
    """All resources of a kind.

    Attributes:
        records: oldest first.
    """

    def __init__(self, records: Iterable[R]) -> None:
        """Derive nothing yet."""
        self.records = list(records)
        self._derived: dict[Hashable, Any] = {}

    def derive(self, what: Hashable, make: Callable[[], T]) -> T:
        """Return the result of ``make``, which is kept under ``what`` until there are too many results."""
        if what not in self._derived:
            if len(self._derived) >= MOST_DERIVED:
                self._derived.clear()
            self._derived[what] = make()
        made: T = self._derived[what]
        return made

    def by(self, key: Callable[[R], str]) -> Mapping[str, Sequence[R]]:
        """Return them by a key of theirs, each key's oldest first; ``key`` is a function that is always the same."""

        def make() -> dict[str, list[R]]:
            found: dict[str, list[R]] = {}
            for one in self.records:
                found.setdefault(key(one), []).append(one)
            return found

        return self.derive(key, make)

    @cached_property
    def newest(self) -> list[R]:
        """The newest first."""
        return newest_first(self.records)

    @cached_property
    def _names(self) -> tuple[str, list[int]]:
        """All names in lower case in one text, the newest's first, and where each of them begins."""
        names = [one.name.lower() for one in self.newest]
        begins, at = [], 0
        for name in names:
            begins.append(at)
            at += len(name) + 1
        return "\n".join(names), begins

    @cached_property
    def _by_tag(self) -> Mapping[tuple[str, str | None], list[R]]:
        """Those with a tag, and under None those with a tag of any value."""
        found: dict[tuple[str, str | None], list[R]] = {}
        for one in self.newest:
            for key, value in one.tags.items():
                found.setdefault((key, value), []).append(one)
                found.setdefault((key, None), []).append(one)
        return found

    def named(self, part: str) -> list[R]:
        """Return those whose names contain ``part``, in whatever case, the newest first."""
        if "\n" in part or not self.records:
            return []
        part, (text, begins), found = part.lower(), self._names, []
        at = text.find(part)
        while at >= 0:
            number = bisect_right(begins, at) - 1
            found.append(self.newest[number])
            if number + 1 == len(begins):
                break
            at = text.find(part, begins[number + 1])
        return found

    def tagged(self, tags: Tags) -> Sequence[R]:
        """Return those with at least the rarest of these tags, the newest first."""
        return min((self._by_tag.get((key, value or None), []) for key, value in tags), key=len, default=self.newest)
