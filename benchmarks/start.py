"""How long each noun of the command line takes to start, as a ratio to bare Python; before a change and after it.

Each command in turn, before and after beside each other, so that a machine whose speed drifts favours neither. The CPU
time of the process decides: it depends little on what else the machine does. Wall time is shown beside it. Real
commands work on the same local cloud. The run fails if a command needs more CPU time than before, beyond what is noise.

Usage: python -m benchmarks.start [--before COMMIT] [--runs N]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import wait
from goldrun.clock import SystemClock
from local_cloud import daemon

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "c1c6b36"  # the last commit before the layout of today
NOISE = 1.1
NAME = "github-runner-ubuntu24-amd64-latest"
NOUNS = ("image", "recipe", "spot", "instance", "runner", "sweep", "cost", "policy", "local")
COMMANDS = ["--help", *(f"{noun} --help" for noun in NOUNS)]
COMMANDS += [f"image id {NAME}", f"image id {NAME} --json", "image ls", "instance ls --json", "spot ls", "policy"]
COMMANDS += [f"image history {NAME.removesuffix('-amd64-latest')} --json", "cost --days 1"]
GARM = "garm GetVersion"
BARE, RUN = ["-c", "pass"], ["-c", "from goldrun.cli.main import run; run()"]
PROVIDER = ["-c", "from goldrun.garm.main import run; run()"]


class Times(NamedTuple):
    """What a process took, in seconds."""

    cpu: float
    wall: float


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--before", default=BEFORE, metavar="COMMIT", help="what to compare with")
    parser.add_argument("--runs", type=int, default=21)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        old = unpack(options.before, Path(folder) / "before")
        data = Path(folder) / "cloud.db"
        running = daemon.start(data, ["--port", "0", "--seed"], SystemClock())
        try:
            env = environment(running.url, folder)
            measured = measure(env, old, options.runs)
        finally:
            daemon.stop(data, SystemClock())
    bare = median(measured["bare", "after"])
    print(f"bare Python: {bare.cpu * 1000:.0f} ms of CPU, {bare.wall * 1000:.0f} ms. Ratios to it:\n")
    print(f"{'':52}{'CPU before':>11}{'after':>7}{'wall before':>13}{'after':>7}{'CPU after/before':>18}")
    slower = []
    for command in [*COMMANDS, GARM]:
        before, after = median(measured[command, "before"]), median(measured[command, "after"])
        ratio = after.cpu / before.cpu
        slower += [command] if ratio > NOISE else []
        print(
            f"{command:52}{before.cpu / bare.cpu:11.1f}{after.cpu / bare.cpu:7.1f}"
            f"{before.wall / bare.wall:13.1f}{after.wall / bare.wall:7.1f}{ratio:18.2f}"
        )
    print(f"\nslower than before: {', '.join(slower) or 'none'}")
    return int(bool(slower))


def unpack(commit: str, folder: Path) -> Path:
    """The sources as they were at a commit."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder / "src"


def environment(url: str, home: str) -> dict[str, str]:
    """A user's environment: Python keeps its bytecode, as it does by default."""
    return {"PATH": os.environ["PATH"], "HOME": home, **daemon.variables(url)}


def measure(env: dict[str, str], old: Path, runs: int) -> dict[tuple[str, str], list[Times]]:
    """What every run of every command took, one warm-up each left out."""
    before = {**env, "PYTHONPATH": str(old)}
    asked = {"GARM_COMMAND": "GetVersion"}
    jobs = {
        ("bare", "after"): (BARE, env),
        (GARM, "before"): (PROVIDER, {**before, **asked}),
        (GARM, "after"): (PROVIDER, {**env, **asked}),
    }
    for command in COMMANDS:
        words = [*RUN, *command.split()]
        jobs |= {(command, "before"): (words, before), (command, "after"): (words, env)}
    taken: dict[tuple[str, str], list[Times]] = {job: [] for job in jobs}
    for number in range(runs + 1):
        for job, (words, where) in jobs.items():
            times = run(words, where)
            if number:
                taken[job].append(times)
    return taken


def run(words: list[str], env: dict[str, str]) -> Times:
    """Run Python and say what it took."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cpu = wait(process)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return Times(cpu, time.perf_counter() - start)


def median(times: list[Times]) -> Times:
    """The median of each."""
    return Times(statistics.median(one.cpu for one in times), statistics.median(one.wall for one in times))


if __name__ == "__main__":
    sys.exit(main())
