"""What the records were within about the last hour, in memory, for reads that lag behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

from local_cloud.records import Record

Kind = type[Record]
ALWAYS = float("-inf")


class _Ended(NamedTuple):
    number: int
    since: float
    until: float
    record: Record


class History:
    """The versions of records, numbered as they began, with the span of (virtual) time in which each was current."""

    def __init__(self) -> None:
        """Begin with no records."""
        self._numbers = count()
        self._began: defaultdict[Kind, dict[str, tuple[int, float]]] = defaultdict(dict)
        self._ended: defaultdict[Kind, list[_Ended]] = defaultdict(list)

    def change(self, kind: Kind, record_id: str, before: Record | None, after: Record | None, now: float) -> None:
        """Note that a record has changed; None: it did not exist, or does not exist any more."""
        if before is not None:
            self._ended[kind].append(_Ended(*self._began[kind].pop(record_id), now, before))
        if after is not None:
            self._began[kind][record_id] = next(self._numbers), now

    def at(self, kind: Kind, current: Mapping[str, Record], moment: float) -> list[Record]:
        """Return the records of a kind at a moment, the one that had changed last at the end."""
        found = [(one.number, one.record) for one in self._ended[kind] if one.since <= moment < one.until]
        found += [(number, current[key]) for key, (number, since) in self._began[kind].items() if since <= moment]
        return [record for _, record in sorted(found, key=lambda one: one[0])]

    def forget(self, before: float) -> None:
        """Forget the versions that ended before then."""
        for kind, ended in self._ended.items():
            self._ended[kind] = [one for one in ended if one.until >= before]

    def clear(self) -> None:
        """Forget everything."""
        self._began.clear()
        self._ended.clear()
