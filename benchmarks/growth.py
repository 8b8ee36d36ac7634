"""How the commands grow with the account: up to 10,000 images, snapshots and instances, as whole processes.

Each command runs as people run it, what it prints included, those that draw tables on a terminal too. Its processor
time and the server's are measured beside those in an empty account, which are subtracted: what is left must grow like
the account, ten times and not a hundred from 1,000 to 10,000. So must its memory; a look-up's must not grow at all.
Nothing here is compared with a rival: there is none that does the same.

Usage: python -m benchmarks.growth [--sizes N,N,…] [--runs N] [--json FILE] [--picture FILE]
"""

from __future__ import annotations

import argparse
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.pictures import BARS, INK, LINES, plain, svg
from benchmarks.processes import measuring, taken
from benchmarks.results import Ratio, report
from goldrun.clock import SystemClock
from goldrun.cloud.tags import ARCHITECTURE, BUILD_TIMESTAMP, FAMILY, IMAGE, IS_LATEST, OWNED, ROLE
from local_cloud import daemon, seed
from local_cloud.records import Image, Instance, Snapshot
from local_cloud.store import Store

GOLDRUN = str(Path(sys.executable).with_name("goldrun"))
LATEST = "fam-amd64-latest"
COMMANDS = {
    "image id": ["image", "id", LATEST],
    "image inspect": ["image", "inspect", LATEST],
    "image diff": ["image", "diff", "fam-amd64-20200101000000", LATEST],
    "image ls": ["image", "ls"],
    "image ls, drawn": ["image", "ls"],
    "image history": ["image", "history", "fam", "--arch", "amd64"],
    "image history, drawn": ["image", "history", "fam", "--arch", "amd64"],
    "image prune --dry-run": ["image", "prune", "fam", "--arch", "amd64", "--dry-run"],
    "image prune --orphans --dry-run": ["image", "prune", "--orphans", "--dry-run"],
    "instance ls": ["instance", "ls"],
    "instance ls, drawn": ["instance", "ls"],
    "sweep --dry-run": ["sweep", "--dry-run"],
    "cost": ["cost", "--days", "0"],
    "doctor": ["doctor"],
}
LIMIT = 1.5  # of the growth beyond that of the account: sorting
FLAT = 1.1  # of a look-up's memory
LEAST_MS = 5.0  # less than that is noise, and no growth
LEAST_MIB = 2.0


class Cost(NamedTuple):
    """What a command takes.

    Attributes:
        command: milliseconds of its own processor time.
        server: milliseconds of the server's for it.
        memory: MiB at the peak.
    """

    command: float
    server: float
    memory: float

    @property
    def processor(self) -> float:
        """Both processor times."""
        return self.command + self.server


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="100,1000,3000,10000")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    found = {size: measure(size, options.runs) for size in (0, *sizes)}
    print(f"{'ms of processor: command + server, MiB':40}" + "".join(f"{size:>20,}" for size in found))
    for name in COMMANDS:
        costs = [found[size][name] for size in found]
        cells = [f"{one.command:.0f} + {one.server:.0f}, {one.memory:.0f}" for one in costs]
        print(f"{name:40}" + "".join(f"{cell:>20}" for cell in cells))
    if options.picture:
        options.picture.write_text(draw(found), encoding="utf-8")
    ratios = [ratio for name in COMMANDS for ratio in _growth(name, found, sizes)]
    most, least = found[sizes[-1]]["image id"].memory, found[0]["image id"].memory
    ratios.append(Ratio(f"memory of image id, {sizes[-1]:,} / none", most / least, FLAT))
    return report(ratios, options.json)


def _growth(name: str, found: dict[int, dict[str, Cost]], sizes: Sequence[int]) -> list[Ratio]:
    """How much more than the account the work and the memory grow, up to the last size from a tenth of it."""
    last = sizes[-1]
    first = min(sizes, key=lambda size: abs(size - last / 10))
    none, small, large = (found[size][name] for size in (0, first, last))
    times = last / first
    work = (large.processor - none.processor) / max(small.processor - none.processor, LEAST_MS) / times
    memory = (large.memory - none.memory) / max(small.memory - none.memory, LEAST_MIB) / times
    span = f"from {first:,} to {last:,}"
    return [
        Ratio(f"growth of {name}, {span}", max(0.0, work), LIMIT),
        Ratio(f"growth of {name}'s memory, {span}", max(0.0, memory), LIMIT),
    ]


