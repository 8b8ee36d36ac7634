"""10,000 images in an account: how many calls and seconds `ls`, `history` and `prune --dry-run` take.

The calls are judged (⌈n/100⌉ and at most two more), the seconds are printed beside those of `ls`.

Usage: python benchmarks/large_account.py
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from goldrun.clock import SystemClock
from goldrun.cloud.client import EcsClient
from goldrun.cloud.credentials import Credentials
from goldrun.cloud.images import describe_images
from goldrun.cloud.instances import count_by_image
from goldrun.http.endpoint import parse_endpoint
from goldrun.http.transport import HttpTransport
from goldrun.images.lineage import read_lineage
from goldrun.images.naming import PublishedName
from goldrun.images.retention import judge, prune
from local_cloud import seed
from local_cloud.records import Image
from local_cloud.server import LocalCloud, listen

IMAGES = 10_000
ALIAS = PublishedName("fam", "amd64", "latest")


def history(client: EcsClient) -> None:
    """What `goldrun image history` asks."""
    judge(read_lineage(client, ALIAS), keep=3, now=client.clock.now())
    count_by_image(client)


COMMANDS: dict[str, Callable[[EcsClient], object]] = {
    "ls": describe_images,
    "history": history,
    "prune --dry-run": lambda client: prune(client, ALIAS, keep=3, dry_run=True),
}


def main() -> int:
    """Measure, print, judge."""
    cloud = LocalCloud(None)
    now = cloud.clock.now()
    cloud.store.put(
        *(
            Image(
                id=f"m-large{number:07d}",
                region=seed.REGION,
                owner=seed.ACCOUNT,
                name=f"fam-amd64-{20200101000000 + number}",
                created=now - IMAGES + number,
                ready=0.0,
                tags={"ManagedBy": "goldrun"},
            )
            for number in range(IMAGES)
        )
    )
    listening = listen(0)
    threading.Thread(target=cloud.serve, args=(listening,), daemon=True).start()
    clock = SystemClock()
    too_many = False
    first = 0.0
    for name, run in COMMANDS.items():
        client = EcsClient(
            region=seed.REGION,
            credentials=lambda: Credentials(seed.KEY.id, seed.KEY.secret),
            transport=HttpTransport({}, clock),
            clock=clock,
            endpoint=parse_endpoint(f"http://127.0.0.1:{listening.getsockname()[1]}"),
        )
        start = time.perf_counter()
        run(client)
        seconds = time.perf_counter() - start
        first = first or seconds
        client.close()
        print(f"{name:16} {client.calls} calls for {IMAGES} images, {seconds:.1f} s, {seconds / first:.2f} of ls")
        too_many |= client.calls > -(-IMAGES // 100) + 2
    cloud.stop()
    return int(too_many)


if __name__ == "__main__":
    sys.exit(main())
