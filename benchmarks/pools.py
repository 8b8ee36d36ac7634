"""How soon a job starts on an idle runner, a stopped machine and a new one, and what keeping each ready costs a day.

In virtual time, with the local cloud's boot times and prices; the real ones differ, but not the order. The price of the
disk is an assumption: ESSD PL0, of the image's 40 GiB, at 0.5 CNY for a GiB and month.

Usage: python -m benchmarks.pools [--jobs N]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.interleaving import chance
from benchmarks.serve_world import World, serve
from goldrun.github.scale_sets import JobEvent
from goldrun.serve.assembly import Common
from goldrun.serve.observer import Observer
from goldrun.serve.quota import Quota
from goldrun.serve.scale_set_spec import ScaleSetSpec

KINDS: dict[str, dict[str, Any]] = {
    "an idle runner": {"min_idle": 1},
    "a stopped machine": {"min_stopped": 1},
    "a new machine": {},
}
APART_SECONDS = 600.0
DISK_A_DAY = 40 * 0.5 / 30
DAY = 86400.0


class Idle(Observer):
    """Adds up what machines cost without a job."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.amount = 0.0

    def cost(self, wanted: ScaleSetSpec, event: JobEvent | None, amount: float) -> None:
        """See ``Observer``."""
        del wanted
        self.amount += amount if event is None else 0.0


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20)
    jobs = parser.parse_args().jobs
    print(f"{'a job is run by':20} {'starts after':>13} {'slowest':>9} {'kept ready, a day':>18}")
    starts = []
    for name, profile in KINDS.items():
        waits, idle = start_times(profile, jobs), idle_day(profile)
        disk = DISK_A_DAY if "min_stopped" in profile else 0.0
        starts.append(statistics.median(waits))
        print(f"{name:20} {starts[-1]:11.0f} s {max(waits):7.0f} s {idle + disk:14.2f} CNY")
    return int(starts != sorted(starts))


def start_times(profile: dict[str, Any], jobs: int) -> list[float]:
    """Return how long jobs waited that came one by one."""
    with chance(Random(1)), tempfile.TemporaryDirectory() as folder:
        world = World(1, Path(folder))
        world.stage.add("the world", world.live, endless=True)
        serve(world, "set", Common(Quota(lambda _: None)), **profile)

        def come() -> None:
            world.stage.sleep(APART_SECONDS)
            for _ in range(jobs):
                world.queue("set", 60.0)
                world.stage.sleep(APART_SECONDS)

        world.stage.add("jobs", come)
        world.stage.play(longer=1.0)
        return [one.started - one.queued for one in world.ran]


def idle_day(profile: dict[str, Any]) -> float:
    """Return what instances cost on a day without a job."""
    with chance(Random(1)), tempfile.TemporaryDirectory() as folder:
        world, idle = World(1, Path(folder)), Idle()
        world.stage.add("the world", world.live, endless=True)
        serve(world, "set", Common(Quota(lambda _: None)), idle, **profile)
        world.stage.add("a day", lambda: world.stage.sleep(DAY))
        world.stage.play(longer=1.0)
        return idle.amount


if __name__ == "__main__":
    sys.exit(main())
