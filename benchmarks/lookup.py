"""How long a look-up takes as a whole process, beside what a user would use instead.

The commands in turn, A B C A B C …, so that a machine whose speed drifts is unfair to none; medians and their
ratios are printed, and the run fails if a ratio is over its limit. All look up the same image on the same local cloud.

Usage: python benchmarks/lookup.py [--runs N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from goldrun.clock import SystemClock
from local_cloud import daemon

ROOT = Path(__file__).resolve().parents[1]
NAME = "github-runner-ubuntu24-amd64-latest"
OURS, OFFICIAL, BARE = "our script", "official SDK", "bare Python"
TLS, SINGLE = "our script, TLS loaded", "our script, single file"
LIMITS = {OFFICIAL: 1 / 3, BARE: 4.0}

SCRIPT = ".github/scripts/get-image-id-by-name.py"
COMMANDS = {
    OURS: [sys.executable, SCRIPT],
    # As `make scripts` builds it: Python keeps no bytecode of it, and compiles it at every start.
    SINGLE: [sys.executable, "dist/scripts/get-image-id-by-name.py"],
    # What HTTPS adds against the real cloud: the module, and reading the machine's certificates.
    TLS: [
        sys.executable,
        "-c",
        f"import ssl, runpy; ssl.create_default_context(); runpy.run_path({SCRIPT!r}, run_name='__main__')",
    ],
    OFFICIAL: [sys.executable, "benchmarks/lookup_official_sdk.py"],
    BARE: [sys.executable, "-c", "pass"],
}


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    subprocess.run([sys.executable, "tools/build_scripts.py"], cwd=ROOT, check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "cloud.db"
        running = daemon.start(data, ["--port", "0", "--seed"], SystemClock())
        try:
            seconds = measure(environment(running.url), options.runs)
        finally:
            daemon.stop(data, SystemClock())
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    for name, times in seconds.items():
        row = [min(times), medians[name], max(times)]
        print(f"{name:24} min {row[0] * 1000:6.0f}  median {row[1] * 1000:6.0f}  max {row[2] * 1000:6.0f} ms")
    ratios = {name: medians[OURS] / medians[name] for name in LIMITS}
    for name, ratio in ratios.items():
        print(f"{OURS} / {name}: {ratio:.2f} (limit {LIMITS[name]:.2f})")
    for name in (TLS, SINGLE):
        print(f"{name} / {OFFICIAL}: {medians[name] / medians[OFFICIAL]:.2f} (no limit)")
    if options.json:
        options.json.write_text(json.dumps({"medians": medians, "ratios": ratios}, indent=2))
    return int(any(ratio > LIMITS[name] for name, ratio in ratios.items()))


def environment(url: str) -> dict[str, str]:
    """A user's environment: Python keeps its bytecode, as it does by default."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**env, **daemon.variables(url), "IMAGE_NAME": NAME}


def measure(env: dict[str, str], runs: int) -> dict[str, list[float]]:
    """Seconds of every run of every command, one warm-up each left out."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(runs + 1):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            done = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
            took = time.perf_counter() - start
            if name != BARE and done.stdout != "IMAGE_ID=m-localnewamd64\n":
                raise SystemExit(f"{name} found something else: {done.stdout!r}")
            if number:
                seconds[name].append(took)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
