"""Plays stories: `make simulate RUNS=1000 SEED=1`; `ONLY=2,5` keeps to some events of one.

Usage: python -m tests.simulation.stories [--runs N] [--seed N] [--jobs N] [--only NUMBERS] [--crowd KIND] [--bug NAME]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.stories.bugs import BUGS
from tests.simulation.stories.playing import Outcome, play
from tests.simulation.stories.shrinking import shrink
from tests.simulation.stories.story import CROWDS, Story, write


def _pin() -> None:
    """Stay on one core: a story's threads take turns, and there a turn is handed over sooner."""
    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})


def _play(seed: int, bug: str = "", crowd: str = "") -> tuple[int, Outcome]:
    return seed, play(write(seed, crowd), bug)


def _tell(story: Story, bug: str) -> None:
    print(f"\nthe story of seed {story.seed} is broken; shrinking it:", flush=True)
    short = shrink(story, lambda one: bool(play(one, bug).broken))
    for event in short.events:
        print(f"  {event}")
    if short.lingers:
        print("       machines do not delete themselves")
    for words in play(short, bug).broken:
        print(f"  broken: {words}")
    numbers = ",".join(str(number) for number in short.numbers)
    more = f" CROWD={story.crowd}" * bool(story.crowd) + f" BUG={bug}" * bool(bug)
    print(f"  again: make simulate SEED={story.seed} ONLY={numbers}{more}", flush=True)


def _plant(given: argparse.Namespace, pool: ProcessPoolExecutor) -> int:
    """Plant each bug, and say which story is the first to find it."""
    missed = 0
    for bug in (one for one in BUGS if one and (not given.bug or one == given.bug)):
        batch = 8 * given.jobs
        for start in range(given.seed, given.seed + given.runs, batch):
            played = pool.map(partial(_play, bug=bug, crowd=given.crowd), range(start, start + batch))
            if broken := next(((seed, outcome) for seed, outcome in played if outcome.broken), None):
                print(
                    f"{bug:<20} story {broken[0] - given.seed + 1:>4}  {broken[1].broken[0].splitlines()[0]}",
                    flush=True,
                )
                break
        else:
            missed += 1
            print(f"{bug:<20} not found by {given.runs} stories", flush=True)
    return missed


def _many(given: argparse.Namespace, pool: ProcessPoolExecutor) -> int:
    """Play many stories, and say what they were made of."""
    began, broken = time.perf_counter(), 0
    ends: Counter[tuple[str, str]] = Counter()
    calls = checks = 0
    days = 0.0
    seeds = range(given.seed, given.seed + given.runs)
    for seed, outcome in pool.map(partial(_play, bug=given.bug, crowd=given.crowd), seeds, chunksize=4):
        calls, checks, days = calls + outcome.calls.total(), checks + outcome.checks, days + outcome.seconds / 86400
        ends += outcome.ends
        if outcome.broken:
            broken += 1
            _tell(write(seed, given.crowd), given.bug)
    print(f"\n{given.runs} stories from seed {given.seed}: {broken} broken, in {time.perf_counter() - began:.0f} s")
    print(f"{days:.0f} simulated days, {calls} calls, {checks} checks of invariants")
    for kind in sorted({kind for kind, _ in ends}):
        print(f"  {kind:<9}", ", ".join(f"{end} {count}" for (one, end), count in sorted(ends.items()) if one == kind))
    return broken


def main() -> int:
    """Play, count, tell."""
    parser = argparse.ArgumentParser(description="Stories in virtual time, each from its seed.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="the first one's")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="the numbers of its events that are played, e.g. 2,5")
    parser.add_argument(
        "--crowd", default="", choices=sorted(CROWDS), help="many who do the same kind of thing at once"
    )
    parser.add_argument("--bug", default="", choices=sorted(BUGS), help="plant this bug")
    parser.add_argument(
        "--bugs", action="store_true", help="plant each bug in turn, and look for the first story that finds it"
    )
    given = parser.parse_args()
    if given.only:
        story = write(given.seed, given.crowd).only(int(number) for number in given.only.split(","))
        if broken := play(story, given.bug).broken:
            _tell(story, given.bug)
        else:
            print("nothing is broken")
        return int(bool(broken))
    with ProcessPoolExecutor(given.jobs, initializer=_pin) as pool:
        return int((_plant if given.bugs else _many)(given, pool) > 0)


if __name__ == "__main__":
    # Sets are in an order of their own in each process, unless it is told not to.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
