"""No scale set waits for ever for what another one has, wants, or cannot use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from goldrun.serve.config import Limits
from local_cloud.records import Instance
from tests.conftest import Running
from tests.simulation.played import Played
from tests.simulation.serving import (
    alive,
    all_done,
    cap,
    common_of,
    conclusions,
    jobs_of,
    limit_quota,
    machines_of,
    queue,
    refuse,
    serve,
    status_of,
    together,
)

HOUR = 3600.0
ZONE = ("cn-hangzhou-k",)


def done_of(cloud: Running, label: str) -> int:
    return sum(one.conclusion == "success" for one in jobs_of(cloud) if label in one.labels)


def test_a_set_accepts_no_more_jobs_than_its_own_limit(cloud: Running, played: Played) -> None:
    """While the server is full, all of a set's backlog is offered; when places become free it accepts more jobs than
    its profile's max_runners gives machines; the third time, GitHub cancels them."""
    played.seconds = 1700.0
    common, limits = common_of(), Limits(max_runners=6)
    batch = serve(cloud, common=common, limits=limits, label="batch", priority=10)
    small = serve(cloud, common=common, limits=limits, label="small", max_runners=1)
    together(5, batch, small)
    queue(cloud, 6, label="batch")
    together(60, batch, small)
    numbers = queue(cloud, 8, label="small")
    for _ in range(4):
        together(2200, batch, small, pace=5)
        queue(cloud, 6, label="batch")
    together(8 * 3600, batch, small, until=lambda: all_done(cloud), pace=5)
    assert conclusions(cloud, numbers) == ["success"] * 8


def test_what_a_set_at_its_own_limit_cannot_use_of_the_quota_others_get(cloud: Running, played: Played) -> None:
    """The more important set runs as many machines as its profile allows, and its backlog waits: half of the quota is
    free for hours, and the other set gets nothing of it."""
    played.seconds = 200.0
    limit_quota(cloud, 4 * 8)
    common = common_of()
    low = serve(cloud, common=common, label="low")
    high = serve(cloud, common=common, label="high", priority=10, max_runners=1)
    together(5, low, high)
    queue(cloud, 4, label="low")
    together(60, low, high)
    assert len(alive(cloud)) == 4
    queue(cloud, 60, label="high")
    together(400, low, high)
    queue(cloud, 10, label="low")
    before = done_of(cloud, "low")
    together(3000, low, high)
    assert done_of(cloud, "low") - before == 10, (
        done_of(cloud, "low"),
        done_of(cloud, "high"),
        conclusions(cloud, [j.id for j in jobs_of(cloud)]),
    )


def test_a_set_whose_type_is_sold_out_keeps_no_quota_from_others(cloud: Running, played: Played) -> None:
    """Nothing is in stock for the more important set: the quota is free, and nobody gets it."""
    played.seconds = 200.0
    limit_quota(cloud, 4 * 8)
    common = common_of()
    low = serve(cloud, common=common, label="low")
    high = serve(cloud, common=common, label="high", priority=10, zones=ZONE)
    together(5, low, high)
    queue(cloud, 4, label="low")
    together(60, low, high)
    refuse(cloud, high, 10**6)
    queue(cloud, 30, label="high")
    together(60, low, high)
    numbers = queue(cloud, 2, label="low")
    together(3000, high, low, until=lambda: set(conclusions(cloud, numbers)) == {"success"})
    assert conclusions(cloud, numbers) == ["success"] * 2


def test_a_server_that_takes_over_keeps_to_the_limit_of_all(cloud: Running, played: Played) -> None:
    """It had stood by for longer than 150 s: the set that came first did not wait for the others' machines."""
    played.seconds = 1700.0
    common, limits = common_of(), Limits(max_runners=3)
    busy = serve(cloud, common=common, limits=limits, label="busy")
    other = serve(cloud, common=common, limits=limits, label="other")
    together(5, busy, other)
    common2 = common_of()
    other2 = serve(cloud, owner="two", common=common2, limits=limits, label="other")
    busy2 = serve(cloud, owner="two", common=common2, limits=limits, label="busy")
    common2.shares.know(one.worker.listener.spec for one in (busy2, other2))
    queue(cloud, 3, label="busy")
    together(300, busy, other, other2, busy2)
    assert len(alive(cloud)) == 3
    busy.worker.listener.close()
    other.worker.listener.close()  # as Server.stop does
    busy2.free["listen"] = cloud.wall.value + 9.0  # each tries every ten seconds
    queue(cloud, 3, label="other")
    most = 0
    for _ in range(200):
        together(1, other2, busy2)
        most = max(most, len(alive(cloud)))
    assert most <= 3


