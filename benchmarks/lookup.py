"""What a look-up costs as a whole process, beside what a user would use instead.

The rivals are Alibaba Cloud's own command line, a compiled program, where one is on the PATH (or ALIYUN_CLI names it),
and its SDK for Python. All find the same image on the same local cloud, over http and over https, and do the same: they
sign, ask for the image by its name, and read the answer. Each trusts the one authority of the local cloud, so that none
pays for reading a machine's bundle. The commands run in turn, A B C A B C …, so that a machine whose speed drifts is
unfair to none. Processor time is the kernel's figure for the process, all its threads included; medians are compared.

Usage: python -m benchmarks.lookup [--runs N] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import wait
from benchmarks.results import Ratio, report
from goldrun.clock import SystemClock
from local_cloud import daemon, seed, tls_files

ROOT = Path(__file__).resolve().parents[1]
NAME = "github-runner-ubuntu24-amd64-latest"
FOUND = "m-localnewamd64"
OURS, SINGLE, COMMAND = "our script", "our script, single file", "goldrun image id"
SDK, CLI, BARE = "official SDK", "official CLI", "bare Python"
SCRIPT = "get-image-id-by-name.py"
SCHEMES = ("http", "https")
# Of processor time; `goldrun image id` has none: its option parser's import alone takes longer than the CLI.
LIMITS = {("http", OURS, CLI): 0.6, ("https", OURS, CLI): 1.0, ("http", OURS, SDK): 1 / 3, ("http", OURS, BARE): 2.0}


class Cost(NamedTuple):
    """What a process took, in milliseconds."""

    cpu: float
    wall: float


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    subprocess.run([sys.executable, "tools/build_scripts.py"], cwd=ROOT, check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "cloud.db"
        running = daemon.start(data, ["--port", "0", "--seed", "--tls"], SystemClock())
        urls = {"http": running.url, "https": running.https_url}
        try:
            found = measure(urls, tls_files.files(data).authority, options.runs)
        finally:
            daemon.stop(data, SystemClock())
    print(f"{'':32}  ms of processor: min  median   max     ms in all: min  median   max")
    for (scheme, name), costs in found.items():
        cpu, wall = [cost.cpu for cost in costs], [cost.wall for cost in costs]
        print(
            f"{name + ', ' + scheme:32}        {min(cpu):14.1f} {statistics.median(cpu):7.1f} {max(cpu):5.0f}"
            f"           {min(wall):10.1f} {statistics.median(wall):7.1f} {max(wall):5.0f}"
        )
    middle = {key: statistics.median(cost.cpu for cost in costs) for key, costs in found.items()}
    pairs = [(ours, other) for ours in (OURS, SINGLE, COMMAND) for other in (CLI, SDK, BARE)]
    ratios = [
        Ratio(
            f"look-up, {scheme}, processor: {ours} / {other}",
            middle[scheme, ours] / middle[scheme, other],
            LIMITS.get((scheme, ours, other)),
        )
        for scheme in SCHEMES
        for ours, other in pairs
        if (scheme, other) in middle
    ]
    return report(ratios, options.json)


def commands(url: str) -> dict[str, list[str]]:
    """Each peer's command line."""
    endpoint = url.partition("://")[2]
    ask = {"ImageName": NAME, "Status": "Available", "ImageOwnerAlias": "self", "PageSize": "100"}
    official = os.environ.get("ALIYUN_CLI") or shutil.which("aliyun")
    secure = "--secure" if url.startswith("https") else "--insecure"
    options = [word for name, value in ask.items() for word in (f"--{name}", value)]
    options += ["--RegionId", seed.REGION]
    return {
        OURS: [sys.executable, f".github/scripts/{SCRIPT}"],
        SINGLE: [sys.executable, f"dist/scripts/{SCRIPT}"],
        COMMAND: [str(Path(sys.executable).with_name("goldrun")), "image", "id", NAME],
        SDK: [sys.executable, "benchmarks/lookup_official_sdk.py"],
        **({CLI: [official, "ecs", "DescribeImages", *options, "--endpoint", endpoint, secure]} if official else {}),
        BARE: [sys.executable, "-c", "pass"],
    }


def environment(url: str, authority: Path) -> dict[str, str]:
    """A user's environment: Python keeps its bytecode, as it does by default."""
    left_out = ("PYTHONDONTWRITEBYTECODE", "SSL_CERT_DIR")
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    trusted = {"SSL_CERT_FILE": str(authority), "REQUESTS_CA_BUNDLE": str(authority)}
    return {**env, **daemon.variables(url), "IMAGE_NAME": NAME, **trusted}


def measure(urls: dict[str, str], authority: Path, runs: int) -> dict[tuple[str, str], list[Cost]]:
    """The cost of every run of every command, one warm-up each left out."""
    costs: dict[tuple[str, str], list[Cost]] = {}
    for number in range(runs + 1):
        for scheme, url in urls.items():
            env = environment(url, authority)
            for name, command in commands(url).items():
                cost, printed = run(command, env)
                if name != BARE and FOUND not in printed:
                    raise SystemExit(f"{name} found something else: {printed!r}")
                if number:
                    costs.setdefault((scheme, name), []).append(cost)
    return costs


def run(command: list[str], env: dict[str, str]) -> tuple[Cost, str]:
    """Run a command, and return its cost and what it printed."""
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        printed = process.stdout.read()
        cpu = wait(process)
        wall = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Cost(cpu * 1000, wall * 1000), printed


if __name__ == "__main__":
    sys.exit(main())
