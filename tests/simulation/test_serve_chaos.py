"""``goldrun serve`` in random trouble: two servers that die and come back, faults of every kind, reclaims."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from goldrun.serve.orphan_registrations import EVERY_SECONDS
from local_cloud.faults import Kind
from local_cloud.market import Market as LocalMarket
from tests.conftest import Running
from tests.simulation.played import Played, play
from tests.simulation.serving import Served, all_done, jobs_of, machines, queue, serve

KINDS: tuple[Kind, ...] = ("throttle", "error", "error-after", "timeout", "timeout-after", "stale")
ACTIONS = ("*", "github:*", "RunInstances", "DescribeInstances", "SendFile", "github:get-message", "github:*agent*")
TROUBLE_SECONDS = 900


@pytest.fixture
def cloud(frozen: Running) -> Running:
    market = LocalMarket(seed=11, phantoms=0.1, scarcity=0.1)
    settings = replace(frozen.cloud.store.settings(), market=market, boot_seconds=10.0)
    frozen.cloud.store.put(settings)
    frozen.image("fam-amd64-latest", id="m-runner", family="fam-amd64")
    return frozen


@pytest.mark.parametrize("seed", range(12))
def test_each_job_is_done_or_told_and_nothing_is_left(cloud: Running, seed: int) -> None:
    chance = random.Random(seed)
    played: Played = play(cloud)
    pool = chance.randint(0, 2)
    servers: list[Served | None] = [None, None]
    born = 0
    end = cloud.wall.value + TROUBLE_SECONDS
    most = 0
    while cloud.wall.value < end:
        if chance.random() < 0.02:
            queue(cloud, chance.randint(1, 3))
        if chance.random() < 0.02:
            cloud.cloud.gateway.faults.clear()
            kind = chance.choice(KINDS)
            old = 20.0 if kind == "stale" else 0.0  # a time-out is over at once
            cloud.fault(kind, chance.choice(ACTIONS), times=None, seconds=old, probability=chance.choice([0.05, 0.3]))
        if chance.random() < 0.005 and machines(cloud):
            taken = chance.choice(machines(cloud))
            cloud.cloud.store.put(replace(taken, reclaimed=cloud.wall.value))
        played.silent = chance.random() < 0.02 if chance.random() < 0.05 else played.silent
        for number in (0, 1):
            if chance.random() < (0.004 if servers[number] else 0.02):
                born += 1
                # It dies without a word: its session stays, its machines go on.
                servers[number] = (
                    None if servers[number] else serve(cloud, f"server {born}", min_idle=pool, max_runners=6)
                )
            elif server := servers[number]:
                server.step()
        most = max(most, len(machines(cloud)))
        cloud.wall.value += 1.0
    cloud.cloud.gateway.faults.clear()
    played.silent = False
    last = serve(cloud, "the last", max_runners=6)
    last.run(4000, until=lambda: all_done(cloud) and not machines(cloud))
    last.run(EVERY_SECONDS + 60)
    told = {(job.status, job.conclusion) for job in jobs_of(cloud)}
    assert told <= {("completed", "success"), ("completed", "failure"), ("completed", "cancelled")}, last.said[-20:]
    assert machines(cloud) == [], last.said[-20:]
    assert cloud.cloud.jobs.runners("octo-org/octo-repo") == [], last.said[-20:]
    assert most <= 2 * 6, "one server's machines, and at worst those of one that it could not see"
