"""How the commands grow with the account: 1,000 and 10,000 images, snapshots and instances, as whole processes.

Each command runs as people run it, what it prints included, those that draw tables on a terminal too. Its processor
time and the server's are measured beside those in an empty account, which are subtracted: what is left must grow like
the account, ten times and not a hundred. Nothing here is compared with a rival: there is none that does the same.

Usage: python -m benchmarks.growth [--sizes N,N] [--runs N] [--json FILE]
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

from benchmarks.local_cloud import processor_seconds
from benchmarks.processes import wait
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
}
LIMIT = 1.5  # of the growth beyond that of the account: sorting, and the kernel counts in hundredths of a second
LEAST_MS = 5.0  # less than that is noise, and no growth


class Cost(NamedTuple):
    """Milliseconds of processor time: the command's own, and the server's for it."""

    command: float
    server: float

    @property
    def all(self) -> float:
        """Both of them."""
        return self.command + self.server


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="1000,10000")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    found = {size: measure(size, options.runs) for size in (0, *sizes)}
    print(f"{'ms of processor, command + server':34}" + "".join(f"{size:>20,}" for size in found))
    for name in COMMANDS:
        cells = [f"{found[size][name].command:.0f} + {found[size][name].server:.0f}" for size in found]
        print(f"{name:34}" + "".join(f"{cell:>20}" for cell in cells))
    return report([_growth(name, found, sizes) for name in COMMANDS], options.json)


def _growth(name: str, found: dict[int, dict[str, Cost]], sizes: Sequence[int]) -> Ratio:
    """How much more than the account the work grows, from the first size to the last one."""
    first, last = (found[size][name].all - found[0][name].all for size in (sizes[0], sizes[-1]))
    grown = last / max(first, LEAST_MS)
    return Ratio(f"growth of {name}, from {sizes[0]:,} to {sizes[-1]:,}", grown / (sizes[-1] / sizes[0]), LIMIT)


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
                    costs[name].append(_run(words, env, running.pid, drawn=name.endswith("drawn")))
        finally:
            daemon.stop(data, SystemClock())
    return {
        name: Cost(statistics.median(one.command for one in some), statistics.median(one.server for one in some))
        for name, some in costs.items()
    }


def _run(words: Sequence[str], env: dict[str, str], server: int, *, drawn: bool) -> Cost:
    before = processor_seconds(server)
    ours, theirs = pty.openpty() if drawn else os.pipe()
    process = subprocess.Popen([GOLDRUN, *words], env=env, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    read = threading.Thread(target=_drain, args=(ours,))
    read.start()
    assert process.stderr
    said = process.stderr.read().decode()
    command = wait(process)
    process.stderr.close()
    read.join()
    os.close(ours)
    # Not found: the empty account. Found something: a sweep.
    if process.returncode not in (0, 1, 7):
        raise SystemExit(f"goldrun {' '.join(words)} ended with {process.returncode}: {said}")
    time.sleep(0.02)  # the server's last line of its log
    return Cost(command * 1000, (processor_seconds(server) - before) * 1000)


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
