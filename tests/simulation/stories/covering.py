"""Counts which lines of goldrun stories run, and which troubles they meet: `make simulate-coverage RUNS=300`.

Usage: python -m tests.simulation.stories.covering --json FILE [--runs N] [--seed N] [--jobs N]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import coverage

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src/goldrun"
# What acts in the cloud and at GitHub, and what it is built of; commands, pages and set-up are others' tests.
PARTS = ("images", "bake", "launch", "runners", "serve", "sweep", "cloud", "github", "http", "waiting")


@dataclass
class Seen:
    """What stories did.

    Attributes:
        lines: run, by file.
        stories: with a trouble, by its kind.
        calls: that met it.
    """

    lines: dict[str, set[int]] = field(default_factory=dict)
    stories: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)

    def add(self, other: Seen) -> None:
        """Take what others did into account."""
        for file, numbers in other.lines.items():
            self.lines.setdefault(file, set()).update(numbers)
        self.stories += other.stories
        self.calls += other.calls


def watch(seeds: Iterable[int]) -> Seen:
    """Play stories, and look."""
    watching = coverage.Coverage(source=[str(SOURCE)], data_file=None, concurrency=["greenlet"], config_file=False)
    watching.start()
    # Imported under its eyes: what a module does when it is imported are lines too.
    from tests.simulation.stories.playing import play
    from tests.simulation.stories.story import TROUBLES, write

    seen = Seen()
    for seed in seeds:
        story = write(seed)
        outcome = play(story)
        assert not outcome.broken, (seed, outcome.broken)
        kinds = [event.kind for event in story.events if event.kind in TROUBLES]
        kinds += ["death"] * any(end == "died" for _, end in outcome.ends)  # type: ignore[list-item]
        kinds += ["wrong clock"] * any(event.skew for event in story.events)  # type: ignore[list-item]
        seen.stories += Counter(set(kinds))
        seen.calls += outcome.struck
        seen.calls["death"] += sum(count for (_, end), count in outcome.ends.items() if end == "died")
    watching.stop()
    data = watching.get_data()
    seen.lines = {file: set(data.lines(file) or ()) for file in data.measured_files()}
    return seen


def count_lines(seen: Seen) -> dict[str, dict[str, int]]:
    """Return how many lines each part has, and how many of them were run."""
    asking = coverage.Coverage(source=[str(SOURCE)], data_file=None, concurrency=["greenlet"], config_file=False)
    table: dict[str, dict[str, int]] = {}
    for part in PARTS:
        place = SOURCE / part
        files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
        ran = there = 0
        for file in files:
            _, statements, _, _, _ = asking.analysis2(str(file))
            there += len(statements)
            ran += len(set(statements) & seen.lines.get(str(file), set()))
        table[part] = {"lines": there, "run": ran}
    return table


def main() -> int:
    """Play, count, write."""
    parser = argparse.ArgumentParser(description="Lines and troubles that stories meet.")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    seeds = range(given.seed, given.seed + given.runs)
    total = Seen()
    with ProcessPoolExecutor(given.jobs) as pool:
        for seen in pool.map(watch, [seeds[part :: given.jobs] for part in range(given.jobs)]):
            total.add(seen)
    troubles = {kind: {"stories": total.stories[kind], "calls": total.calls[kind]} for kind in sorted(total.stories)}
    found = {"stories": given.runs, "lines": count_lines(total), "troubles": troubles}
    given.json.write_text(json.dumps(found, indent=2) + "\n")
    for part, counted in found["lines"].items():
        print(f"{part:<10} {counted['run']:>5} of {counted['lines']:>5} lines")
    for kind, counted in troubles.items():
        print(f"{kind:<16} {counted['stories']:>4} stories {counted['calls']:>6} calls")
    return 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
