"""Reads the part of the market that meets the criteria. ``choice`` decides which of it is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from goldrun.cloud.client import EcsClient
from goldrun.cloud.market import (
    Advice,
    Cache,
    Place,
    Priced,
    Reader,
    Size,
    read_advice,
    read_price,
    read_sizes,
    read_stock,
)
from goldrun.launch.offers import Criteria

AT_ONCE = 8  # calls in parallel

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Market:
    """Reads the market, through a cache if there is one.

    Attributes:
        protected: prices are those of instances whose first hour is protected.
    """

    client: EcsClient
    cache: Cache | None = None
    protected: bool = True

    @property
    def _reader(self) -> Reader:
        return Reader(self.client, self.cache)

    def stock(self, criteria: Criteria, disk: str) -> dict[Place, str]:
        """Return what is in stock with that disk category: ``WithStock`` or ``ClosedWithStock`` by place."""
        only = criteria.types[0] if len(criteria.types) == 1 else ""
        return {
            (type_id, zone): state
            for (type_id, zone), state in read_stock(self._reader, spot=criteria.spot, disk=disk, type_id=only).items()
            if (not criteria.types or type_id in criteria.types) and (not criteria.zones or zone in criteria.zones)
        }

    def sizes(self, criteria: Criteria) -> dict[str, Size]:
        """Return the sizes of the types that match; special types only if they are named."""
        found = read_sizes(
            self._reader,
            criteria.types,
            architecture=criteria.architecture,
            min_cpus=math.ceil(criteria.cpus.low) or None,
            max_cpus=None if math.isinf(criteria.cpus.high) else math.floor(criteria.cpus.high),
        )
        return {
            name: size
            for name, size in found.items()
            if size.cpus in criteria.cpus
            and size.memory in criteria.memory
            and criteria.architecture in ("", size.architecture)
            and (size.ordinary or criteria.types)
        }

    def advice(self, sizes: Iterable[Size]) -> dict[Place, Advice]:
        """Return reclaim rates and average discounts by place, for types of these sizes."""
        cpus = {size.cpus for size in sizes}
        if len(cpus) == 1:
            return read_advice(self._reader, cpus=min(cpus))
        return read_advice(self._reader, min_cpus=min(cpus, default=None))

    def prices(self, types: Iterable[str], *, since: str = "") -> dict[str, Priced]:
        """Return the spot prices of several types, read in parallel; see ``read_price``."""
        names, read = sorted(set(types)), partial(read_price, self._reader, since=since, protected=self.protected)
        return dict(zip(names, parallel(read, names), strict=True))


def parallel(work: Callable[[T], U], items: Sequence[T]) -> list[U]:
    """Return ``work`` of each item, computed in parallel; after all have ended, raise the first error."""
    if len(items) <= 1:
        return [work(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(AT_ONCE, len(items))) as pool:
        return list(pool.map(work, items))