def test_after_an_outage_of_github_the_limit_of_all_holds(cloud: Running, played: Played) -> None:
    """GitHub did not answer for five minutes: the set that heard of it first did not wait for the others' machines."""
    played.seconds = 3000.0
    common, limits = common_of(), Limits(max_runners=3)
    busy = serve(cloud, common=common, limits=limits, label="busy")
    other = serve(cloud, common=common, limits=limits, label="other")
    together(5, other, busy)
    queue(cloud, 3, label="busy")
    together(100, other, busy)
    assert len(alive(cloud)) == 3
    queue(cloud, 3, label="other")
    together(20, other, busy)
    faults = cloud.cloud.gateway.faults
    before = list(faults._armed)
    cloud.fault("error", "github:*", times=None)
    together(400, other, busy)
    faults._armed[:] = before
    most = 0
    for _ in range(300):
        together(1, other, busy)
        most = max(most, len(alive(cloud)))
    assert most <= 3, other.said[-5:]


def test_more_equal_sets_than_places_share_them(cloud: Running, played: Played) -> None:
    """Three sets, two places: each one's equal share is rounded to nothing, and the one with a backlog takes all."""
    played.seconds = 100.0
    common, limits = common_of(), Limits(max_runners=2)
    sets = [serve(cloud, common=common, limits=limits, label=label) for label in ("one", "two", "three")]
    together(5, *sets)
    queue(cloud, 60, label="one")
    together(60, *sets)
    numbers = [*queue(cloud, 1, label="two"), *queue(cloud, 1, label="three")]
    together(2400, *sets, until=lambda: set(conclusions(cloud, numbers)) == {"success"})
    assert conclusions(cloud, numbers) == ["success"] * 2, done_of(cloud, "one")


@pytest.mark.parametrize("what", ["places", "quota"])
def test_a_pause_after_one_refusal_costs_no_accepted_job(cloud: Running, played: Played, what: str) -> None:
    """In the half minute after one launch that was sold out, a less important set's job took the place of the accepted
    one: that waited for its end, an hour."""
    played.seconds = 3300.0
    common = common_of()
    limits = Limits(max_runners=1 if what == "places" else None)
    if what == "quota":
        limit_quota(cloud, 8)
    high = serve(cloud, common=common, limits=limits, label="high", priority=10, zones=ZONE)
    low = serve(cloud, common=common, limits=limits, label="low")
    together(5, high, low)
    refuse(cloud, high, 1)
    [number] = queue(cloud, 1, label="high")
    together(5, high, low)
    queue(cloud, 1, label="low")
    together(900, high, low, until=lambda: status_of(cloud, number) != "queued")
    assert status_of(cloud, number) == "in_progress"


def test_a_large_job_that_the_quota_never_holds_does_not_stop_others(cloud: Running, played: Played) -> None:
    """Its machine is larger than all that can become free: the other set, whose machines are small, got no new one as
    long as one of its machines had a job, though six more fit."""
    played.seconds = 100.0
    limit_quota(cloud, 14)
    common = common_of()
    high = serve(cloud, common=common, label="high", priority=10, types=("ecs.c7.4xlarge",), cpu="16")
    low = serve(cloud, common=common, label="low", types=("ecs.c7.large",), cpu="2")
    together(5, high, low)
    [long] = queue(cloud, 1, label="low")
    together(60, high, low)
    queue(cloud, 1, label="high")
    together(10, high, low)
    numbers = queue(cloud, 12, label="low")
    for _ in range(240):
        [job] = [one for one in jobs_of(cloud) if one.id == long]
        cloud.cloud.store.put(replace(job, started=cloud.wall.value))  # a long one
        together(10, high, low)
    assert conclusions(cloud, numbers) == ["success"] * 12


