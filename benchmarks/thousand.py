"""A thousand instances at once across zones, on a local cloud that throttles: how many calls, how many seconds.

The release counts too: a call for each instance would be the usual way, both times.

Usage: python -m benchmarks.thousand [--amount N] [--rate CALLS_PER_SECOND]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.results import Ratio, report
from goldrun.clock import SystemClock
from goldrun.cloud.client import EcsClient
from goldrun.cloud.credentials import Credentials
from goldrun.cloud.instances import describe_instances
from goldrun.http.endpoint import parse_endpoint
from goldrun.http.transport import HttpTransport
from goldrun.launch.acquire import acquire
from goldrun.launch.lifetime import wait_until_running
from goldrun.launch.offers import Criteria, Span
from goldrun.launch.release import release
from goldrun.launch.settings import LaunchSettings, Network
from local_cloud import daemon, seed
from local_cloud.control_client import call_control


def main() -> int:
    """Launch, wait, release; print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--amount", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rate", type=float, default=5.0, help="calls a second of each action before throttling")
    options = parser.parse_args()
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "cloud.db"
        running = daemon.start(data, ["--port", "0", "--seed"], clock)
        try:
            call_control(running.port, running.token, "PATCH", "settings", {"calls_per_second": options.rate})
            throttled: list[str] = []
            client = EcsClient(
                region=seed.REGION,
                credentials=lambda: Credentials(seed.KEY.id, seed.KEY.secret),
                transport=HttpTransport({}, clock),
                clock=clock,
                endpoint=parse_endpoint(running.url),
                timeout=600.0,
                notice=throttled.append,
            )
            settings = LaunchSettings(
                Network(f"sg-local-{seed.REGION}"),
                key="thousand",
                image_id="m-localnewamd64",
                amount=options.amount,
                criteria=Criteria(architecture="amd64", cpus=Span(4)),
            )
            start = time.perf_counter()
            got = acquire(client, settings)
            launched, calls, repeated = time.perf_counter() - start, client.calls, len(throttled)
            ids = [one for some in got for one in some.ids]
            wait_until_running(client, ids, 600)
            ready = time.perf_counter() - start
            zones = Counter(one.offer.zone for one in got if one.offer for _ in one.ids)
            before = client.calls
            release(client, ids)
            releasing = client.calls - before
            left = len([one for one in describe_instances(client) if one.id in ids])
        finally:
            daemon.stop(data, clock)
    print(f"{len(ids)} instances of {len({one.offer for one in got})} offers in {len(zones)} zones")
    print(f"launched in {launched:.1f} s with {calls} calls at {options.rate:g} a second and action", end="")
    print(f" ({repeated} of them throttled, and repeated); all Running after {ready:.0f} s; {left} left after release")
    print(f"released with {releasing} calls")
    over = report(
        [
            Ratio("a thousand instances: calls to launch / calls of one at a time", calls / options.amount, 0.1),
            Ratio("a thousand instances: calls to release / calls of one at a time", releasing / options.amount, 0.1),
        ],
        options.json,
    )
    return int(over or len(ids) != options.amount or left > 0)


if __name__ == "__main__":
    sys.exit(main())
