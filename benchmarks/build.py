"""What a build takes beyond the cloud's own times, in virtual time; beside it the usual way.

The unavoidable: boots, the steps' own seconds, the stop, the image, the deletions. The usual way, as published scripts
do it: a fixed wait of 300 s for provisioning, looks every 10 s, one architecture after the other, no test and no boot
test.

Usage: python -m benchmarks.build
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from msgspec.structs import replace

from benchmarks.spot_markets import Bench, bench
from goldrun.bake.build import build
from goldrun.bake.context import Options
from goldrun.bake.reading import load
from goldrun.bake.report import Silence
from goldrun.bake.template import TEMPLATE
from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import ALL_STATUSES, describe_images
from goldrun.cloud.instances import describe_instances
from goldrun.launch.acquire import acquire
from goldrun.launch.offers import Criteria, Span
from goldrun.launch.release import release
from goldrun.launch.settings import LaunchSettings, Network
from local_cloud.market import Market
from local_cloud.records import Invocation
from local_cloud.seed import REGION

GROUP = f"sg-local-{REGION}"
PROVISION_SECONDS = 150.0
LIMIT = 1.03


def our_way(stage: Bench, folder: Path) -> tuple[float, float]:
    """Seconds that one architecture took, and how many of them could not be avoided."""
    start = stage.clock.value
    build(stage.client(), load(folder), "amd64", LaunchSettings(Network(GROUP)), Options(), Silence())
    settings = stage.cloud.store.settings()
    commands = sum(one.seconds for one in stage.cloud.store.all(Invocation))
    machines = 2 * (settings.boot_seconds + 5.0 + settings.release_seconds)
    return stage.clock.value - start, commands + machines + settings.stop_seconds + settings.image_seconds


def usual_way(client: EcsClient, number: int) -> None:
    """One architecture: an instance, a fixed wait, an image, looks every 10 s."""
    criteria = Criteria(architecture="amd64", cpus=Span(4))
    settings = LaunchSettings(Network(GROUP), key=f"usual {number}", image_id="m-amd64", criteria=criteria)
    (got,) = acquire(client, settings)
    while describe_instances(client, ids=got.ids)[0].status != "Running":
        client.clock.sleep(10)
    client.clock.sleep(300)
    made = client.call("CreateImage", {"InstanceId": got.ids[0], "ImageName": f"usual-amd64-{number}"})["ImageId"]
    while describe_images(client, image_id=made, status=ALL_STATUSES)[0].status != "Available":
        client.clock.sleep(10)
    release(client, got.ids)


def main() -> int:
    """Build both ways, print, judge."""
    with tempfile.TemporaryDirectory() as name, bench() as stage:
        market = Market(scarcity=0.0, phantoms=0.0)
        stage.cloud.store.put(replace(stage.cloud.store.settings(), market=market))
        folder = Path(name)
        for path, text in TEMPLATE.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text.replace("FAMILY", "tools"))
        step = f"#!/bin/bash\n# simulate: seconds={PROVISION_SECONDS:g}\n"
        (folder / "scripts/install.sh").write_text(step)
        took, unavoidable = our_way(stage, folder)
        start = stage.clock.value
        for number in range(2):
            usual_way(stage.client(), number)
        usual = stage.clock.value - start
    ratio = took / unavoidable
    print(f"goldrun: {took:.0f} s, tests and boot test included; unavoidable {unavoidable:.0f} s: {ratio:.3f} x;")
    print("  two architectures take as long, side by side")
    print(f"the usual way: {usual:.0f} s for two architectures, nothing tested: {usual / took:.2f} x goldrun's")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