def test_idle_machines_that_do_not_help_are_not_counted_on(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A less important set's idle machines hold nothing of the spot quota (they cost the list price): they were given
    up in vain, jobs were accepted for their places again and again, also in the hour after that, and were cancelled."""
    played.idle = 1e9
    common = common_of()
    low = serve(cloud, common=common, label="low", on_demand_fallback=True, min_idle=2, life="8h")
    high = serve(cloud, common=common, label="high", priority=10)
    together(100, low, high)
    assert len(alive(cloud)) == 2
    monkeypatch.setattr("goldrun.serve.quota.free_vcpus", lambda *_, **__: 0.0)
    together(120, low, high)
    numbers = queue(cloud, 2, label="high")
    seen: set[str] = set()
    for _ in range(60):
        together(60, low, high, until=lambda: "cancelled" in conclusions(cloud, numbers))
        seen |= {one.id for one in machines_of(cloud, low)}
    assert conclusions(cloud, numbers) == ["queued"] * 2, len(seen)


def test_a_set_whose_steps_fail_is_not_counted_on(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The least important set's steps fail: its idle machine is not given up, the other set gives none because that
    one is first, and the more important job is cancelled."""
    from goldrun.errors import UnavailableError

    played.idle = 1e9
    common, limits = common_of(), Limits(max_runners=2)
    more: dict[str, Any] = {"common": common, "limits": limits, "life": "8h", "min_idle": 1}
    least = serve(cloud, label="least", **more)
    low = serve(cloud, label="low", priority=1, **more)
    high = serve(cloud, label="high", priority=10, **{**more, "min_idle": 0})
    together(100, least, low, high)
    assert len(alive(cloud)) == 2

    def fails() -> None:
        raise UnavailableError("the cloud does not answer")

    monkeypatch.setattr(least.worker, "_tick", fails)
    together(100, least, low, high)
    [number] = queue(cloud, 1, label="high")
    together(3000, least, low, high, until=lambda: status_of(cloud, number) in ("success", "cancelled"))
    assert status_of(cloud, number) == "success", high.said[-5:]


def test_a_machine_that_cannot_be_configured_holds_up_no_other(cloud: Running, played: Played) -> None:
    """Cloud Assistant refuses one machine's file: those after it in the order of ids get no configuration either, for
    the ten minutes until it is deleted as silent; and those that have theirs are not marked."""
    server = serve(cloud)
    together(5, server)
    refused: list[str] = []
    inner = server.worker.client._transport

    class One:
        def send(self, endpoint: Any, method: str, target: str, headers: Mapping[str, str], *rest: Any) -> Any:
            if headers.get("x-acs-action") == "SendFile" and any(one in target for one in refused):
                cloud.fault("error", "SendFile", times=1, code="InvalidParameter.Targets", status=400)
            return inner.send(endpoint, method, target, headers, *rest)

        def close(self) -> None:
            inner.close()

    server.worker.client._transport = One()
    queue(cloud, 3)
    together(5, server)
    refused += [one.id for one in alive(cloud)]
    together(200, server)
    assert len(refused) == 3
    queue(cloud, 8)
    together(400, server)
    assert sum(job.conclusion == "success" for job in jobs_of(cloud)) == 8, server.said[-4:]


def test_a_machine_that_cannot_be_deleted_holds_up_no_other(cloud: Running, played: Played) -> None:
    """A person protects an idle machine: those that were to be deleted after it were kept, it counted as one that waits
    for jobs, and the whole set took a step a minute."""
    server = serve(cloud, min_idle=3, max_runners=3)
    together(100, server)
    first = server.worker.roster.free_machines()[0].id
    protected = cloud.cloud.store.get(Instance, first)
    assert protected
    cloud.cloud.store.put(replace(protected, undeletable=True))
    server.worker.listener.close()
    other = serve(cloud, owner="two", max_runners=3)
    together(150, other)
    assert [one.id for one in alive(cloud)] == [first], other.said
    queue(cloud, 1)
    together(60, other)
    assert all_done(cloud), other.said
    assert any(first in words and "DeletionProtection" in words for words in other.said)
    cloud.cloud.store.put(replace(cloud.cloud.store.get(Instance, first) or protected, undeletable=False))
    together(100, other)
    assert not alive(cloud), "it is asked again"


def test_a_machine_whose_deletion_is_denied_stops_nothing_else(cloud: Running, played: Played) -> None:
    """Somebody has taken the tag from it on which the policy rests: access is denied, and it is listed all the same.
    That ended each look at the machines, and none was configured any more."""
    played.lingers = True
    server = serve(cloud)
    [number] = queue(cloud, 1)
    together(60, server, until=lambda: status_of(cloud, number) == "success")
    [first] = [one.id for one in alive(cloud)]
    inner = server.worker.client._transport

    class Denied:
        def send(self, endpoint: Any, method: str, target: str, headers: Mapping[str, str], *rest: Any) -> Any:
            if headers.get("x-acs-action") == "DeleteInstances" and first in target:
                cloud.fault("error", "DeleteInstances", times=1, code="Forbidden.RAM", status=403)
            return inner.send(endpoint, method, target, headers, *rest)

        def close(self) -> None:
            inner.close()

    server.worker.client._transport = Denied()
    together(300, server)
    played.lingers = False
    queue(cloud, 2)
    together(60, server, until=lambda: all_done(cloud))
    assert all_done(cloud), server.said[-5:]
    server.worker.client._transport = inner
    together(40, server)
    assert first not in [one.id for one in alive(cloud)], "it is asked again"


def test_the_pool_of_a_less_important_set_does_not_flap_under_a_quota_that_nobody_tells(
    cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quotas by instance family are not told: ECS refuses the more important set's eleventh machine. Each time one of
    its machines is replaced it asks for the others' pool anew: that is launched and deleted, for as long as there is a
    backlog, and jobs of the other set wait."""
    played.idle, played.seconds = 1e9, 200.0
    monkeypatch.setattr("goldrun.serve.quota.free_vcpus", lambda *_, **__: None)
    common = common_of()
    high = serve(cloud, common=common, label="high", priority=10)
    low = serve(cloud, common=common, label="low", min_idle=2, types=("ecs.g7.2xlarge",), life="8h")
    together(60, high, low)
    cap(cloud, high, 4, own=True)
    queue(cloud, 80, label="high")
    seen: set[str] = set()
    for _ in range(360):
        together(10, high, low)
        seen |= {one.id for one in machines_of(cloud, low)}
    assert len(seen) <= 6


def test_a_defect_in_one_set_stops_no_other(cloud: Running, played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """A more important set's step fails for a defect: what it asked for last is kept for it for ever."""
    played.idle, played.seconds = 1e9, 100.0
    common, limits = common_of(), Limits(max_runners=1)
    low = serve(cloud, common=common, limits=limits, label="low")
    high = serve(cloud, common=common, limits=limits, label="high", priority=10)
    together(5, low, high)
    queue(cloud, 1, label="low")
    together(30, low, high)
    queue(cloud, 1, label="high")
    together(5, low, high)

    def defect() -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(high.worker, "_tick", defect)
    [number] = queue(cloud, 1, label="low")
    for _ in range(2400):
        low.step()
        high.steps.listen()
        if int(cloud.wall.value) % 60 == 0:  # as Repeated does
            with pytest.raises(ValueError, match="a defect"):
                high.worker.tick()
        low.clock.sleep(1.0)
    assert status_of(cloud, number) == "success"


def test_three_failed_looks_at_the_quota_cancel_no_jobs(cloud: Running, played: Played) -> None:
    """Three times, ECS did not tell the quota for two minutes: each time all jobs that wait for it were accepted, and
    the third time GitHub cancelled them."""
    played.seconds = 3300.0
    limit_quota(cloud, 2 * 8)
    common = common_of()
    low = serve(cloud, common=common, label="low")
    high = serve(cloud, common=common, label="high", priority=10)
    together(5, low, high)
    queue(cloud, 2, label="low")
    together(60, low, high)
    numbers = queue(cloud, 6, label="high")
    together(60, low, high)
    armed = cloud.cloud.gateway.faults._armed
    for _ in range(3):
        cloud.fault("error", "DescribeAccountAttributes", times=None)
        together(120, low, high)
        armed.pop()
        together(900, low, high)
    assert "cancelled" not in conclusions(cloud, numbers), conclusions(cloud, numbers)


def test_a_place_that_two_equal_sets_leave_each_other_is_taken(cloud: Running, played: Played) -> None:
    """One of two equal sets lacks a machine of its pool, the other one a place for a job: each left the free place to
    the other, for ever, and the job did not run."""
    played.idle, played.seconds = 1e9, 100.0
    common, limits = common_of(), Limits(max_runners=2)
    pool = serve(cloud, common=common, limits=limits, label="pool", min_idle=2, life="8h")
    other = serve(cloud, common=common, limits=limits, label="other", life="8h")
    together(60, pool, other)
    assert len(alive(cloud)) == 2
    [number] = queue(cloud, 1, label="other")
    together(10, pool, other)
    queue(cloud, 1, label="pool")
    together(2400, pool, other, until=lambda: status_of(cloud, number) == "success")
    assert len(alive(cloud)) == 2 or status_of(cloud, number) == "success"
    assert status_of(cloud, number) == "success"


@pytest.mark.parametrize("pools", [4, 6])
def test_a_pool_leaves_an_equal_set_its_share(cloud: Running, played: Played, pools: int) -> None:
    """An equal set's pool fills [limits] max_runners: idle machines cost money for hours, and the other set's jobs do
    not run, though it has none of its share."""
    played.idle, played.seconds = 1e9, 100.0
    common, limits = common_of(), Limits(max_runners=4)
    pool = serve(cloud, common=common, limits=limits, label="pool", min_idle=pools, life="2h")
    other = serve(cloud, common=common, limits=limits, label="other", life="2h")
    together(60, pool, other)
    assert len(alive(cloud)) == 4
    [number] = queue(cloud, 1, label="other")
    for _ in range(200):
        together(60, pool, other, until=lambda: status_of(cloud, number) == "success", pace=4)
    assert status_of(cloud, number) == "success"
