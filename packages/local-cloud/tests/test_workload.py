"""``goldrun local workload``: when its jobs are queued."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from local_cloud.cli.workload import BURSTS, moments


def test_bursts_come_together() -> None:
    found = Counter(moments("bursts", 500, 300.0))
    assert list(found) == [60.0 * number for number in range(BURSTS)]
    assert set(found.values()) == {100}


def test_a_steady_load_is_spread_evenly() -> None:
    assert list(moments("steady", 4, 8.0)) == [0.0, 2.0, 4.0, 6.0]


def test_a_ramp_becomes_denser() -> None:
    found = list(moments("ramp", 100, 100.0))
    gaps = [later - sooner for sooner, later in pairwise(found)]
    assert gaps == sorted(gaps, reverse=True)
    assert found[-1] < 100.0


@pytest.mark.parametrize("shape", ["bursts", "steady", "ramp"])
def test_every_job_comes_in_its_time(shape: str) -> None:
    found = list(moments(shape, 37, 60.0))
    assert len(found) == 37
    assert found == sorted(found)
    assert found[0] >= 0.0
    assert found[-1] < 60.0
