"""Hundreds of days an hour: everything that goldrun does, on a local cloud whose time runs 600 times as fast.

Each kind of work goes on without pause: launches, extensions and releases, builds with publish and prune, sweeps,
costs; through the library in threads, and through the commands in processes of their own, as a user would. At this
speed a second here is ten minutes there: whatever takes one clock for the other fails at once.

Usage: python -m benchmarks.fast_time [--seconds N] [--speed S]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.silence import SilentReport
from goldrun import sweep
from goldrun.bake.build import build
from goldrun.bake.context import Options
from goldrun.bake.reading import load
from goldrun.clock import SystemClock
from goldrun.cloud.client import EcsClient, connect
from goldrun.cloud.instances import describe_instances
from goldrun.cloud.tags import OWNED
from goldrun.cost import billed_days, running_costs
from goldrun.launch.acquire import acquire
from goldrun.launch.lifetime import prolong, wait_until_running
from goldrun.launch.offers import Criteria
from goldrun.launch.release import release
from goldrun.launch.settings import LaunchSettings, Network
from local_cloud import daemon
from local_cloud.control_client import call_control

SPEED = 600.0
TYPES = ("ecs.c7.xlarge", "ecs.g7.xlarge", "ecs.c8i.xlarge", "ecs.g8i.xlarge")
SHORTEST = 1800.0
LIVES = (SHORTEST, 6 * 3600.0, 12 * 3600.0)
RECIPE = """
family = "{family}"
[base]
amd64 = "acs:ubuntu_24_04_x64"
[[steps]]
name = "install"
script = "install.sh"
[[smoke]]
name = "it boots"
command = "true"
"""
INSTALL = "#!/usr/bin/env bash\n# simulate: seconds=60 output=done\ntrue # {number}\n"


@dataclass
class Tally:
    """What was done, and what failed."""

    done: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    lowest_cost: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def repeat(self, kind: str, work: Callable[[int], None], until: float) -> None:
        """Work until the time is up."""
        for number in itertools.count():
            if time.monotonic() >= until:
                return
            try:
                work(number)
            except Exception:  # noqa: BLE001 - whatever it is, it counts
                with self.lock:
                    self.failures.append(f"{kind} {number}: {traceback.format_exc(limit=-4)}")
            with self.lock:
                self.done[kind] += 1


@dataclass(frozen=True)
class Stage:
    """A fast cloud.

    Attributes:
        env: what a shell on it exports.
        folder: for files.
        tally: what was done there.
    """

    env: dict[str, str]
    folder: Path
    tally: Tally

    def client(self) -> EcsClient:
        """A client as a command has one."""
        return connect(self.env, SystemClock())

    def settings(self, key: str, life: float) -> LaunchSettings:
        """An instance."""
        network = Network(self.env["ALIYUN_SECURITY_GROUP_ID"])
        criteria = Criteria(architecture="amd64", types=TYPES)
        return LaunchSettings(network, key=key, image_id="m-localnewamd64", life=life, criteria=criteria)

    def run(self, *words: str, expected: tuple[int, ...] = (0,)) -> str:
        """Run a command of goldrun's; return what it prints."""
        command = [sys.executable, "-m", "goldrun.cli.main", *words]
        ran = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        if ran.returncode not in expected:
            raise RuntimeError(f"goldrun {' '.join(words)}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def launch(self, number: int) -> None:
        """Launch, wait, extend, release, through the library."""
        with closing(self.client()) as client:
            life = LIVES[number % len(LIVES)]
            (made,) = acquire(client, self.settings(f"library {number}", life))
            if life > SHORTEST:  # the shortest is over in three seconds: a machine that is busy may need them
                wait_until_running(client, made.ids, 600.0)
                prolong(client, made.ids[0], 6 * 3600.0)
            release(client, made.ids)

    def command(self, number: int) -> None:
        """The same through the commands, whose start alone takes ten minutes; the image is found by its name."""
        image = "github-runner-ubuntu24-amd64-latest"
        output = self.run(
            *("instance", "create", "--image", image, "--life", ("6h", "12h", "24h")[number % 3]),
            *("--type", TYPES[number % len(TYPES)], "--on-demand-fallback"),
        )
        found = re.search(r"i-[a-z0-9]+", output)
        assert found, output
        try:
            self.run("instance", "wait", found[0])
            self.run("instance", "extend", found[0], "2h")
            self.run("instance", "ls")
        finally:
            self.run("instance", "rm", "--missing-ok", "--yes", found[0])

    def build(self, number: int, family: str = "fast") -> None:
        """Build, test, publish and prune another version."""
        folder = self.recipe(family, number)
        settings = self.settings("", 4 * 3600.0)
        with closing(self.client()) as client:
            built = build(client, load(folder), "amd64", settings, Options(keep=2), SilentReport())
        assert not built.skipped

    def build_command(self, number: int) -> None:
        """The same as a command; every third build finds that it is done."""
        folder = self.recipe("commanded", number - number % 3)
        output = self.run("image", "build", str(folder), "--quiet")
        assert f"SKIP_BUILD={'false' if number % 3 == 0 else 'true'}" in output, output

    def sweep(self, _: int) -> None:
        """Find and delete what should not be alive: nothing, but for a snapshot that a prune is about to delete."""
        with closing(self.client()) as client:
            found = sweep.find(client)
            assert all(one.kind == "snapshot" for one in found), found
            sweep.remove(client, found)

    def cost(self, _: int) -> None:
        """What it costs, by the hour and by the bill."""
        with closing(self.client()) as client:
            costs = [one.so_far for one in running_costs(client) if one.so_far is not None]
            amounts = [day.amount for day in billed_days(client, 3)]
            assert all(client.clock.now() >= one.created for one in describe_instances(client))
        lowest = min([0.0, *costs, *amounts])
        with self.tally.lock:
            self.tally.lowest_cost = min(self.tally.lowest_cost, lowest)
        assert lowest >= 0

    def reports(self, _: int) -> None:
        """Sweep and cost as commands."""
        found = self.run("sweep", "--dry-run", expected=(0, 7))
        assert "i-" not in found, found
        costs = self.run("cost", "--json")
        numbers: list[str] = []
        json.loads(costs, parse_float=numbers.append, parse_int=numbers.append)
        assert not [number for number in numbers if number.startswith("-")], costs
        self.run("image", "ls")

    def recipe(self, family: str, number: int) -> Path:
        """A folder with a recipe that nothing has been built from yet."""
        folder = self.folder / f"{family}-{number}"
        folder.mkdir(exist_ok=True)
        (folder / "recipe.toml").write_text(RECIPE.format(family=family))
        (folder / "install.sh").write_text(INSTALL.format(number=number))
        return folder


def play(seconds: float, speed: float = SPEED) -> tuple[Tally, int]:
    """Work for so many seconds of the machine's; return what was done, and how many instances are left."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "cloud.db"
        running = daemon.start(data, ["--port", "0", "--seed", "--speed", f"{speed:g}"], clock)
        try:
            # Markets that sell out or take back are another benchmark's.
            calm = {"scarcity": 0.0, "phantoms": 0.0}
            call_control(running.port, running.token, "PATCH", "market", calm)
            exported = daemon.variables(running.url)
            env = {"PATH": os.environ["PATH"], "HOME": name, "XDG_CACHE_HOME": name, **exported}
            stage = Stage(env, folder, Tally())
            with closing(stage.client()) as client:
                begun = client.clock.now()
            until = time.monotonic() + seconds
            works: list[Callable[[int], None]] = [stage.launch, stage.command, stage.build, stage.build_command]
            works += [stage.sweep, stage.cost, stage.reports]
            threads = [threading.Thread(target=stage.tally.repeat, args=(work.__name__, work, until)) for work in works]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            with closing(stage.client()) as client:
                left = describe_instances(client, tags=OWNED)
        finally:
            daemon.stop(data, clock)
    return stage.tally, sum(one.created > begun for one in left)


def main() -> int:
    """Play; print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="of the machine's time")
    parser.add_argument("--speed", type=float, default=SPEED)
    options = parser.parse_args()
    tally, left = play(options.seconds, options.speed)
    for failure in tally.failures[:20]:
        print(failure, file=sys.stderr)
    days = options.seconds * options.speed / 86_400
    print(f"{days:.1f} days of the cloud's in {options.seconds:g} s, {options.speed:g} times as fast as usual")
    print(", ".join(f"{count} {kind}" for kind, count in sorted(tally.done.items())))
    print(f"{len(tally.failures)} failed; lowest cost {tally.lowest_cost:g}; {left} instances left at the end")
    return int(bool(tally.failures) or left > 0 or len(tally.done) < 7)


if __name__ == "__main__":
    sys.exit(main())
