"""Sweeps without pause beside builds, runners and launches: as `make bench-sweep`, with fewer of them."""

from __future__ import annotations

from benchmarks.sweep_beside import play


def test_sweeps_delete_nothing_alive_and_leave_nothing_dead() -> None:
    told = play(3, 20, sweepers=1)
    assert told.killed == []
    assert told.left == []
    assert told.spared >= 1, "a list had a hole in it, and nobody died of that"
    assert told.died >= 3
    assert told.removed["instance"] >= 3
    assert told.sweeps > 300
