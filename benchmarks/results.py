"""What benchmarks find, as ratios: printed for people, kept as JSON, compared with what an earlier run kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec


class Ratio(msgspec.Struct, frozen=True):
    """One figure beside another of the same run; less is better.

    Attributes:
        name: what is compared with what.
        value: the first divided by the second.
        limit: what it must not exceed; None: told alone.
    """

    name: str
    value: float
    limit: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether it exceeds its limit."""
        return self.limit is not None and self.value > self.limit


def report(ratios: Sequence[Ratio], file: Path | None = None) -> int:
    """Print ratios, write them to ``file``, and return the exit code: 1 if one is over its limit."""
    for ratio in ratios:
        limit = "" if ratio.limit is None else f" (limit {ratio.limit:.2f})"
        print(f"{ratio.name}: {ratio.value:.2f}{limit}{' OVER' if ratio.is_over else ''}")
    if file:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(ratios)) + b"\n")
    return int(any(ratio.is_over for ratio in ratios))


def read(file: Path) -> list[Ratio]:
    """Return the ratios that a run wrote."""
    return msgspec.json.decode(file.read_bytes(), type=list[Ratio])
