"""Time is the cloud's: what this machine's clock shows decides nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from goldrun import sweep
from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import describe_instances
from goldrun.cost import billed_days, running_costs
from goldrun.http.transport import HttpTransport
from goldrun.launch.acquire import acquire
from goldrun.launch.heartbeat import silence
from goldrun.launch.lifetime import prolong, with_release_time
from goldrun.launch.release import release
from local_cloud.clock import iso
from local_cloud.records import Instance
from tests.conftest import Running
from tests.simulation.test_launch import launch_settings, set_market
from tests.virtual_time import FakeClock, Wall


class WrongClock(FakeClock):
    """The clock of a machine that is wrong by some seconds."""

    def __init__(self, wall: Wall, off: float) -> None:
        super().__init__(wall)
        self.off = off

    def now(self) -> float:
        return super().now() + self.off


def wrong_client(running: Running, off: float) -> tuple[EcsClient, WrongClock]:
    clock = WrongClock(running.wall, off)
    running.transports.append(HttpTransport({}, clock))
    return running.client(clock=clock, transport=running.transports[-1]), clock


HOUR = 3600.0


@pytest.mark.parametrize("off", [-30 * 24 * HOUR, -5 * HOUR, -600.0, 600.0, 5 * HOUR, 30 * 24 * HOUR])
def test_a_wrong_local_clock_changes_no_launch_cost_or_sweep(frozen: Running, off: float) -> None:
    """Launches failed, costs were negative and ages those of another day."""
    set_market(frozen)
    client, _ = wrong_client(frozen, off)
    (made,) = acquire(client, launch_settings(frozen, life=HOUR))
    (alive,) = frozen.cloud.store.all(Instance)
    assert 0 <= alive.auto_release - frozen.wall.value - HOUR <= 60
    frozen.wall.value += 1800
    (cost,) = running_costs(client)
    assert cost.price is not None
    assert cost.so_far == pytest.approx(cost.price / 2, rel=0.05)
    assert [day.date for day in billed_days(client, 1)] == ["2026-11-18"]
    assert sweep.find(client) == []
    prolong(client, made.ids[0], 2 * HOUR)
    (alive,) = frozen.cloud.store.all(Instance)
    assert 0 <= alive.auto_release - frozen.wall.value - 2 * HOUR <= 60


def test_a_clock_that_is_set_while_goldrun_runs_is_noticed(frozen: Running) -> None:
    set_market(frozen)
    client, clock = wrong_client(frozen, 0.0)
    (made,) = acquire(client, launch_settings(frozen))
    for off in (-8 * HOUR, 8 * HOUR, 0.0):
        clock.off = off
        (found,) = describe_instances(client, ids=made.ids)
        assert abs(client.clock.now() - frozen.wall.value) <= 2
        assert client.clock.now() >= found.created
    release(client, made.ids)
    assert describe_instances(client, ids=made.ids) == []


def test_a_signature_that_seems_old_is_made_again_once_with_the_clouds_time(frozen: Running) -> None:
    client, _ = wrong_client(frozen, -HOUR)
    client.call("DescribeRegions")
    assert client.calls == 2
    client.call("DescribeRegions")
    assert client.calls == 3  # it is known by now


def test_a_new_instances_age_and_cost_are_not_negative(frozen: Running) -> None:
    set_market(frozen)
    for step in range(20):
        frozen.wall.value += 0.37
        client = frozen.client()
        (made,) = acquire(client, launch_settings(frozen, key=str(step)))
        assert all(one.so_far is not None and one.so_far >= 0 for one in running_costs(client))
        release(client, made.ids)


def test_a_release_time_is_still_far_enough_ahead_when_its_call_was_throttled_for_minutes(frozen: Running) -> None:
    """Half an hour ahead when it was reckoned, 27 minutes when the call got through: it was refused."""
    set_market(frozen)
    moments: list[str] = []
    client = frozen.client(timeout=600.0)

    def call(moment: str) -> str:
        moments.append(moment)
        if len(moments) == 1:
            frozen.fault("throttle", "ModifyInstanceAutoReleaseTime", times=20)
        client.call("ModifyInstanceAutoReleaseTime", {"InstanceId": made.ids[0], "AutoReleaseTime": moment})
        return moment

    (made,) = acquire(client, launch_settings(frozen))
    assert with_release_time(client, 1800.0, call) == moments[-1]
    assert len(moments) == 2


def test_fast_time_breaks_nothing() -> None:
    """As `make bench-time`, for some seconds: launches failed 3.6 minutes after `local up --speed 60`."""
    command = [sys.executable, "-m", "benchmarks.fast_time", "--seconds", "3", "--speed", "120"]
    ran = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "\n0 failed; lowest cost 0; 0 instances left" in ran.stdout


def test_a_process_starved_of_cpu_is_not_stale_when_time_runs_fast(frozen: Running) -> None:
    """At 600 times the speed, a second without a processor was ten minutes without a heartbeat."""
    set_market(frozen)
    client = frozen.client()
    frozen.cloud.clock.set_speed(600.0)
    beating = {"Heartbeat": iso(frozen.cloud.clock.now()), "Role": "builder"}
    (made,) = acquire(client, launch_settings(frozen, tags=beating, life=48 * HOUR))
    frozen.wall.value += 5.0
    (found,) = describe_instances(client, ids=made.ids)
    assert client.clock.now() - found.created > 2900
    assert silence(found, client.clock) < 10
    assert sweep.find(client) == []
