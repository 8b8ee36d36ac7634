"""Sweeps without pause beside builds, runners and launches: as `make bench-sweep`, with fewer of them."""

from __future__ import annotations

from benchmarks.sweep_beside import play


def test_sweeps_delete_nothing_in_use_and_leave_no_leftovers() -> None:
    outcome = play(3, 20, sweepers=1)
    assert outcome.killed == []
    assert outcome.left == []
    assert outcome.spared >= 1, "a list had a hole in it, and nothing was deleted for that"
    assert outcome.died >= 3
    assert outcome.removed["instance"] >= 3
    assert outcome.sweeps > 300
