"""A reader looks the alias up without pause while publishes, roll-backs and prunes run: how often does the name fail?

Beside it, in the same run, the field's two orders: rename the old image away, create the new one under the name, wait
(as published scripts do); and, the best that renaming can do, create the new image under another name, and swap the
names in two calls. All rest as long between releases, and what is compared is the time without an answer for each
release, so that nobody gains by releasing less often. All go over HTTP against a local cloud whose time runs fast;
look-ups that fail or answer with a bad image are counted, and any of ours ends the run with an error.

Usage: python -m benchmarks.publish [--lookups N] [--readers N] [--json FILE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.results import Ratio, report
from goldrun.clock import SystemClock
from goldrun.cloud.client import EcsClient
from goldrun.cloud.credentials import Credentials
from goldrun.errors import GoldrunError
from goldrun.http.endpoint import parse_endpoint
from goldrun.http.transport import HttpTransport
from goldrun.images.availability import wait_until_available
from goldrun.images.lookup import look_up
from goldrun.images.naming import PublishedName, name_reference
from goldrun.images.publish import publish, roll_back
from goldrun.images.retention import prune
from local_cloud import daemon, seed

ALIAS = PublishedName("bench", "amd64", "latest")
SPEED = 600.0  # an image is created in 0.2 s
REST_SECONDS = 0.2  # between releases


class Reader(threading.Thread):
    """Looks the alias up until stopped, and counts what went wrong."""

    def __init__(self, url: str, wanted: int) -> None:
        super().__init__(daemon=True)
        self.client = connect(url)
        self.wanted = wanted
        self.done = 0
        self.failed = 0
        self.wrong = 0
        self.gap = 0.0

    def run(self) -> None:
        """Look up, count."""
        gap_since = 0.0
        while self.done < self.wanted:
            try:
                found = look_up(self.client, name_reference(str(ALIAS), "amd64"))
            except GoldrunError:
                found = None
            self.done += 1
            now = time.perf_counter()
            if found is None:
                self.failed += 1
                gap_since = gap_since or now
            else:
                self.wrong += found.image.status != "Available" or found.image.tags.get("Bad") == "true"
                self.gap += now - gap_since if gap_since else 0.0
                gap_since = 0.0


def connect(url: str) -> EcsClient:
    """A client of the local cloud, as a job has one."""
    clock = SystemClock()
    return EcsClient(
        region=seed.REGION,
        credentials=lambda: Credentials(seed.KEY.id, seed.KEY.secret),
        transport=HttpTransport({}, clock),
        clock=clock,
        endpoint=parse_endpoint(url),
    )


def build(client: EcsClient, number: int, *, name: str = "") -> str:
    """A new image; returns its id when it is Available."""
    stamp = f"{20260101000000 + number}"
    tags = {"ManagedBy": "goldrun", "Family": ALIAS.family, "Architecture": ALIAS.architecture, "BuildTimestamp": stamp}
    made = client.call(
        "CreateImage",
        {
            "SnapshotId": "s-localoldamd64",
            "ImageName": name or f"{ALIAS.lineage}-{stamp}",
            "Tag": [{"Key": key, "Value": value} for key, value in tags.items()],
        },
    )["ImageId"]
    wait_until_available(client, made)
    return str(made)


def our_way(client: EcsClient, readers: list[Reader]) -> int:
    """Publish, roll back and prune until the readers have had enough; how many times."""
    rounds = 0
    while any(reader.is_alive() for reader in readers):
        rounds += 1
        publish(client, build(client, rounds + 1))
        if rounds % 2:
            roll_back(client, ALIAS)
        prune(client, ALIAS, keep=2)
        client.clock.machine.sleep(REST_SECONDS)
    return rounds


def usual_way(client: EcsClient, readers: list[Reader]) -> int:
    """Rename the alias away, create the new image under it, wait: as published build scripts do."""
    rounds = 0
    current = build(client, 0, name=str(ALIAS)) if not _shown(client) else _shown(client)
    while any(reader.is_alive() for reader in readers):
        rounds += 1
        client.call("ModifyImageAttribute", {"ImageId": current, "ImageName": f"{ALIAS.lineage}-old-{rounds}"})
        current = build(client, rounds, name=str(ALIAS))
        client.clock.machine.sleep(REST_SECONDS)
    return rounds


def swapping_way(client: EcsClient, readers: list[Reader]) -> int:
    """Create the new image under another name, then swap the names: two calls between which there is none."""
    rounds, current = 0, _shown(client)
    while any(reader.is_alive() for reader in readers):
        rounds += 1
        new = build(client, rounds, name=f"{ALIAS.lineage}-new-{rounds}")
        client.call("ModifyImageAttribute", {"ImageId": current, "ImageName": f"{ALIAS.lineage}-old-{rounds}"})
        client.call("ModifyImageAttribute", {"ImageId": new, "ImageName": str(ALIAS)})
        current = new
        client.clock.machine.sleep(REST_SECONDS)
    return rounds


def _shown(client: EcsClient) -> str:
    found = look_up(client, name_reference(str(ALIAS), "amd64"))
    return found.image.image_id if found else ""


def main() -> int:
    """Run both ways, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lookups", type=int, default=100_000)
    parser.add_argument("--readers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bad, gaps = 0, {}
    fewer = max(2000, options.lookups // 4)
    for title, way, lookups in (
        ("goldrun", our_way, options.lookups),
        ("the usual order", usual_way, fewer),
        ("names swapped", swapping_way, fewer),
    ):
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "cloud.db"
            running = daemon.start(data, ["--port", "0", "--seed", "--speed", f"{SPEED:g}"], SystemClock())
            try:
                client = connect(running.url)
                publish(client, build(client, 1))
                readers = [Reader(running.url, lookups // options.readers) for _ in range(options.readers)]
                for reader in readers:
                    reader.start()
                start = time.perf_counter()
                rounds = way(client, readers)
                seconds = time.perf_counter() - start
            finally:
                daemon.stop(data, SystemClock())
        done, failed = sum(reader.done for reader in readers), sum(reader.failed for reader in readers)
        wrong = sum(reader.wrong for reader in readers)
        gap = sum(reader.gap for reader in readers) / len(readers)
        print(
            f"{title}: {done} look-ups, {failed} failed, {wrong} wrong, in {seconds:.0f} s with {rounds} rounds;"
            f" the name resolved to nothing for {1000 * gap / rounds:.1f} ms of each"
        )
        gaps[title] = gap / rounds
        if way is our_way:
            bad = failed + wrong
    ratios = [
        Ratio(f"publish, time without an answer: goldrun / {title}", gaps["goldrun"] / gap, 0.0)
        for title, gap in gaps.items()
        if title != "goldrun"
    ]
    return int(report(ratios, options.json) or bad > 0)


if __name__ == "__main__":
    sys.exit(main())
