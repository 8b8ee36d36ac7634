"""10,000 images in an account: listing takes ⌈n/100⌉ calls and a constant number more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import describe_images
from goldrun.images.lineage import read_lineage
from goldrun.images.naming import PublishedName
from goldrun.images.retention import prune
from local_cloud import seed
from local_cloud.records import Image
from tests.conftest import NOW, REGION, Running

IMAGES = 10_000
ALIAS = PublishedName("fam", "amd64", "latest")

COMMANDS: dict[str, tuple[Callable[[EcsClient], int], int]] = {
    "ls": (lambda client: len(describe_images(client)), 0),
    "history": (lambda client: len(read_lineage(client, ALIAS).images), 0),
    "prune --dry-run": (
        lambda client: len(prune(client, ALIAS, keep=3, dry_run=True).verdicts),
        2,
    ),  # snapshots, stages
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_number_of_calls_grows_only_with_pages(frozen: Running, command: str) -> None:
    run, constant = COMMANDS[command]
    frozen.cloud.store.put(
        *(
            Image(
                id=f"m-large{number:07d}",
                region=REGION,
                owner=seed.ACCOUNT,
                name=f"fam-amd64-{20200101000000 + number}",
                created=NOW - IMAGES + number,
                ready=0.0,
                tags={"ManagedBy": "goldrun", "Family": "fam", "Architecture": "amd64"},
            )
            for number in range(IMAGES)
        )
    )
    client = frozen.client()
    assert run(client) == IMAGES
    assert client.calls == IMAGES / 100 + constant
