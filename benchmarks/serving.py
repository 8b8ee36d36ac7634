"""`goldrun serve` under load, in virtual time: calls, memory and processor time of the server, and how they grow.

One organization; jobs of 3 to 15 minutes arrive at random. The rates of calls are compared with GitHub's published
limit, and with limits of the order that ECS has: those differ by account, and the console shows them. Answers of the
local cloud do not count as the server's processor time.

Usage: python -m benchmarks.serving [--rates 1000 5000 20000] [--minutes 40] [--plot FILE.svg]
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import threading
import types
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.interleaving import chance
from benchmarks.pictures import BARS, INK, plain, svg
from benchmarks.serve_world import Served, World, serve
from goldrun.serve.assembly import Common
from goldrun.serve.quota import Quota

SETS = 4
JOB_SECONDS = (180.0, 900.0)
GITHUB_AN_HOUR = 5000  # requests with a token, to the REST API; the service of scale sets has no published limit
ECS_A_MINUTE = {"RunInstances": 600, "DescribeInstances": 1800, "SendFile": 1000, "TagResources": 1200}


class Result(NamedTuple):
    """What a rate of jobs costs.

    Attributes:
        rate: jobs an hour.
        jobs: jobs that have ended.
        machines: machines at once.
        waits: how long jobs waited, in seconds.
        calls: requests a job.
        rest: requests to GitHub's REST API an hour.
        peaks: the most requests of an action in a minute.
        cpu: processor seconds of the server for 1,000 jobs.
        memory: MB that the workers' objects take when the last job is queued.
        left: machines that are left when all jobs have ended.
        unavoidable: seconds of each wait that the cloud and the runner take; the rest is the server's own share, with
            its requests' answers (a tenth of a second each).
    """

    rate: int
    jobs: int
    machines: int
    waits: list[float]
    calls: float
    rest: float
    peaks: dict[str, int]
    cpu: float
    memory: float
    left: int
    unavoidable: float


def main() -> int:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rates", type=int, nargs="+", default=[1000, 5000, 20000])
    parser.add_argument("--minutes", type=int, default=40, help="how long jobs arrive")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    options = parser.parse_args()
    results = []
    columns = (
        "jobs/h",
        "jobs",
        "machines",
        "wait p50",
        "own p50",
        "own p95",
        "calls/job",
        "REST/h",
        "CPU s/1000",
        "MB",
    )
    print("".join(f"{name:>11}" for name in columns))
    for rate in options.rates:
        result = measure(rate, options.minutes)
        results.append(result)
        cuts = statistics.quantiles(result.waits, n=20)
        own = [cut - result.unavoidable for cut in (cuts[9], cuts[18])]
        values: tuple[str, ...] = (f"{result.rate:,}", f"{result.jobs:,}", f"{result.machines:,}", f"{cuts[9]:.1f} s")
        values += (f"{own[0]:.1f} s", f"{own[1]:.1f} s", f"{result.calls:.1f}", f"{result.rest:,.0f}")
        print("".join(f"{value:>11}" for value in (*values, f"{result.cpu:.1f}", f"{result.memory:.1f}")), flush=True)
        for action, most in result.peaks.items():
            limit = ECS_A_MINUTE.get(action)
            print(f"{'':8} at most {most:,} {action} in a minute" + (f", of {limit:,}" if limit else ""), flush=True)
    if options.plot:
        draw(results, options.plot)
    wrong = [result for result in results if result.left or result.rest > GITHUB_AN_HOUR]
    wrong += [one for one in results if any(one.peaks.get(name, 0) > most for name, most in ECS_A_MINUTE.items())]
    print("FAILED" if wrong else "ok: nothing is left, and all limits hold")
    return int(bool(wrong))


def measure(rate: int, minutes: int) -> Result:
    """Let jobs come at a rate, and return what they cost."""
    with chance(Random(rate)), tempfile.TemporaryDirectory() as folder:
        return _measure(World(rate, Path(folder)), rate, minutes)


def _measure(world: World, rate: int, minutes: int) -> Result:
    common = Common(Quota(lambda _: None))
    world.stage.add("the world", world.live, endless=True)
    served = [serve(world, f"set-{number}", common, max_runners=1000) for number in range(SETS)]
    total, memory = rate * minutes // 60, 0.0

    def arrive() -> None:
        world.stage.sleep(5.0)
        for number in range(total):
            world.queue(f"set-{number % SETS}", world.random.uniform(*JOB_SECONDS))
            world.stage.sleep(world.random.expovariate(rate / 3600))
        nonlocal memory
        memory = sum(size_of(one.worker, world) for one in served) / 1e6
        while len(world.ran) < total:
            world.stage.sleep(5.0)

    began = world.stage.now()
    world.stage.add("jobs", arrive)
    world.stage.play(longer=180.0)
    hours = (world.stage.now() - began) / 3600
    calls = world.tally.calls
    cpu = sum(sum(one.seconds.values()) for one in served) - world.tally.answering
    rest = sum(count for name, count in calls.items() if name.startswith("github") and "/api/v3/" in name)
    peaks: dict[str, int] = {}
    for (name, _), count in world.tally.minutes.items():
        if not name.startswith("github"):
            peaks[name] = max(peaks.get(name, 0), count)
    top = dict(sorted(peaks.items(), key=lambda pair: -pair[1])[:5])
    return Result(
        rate=rate,
        jobs=len(world.ran),
        machines=world.most,
        waits=[one.started - one.queued for one in world.ran],
        calls=calls.total() / max(1, len(world.ran)),
        rest=rest / hours,
        peaks=top,
        cpu=1000 * cpu / max(1, len(world.ran)),
        memory=memory,
        left=_left(served),
        unavoidable=world.unavoidable,
    )


def size_of(root: object, world: World) -> int:
    """Return how many bytes an object takes with all that it refers to, the world and code left out."""
    left = (types.ModuleType, types.FunctionType, types.MethodType, type, threading.Thread)
    seen = {id(world), id(world.stage), id(world.store), id(world.jobs), id(world.gateway), id(world.github)}
    found, size = [root], 0
    while found:
        one = found.pop()
        if id(one) in seen or isinstance(one, left):
            continue
        seen.add(id(one))
        size += sys.getsizeof(one)
        found += gc.get_referents(one)
    return size


def _left(served: list[Served]) -> int:
    return sum(one.worker.fleet.count for one in served)


def draw(results: list[Result], file: Path) -> None:
    """Draw how the server's costs grow with the rate."""
    rates = [result.rate for result in results]
    costs = {
        "requests a job": [one.calls for one in results],
        "processor seconds for 1,000 jobs": [one.cpu for one in results],
        "MB of the server's objects": [one.memory for one in results],
    }

    def fill(figure: Any) -> None:
        for axis, (title, values) in zip(figure.subplots(1, len(costs)), costs.items(), strict=True):
            axis.plot(rates, values, marker="o", color=BARS)
            axis.set_title(title, fontsize=10, color=INK)
            axis.set_xlabel("jobs an hour", color=INK)
            axis.set_ylim(bottom=0)
            plain(axis)

    file.write_text(svg(fill, (11, 3.2)), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
