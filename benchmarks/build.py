"""What a build takes beyond the cloud's own times, in virtual time; beside it the usual way.

The unavoidable: boots, the steps' own seconds, the stop, the image, the deletions. The usual way, as published scripts
do it, with its best settings: the same instance, the same step by the same agent, looks every 10 s and not a fixed
wait, an image, the release; no test, no boot test, no heartbeat. Both build one architecture, one after the other, in
the same cloud. Calls are counted too: fewer are better for an account with many builds.

Usage: python -m benchmarks.build [--json FILE]
"""

from __future__ import annotations

import argparse
import base64
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from benchmarks.results import Ratio, report
from benchmarks.silence import SilentReport
from benchmarks.spot_markets import Bench, bench
from goldrun.bake.build import build
from goldrun.bake.context import Options
from goldrun.bake.reading import load
from goldrun.bake.template import TEMPLATE
from goldrun.cloud.assistant import is_ready
from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import ALL_STATUSES, describe_images
from goldrun.cloud.instances import describe_instances
from goldrun.cloud.rpc import Parameter
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
LOOK_SECONDS = 10.0


class Taken(NamedTuple):
    """What a build took: seconds, how many of them could not be avoided, and calls."""

    seconds: float
    unavoidable: float
    calls: int


def our_way(stage: Bench, folder: Path) -> Taken:
    """Build with goldrun."""
    start, client, before = stage.clock.value, stage.client(), _calls(stage)
    build(client, load(folder), "amd64", LaunchSettings(Network(GROUP)), Options(), SilentReport())
    settings = stage.cloud.store.settings()
    commands = sum(one.seconds for one in stage.cloud.store.all(Invocation))
    machines = 2 * (settings.boot_seconds + 5.0 + settings.release_seconds)
    unavoidable = commands + machines + settings.stop_seconds + settings.image_seconds
    return Taken(stage.clock.value - start, unavoidable, _calls(stage) - before)


def usual_way(stage: Bench, step: str) -> Taken:
    """An instance, the step, an image; looks every 10 s."""
    start, client, before = stage.clock.value, stage.client(), _calls(stage)
    criteria = Criteria(architecture="amd64", cpus=Span(4))
    settings = LaunchSettings(Network(GROUP), key="usual", image_id="m-amd64", criteria=criteria)
    (got,) = acquire(client, settings)
    instance = got.ids[0]

    def wait(is_so: Callable[[], bool]) -> None:
        while not is_so():
            client.clock.sleep(LOOK_SECONDS)

    wait(lambda: describe_instances(client, ids=got.ids)[0].status == "Running")
    wait(lambda: bool(is_ready(client, instance)))
    content = base64.b64encode(step.encode()).decode()
    run: dict[str, Parameter] = {"Type": "RunShellScript", "InstanceId": [instance], "Timeout": 600}
    command = client.call("RunCommand", {**run, "CommandContent": content, "ContentEncoding": "Base64"})["InvokeId"]
    wait(lambda: _is_over(client, command))
    client.call("StopInstance", {"InstanceId": instance})
    wait(lambda: describe_instances(client, ids=got.ids)[0].status == "Stopped")
    made = client.call("CreateImage", {"InstanceId": instance, "ImageName": "usual-amd64"})["ImageId"]
    wait(lambda: describe_images(client, image_id=made, status=ALL_STATUSES)[0].status == "Available")
    release(client, got.ids)
    return Taken(stage.clock.value - start, 0.0, _calls(stage) - before)


def _calls(stage: Bench) -> int:
    return sum(stage.cloud.gateway.calls.values())


def _is_over(client: EcsClient, command: str) -> bool:
    answer = client.call("DescribeInvocationResults", {"InvokeId": command})
    (result,) = answer["Invocation"]["InvocationResults"]["InvocationResult"]
    return bool(result["InvocationStatus"] == "Success")


def main() -> int:
    """Build both ways, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, bench() as stage:
        market = Market(scarcity=0.0, phantoms=0.0)
        stage.cloud.store.put(replace(stage.cloud.store.settings(), market=market))
        folder = Path(name)
        for path, text in TEMPLATE.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text.replace("FAMILY", "tools"))
        step = f"#!/bin/bash\n# simulate: seconds={PROVISION_SECONDS:g}\n"
        (folder / "scripts/install.sh").write_text(step)
        ours, usual = our_way(stage, folder), usual_way(stage, step)
    print(f"goldrun: {ours.seconds:.0f} s, {ours.calls} calls, with tests and a boot test; ", end="")
    print(f"{ours.unavoidable:.0f} s of it could not be avoided")
    print(f"the usual way: {usual.seconds:.0f} s, {usual.calls} calls, nothing tested")
    ratios = [
        Ratio("build, seconds: goldrun / what cannot be avoided", ours.seconds / ours.unavoidable, LIMIT),
        Ratio("build, seconds: goldrun with its tests / the usual way without", ours.seconds / usual.seconds),
        Ratio("build, calls: goldrun with its tests / the usual way without", ours.calls / usual.calls),
    ]
    return report(ratios, options.json)


if __name__ == "__main__":
    sys.exit(main())
