"""The market as a wish sees it. Which of these questions a choice needs is for ``choice`` to know."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
from goldrun.launch.offers import Wish

AT_ONCE = 8  # calls in parallel

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Market:
    """A reader of the market, by way of a cache where there is one."""

    client: EcsClient
    cache: Cache | None = None

    @property
    def _reader(self) -> Reader:
        return Reader(self.client, self.cache)

    def stock(self, wish: Wish, disk: str) -> dict[Place, str]:
        """What is in stock with a system disk of that category: ``WithStock`` or ``ClosedWithStock`` by place."""
        only = wish.types[0] if len(wish.types) == 1 else ""
        return {
            (type_id, zone): state
            for (type_id, zone), state in read_stock(self._reader, spot=wish.spot, disk=disk, type_id=only).items()
            if (not wish.types or type_id in wish.types) and (not wish.zones or zone in wish.zones)
        }

    def sizes(self, wish: Wish) -> dict[str, Size]:
        """The types that match the wish; special ones only where they are named."""
        found = read_sizes(
            self._reader,
            wish.types,
            architecture=wish.architecture,
            min_cpus=math.ceil(wish.cpus.low) or None,
            max_cpus=None if math.isinf(wish.cpus.high) else math.floor(wish.cpus.high),
        )
        return {
            name: size
            for name, size in found.items()
            if size.cpus in wish.cpus
            and size.memory in wish.memory
            and wish.architecture in ("", size.architecture)
            and (size.ordinary or wish.types)
        }

    def advice(self, sizes: Iterable[Size]) -> dict[Place, Advice]:
        """Reclaim rates and average discounts of everything of these sizes, by place."""
        cpus = {size.cpus for size in sizes}
        if len(cpus) == 1:
            return read_advice(self._reader, cpus=min(cpus))
        return read_advice(self._reader, min_cpus=min(cpus, default=None))

    def prices(self, types: Iterable[str], *, since: str = "") -> dict[str, Priced]:
        """The spot prices of several types, read in parallel; see ``read_price``."""
        names, reader = sorted(set(types)), self._reader
        return dict(zip(names, parallel(lambda name: read_price(reader, name, since=since), names), strict=True))


def parallel(work: Callable[[T], U], items: Sequence[T]) -> list[U]:
    """``work`` of each item, side by side; the first error is raised when all have ended."""
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(AT_ONCE, len(items))) as pool:
        return list(pool.map(work, items))