def draw(found: dict[int, dict[str, Cost]]) -> str:
    """Return an SVG with the curves of every command, each on its own axes, from nothing to the largest account."""

    def fill(figure: Any) -> None:
        axes = list(figure.subplots(-(-len(COMMANDS) // 4), 4, sharex=True).flat)
        sizes = list(found)
        for axis, name in zip(axes, COMMANDS, strict=False):
            costs = [found[size][name] for size in sizes]
            axis.plot(sizes, [one.processor / 1000 for one in costs], color=BARS, label="seconds of processor")
            axis.plot(sizes, [one.memory / 100 for one in costs], color=LINES, label="memory, in 100 MiB")
            axis.set_title(name, fontsize=8, color=INK)
            axis.set_ylim(bottom=0)
            axis.tick_params(labelsize=7)
            plain(axis)
        for axis in axes[len(COMMANDS) :]:
            axis.set_visible(False)
        figure.legend(
            *figure.axes[0].get_legend_handles_labels(), loc="lower right", labelcolor=INK, fontsize=8, frameon=False
        )
        figure.supxlabel("images, snapshots and instances in the account, of each", fontsize=8, color=INK)

    return svg(fill, (9, 7))


def measure(size: int, runs: int) -> dict[str, Cost]:
    """What each command costs in an account of a size: medians."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "cloud.db"
        _fill(data, size)
        running = daemon.start(data, ["--port", "0"], SystemClock())
        left_out = ("PYTHONDONTWRITEBYTECODE", "NO_COLOR")
        env = {name: value for name, value in os.environ.items() if name not in left_out}
        env |= {**daemon.variables(running.url), "HOME": folder, "TERM": "xterm-256color", "COLUMNS": "120"}
        try:
            costs: dict[str, list[Cost]] = {name: [] for name in COMMANDS}
            for _ in range(runs):
                for name, words in COMMANDS.items():
                    costs[name].append(_run(words, env, running.pid, folder, drawn=name.endswith("drawn")))
        finally:
            daemon.stop(data, SystemClock())
    return {
        name: Cost(*(statistics.median(values) for values in zip(*some, strict=True))) for name, some in costs.items()
    }


def _run(words: Sequence[str], env: dict[str, str], server: int, folder: str, *, drawn: bool) -> Cost:
    before, told = _used(server), Path(folder) / "taken"
    ours, theirs = pty.openpty() if drawn else os.pipe()
    command = measuring([GOLDRUN, *words], told)
    with subprocess.Popen(command, env=env, stdout=theirs, stderr=subprocess.PIPE, text=True) as process:
        os.close(theirs)
        read = threading.Thread(target=_drain, args=(ours,))
        read.start()
        assert process.stderr
        said = process.stderr.read()
    read.join()
    os.close(ours)
    # Not found: the empty account. Found something: a sweep, or the doctor.
    if process.returncode not in (0, 1, 7):
        raise SystemExit(f"goldrun {' '.join(words)} ended with {process.returncode}: {said}")
    time.sleep(0.02)  # the server's last line of its log
    seconds, memory = taken(told)
    return Cost(seconds * 1000, (_used(server) - before) * 1000, memory)


def _used(process: int) -> float:
    """Return the seconds of processor that a process's threads have used; proc(5) of the whole counts in hundredths."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{process}/task").glob("*/schedstat")) / 1e9


def _drain(end: int) -> None:
    try:
        while os.read(end, 65536):
            pass
    except OSError:  # how a terminal ends
        pass


def _fill(data: Path, size: int) -> None:
    """An account of that size: versions of one family with their snapshots, and instances that run from the latest."""
    store, now = Store(data, time.time), time.time()
    seed.put_defaults(store)
    place: dict[str, Any] = {"region": seed.REGION, "owner": seed.ACCOUNT}
    for number in range(size):
        latest = number == size - 1
        stamp = str(20200101000000 + number)
        tags = {**OWNED, **FAMILY.of("fam"), **ARCHITECTURE.of("amd64"), **BUILD_TIMESTAMP.of(stamp)}
        tags |= IS_LATEST.of() if latest else {}
        image, created = f"m-large{number:07}", now - 9e6 - size + number
        name = LATEST if latest else f"fam-amd64-{stamp}"
        snapshot = Snapshot(id=f"s-large{number:07}", created=created, ready=0.0, tags=dict(tags), **place)
        instance = Instance(
            id=f"i-large{number:07}",
            name=f"runner-{number}",
            created=now - 600,
            image=f"m-large{size - 1:07}",
            tags={**OWNED, **ROLE.of("runner"), **IMAGE.of(f"m-large{size - 1:07}")},
            auto_release=now + 3600,
            **place,
        )
        store.put(
            Image(id=image, name=name, created=created, ready=0.0, tags=tags, snapshot=snapshot.id, **place),
            snapshot,
            instance,
        )
    store.close()


if __name__ == "__main__":
    sys.exit(main())
