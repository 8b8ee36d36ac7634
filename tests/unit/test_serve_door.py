"""Metrics and states of ``goldrun serve``: what they say, and to whom."""

from __future__ import annotations

import http.client
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from goldrun.errors import UsageError
from goldrun.github.scale_sets import JobEvent
from goldrun.serve.door import Address, open_door, parse_address
from goldrun.serve.metrics import STUCK_SECONDS, Metrics
from goldrun.serve.observer import State
from tests.conftest import FakeClock, Wall
from tests.simulation.serving import wanted_set

SET = {"set": "ubuntu-spot", "scope": "octo-org/octo-repo"}


def ask(port: int, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def door(token: str = "", **given: Any) -> int:
    whole = {"metrics": lambda: b"goldrun_leader 1\n", "healthy": list, "ready": list, **given}
    return open_door(Address("127.0.0.1", 0), token, **whole)


def event(kind: str, result: str = "", waited: float = 0.0) -> JobEvent:
    return JobEvent(kind, 1, "octo-org/octo-repo", "test", "", 1, "push", (), "r", result, waited)


def test_the_states_say_what_is_wrong() -> None:
    wrong: list[str] = []
    port = door(healthy=lambda: wrong, ready=lambda: ["spot"])
    assert ask(port, "/healthz") == (200, "ok\n")
    wrong.append("ubuntu-spot")
    assert ask(port, "/healthz") == (503, "ubuntu-spot\n")
    assert ask(port, "/readyz") == (503, "spot\n")
    assert ask(port, "/")[0] == 404
    assert ask(port, "/metrics/../etc")[0] == 404


def test_a_web_page_with_a_name_of_its_own_learns_nothing() -> None:
    port = door()
    for name in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", ""):
        assert ask(port, "/metrics", host=name)[0] == 403
    for name in ("localhost", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert ask(port, "/metrics", host=name)[0] == 200


def test_metrics_need_the_token() -> None:
    port = door(token="a-token")
    assert ask(port, "/metrics")[0] == 401
    assert ask(port, "/metrics", authorization="Bearer another")[0] == 401
    assert ask(port, "/metrics", authorization="Bearer a-token") == (200, "goldrun_leader 1\n")
    assert ask(port, "/healthz")[0] == 200


def test_an_address_that_others_reach_needs_a_token() -> None:
    with pytest.raises(UsageError, match="need a token: others reach that address"):
        open_door(Address("0.0.0.0", 0), "", bytes, list, list)
    port = open_door(Address("0.0.0.0", 0), "a-token", lambda: b"", list, list)
    assert ask(port, "/metrics", host="server.example", authorization="Bearer a-token")[0] == 200


def test_an_address_that_is_taken_is_told() -> None:
    with pytest.raises(UsageError, match="cannot be listened on"):
        open_door(Address("127.0.0.1", door()), "", bytes, list, list)


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:1", ("::1", 1)), ("localhost:0", ("localhost", 0))],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "9464", ":9464", "host", "host:", "host:x", "host:99999", "host:-1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="is not an address"):
        parse_address(text)


def test_prometheus_reads_what_is_counted() -> None:
    metrics, wanted = Metrics(FakeClock(Wall(1000.0))), wanted_set()
    metrics.begun(wanted)
    metrics.state(wanted, State(leads=True, waiting=3, running=2, starting=1, idle=4, busy=2, stopped=5))
    metrics.job_started(wanted, event("JobStarted", waited=42.0))
    metrics.job_completed(wanted, event("JobCompleted", "succeeded"))
    metrics.launched(wanted, 5)
    metrics.refused(wanted, "OperationDenied.NoStock")
    metrics.reclaimed(wanted, "ecs.c7.2xlarge", "cn-hangzhou-k")
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float:
        return found[f"goldrun_{name}", tuple(sorted({**SET, **labels}.items()))]

    assert value("leader") == 1
    assert [value("jobs", state=one) for one in ("waiting", "running")] == [3, 2]
    assert [value("machines", state=one) for one in ("starting", "idle", "busy")] == [1, 4, 2]
    assert value("jobs_completed_total", repository="octo-org/octo-repo", result="succeeded") == 1
    assert value("machines_launched_total") == 5
    assert value("launches_refused_total", reason="OperationDenied.NoStock") == 1
    assert value("machines_reclaimed_total", type="ecs.c7.2xlarge", zone="cn-hangzhou-k") == 1
    assert (value("job_wait_seconds_sum"), value("job_wait_seconds_bucket", le="45.0")) == (42, 1)
    assert value("job_wait_seconds_bucket", le="30.0") == 0


def test_a_worker_that_does_nothing_for_minutes_is_stuck() -> None:
    wall, wanted = Wall(1000.0), wanted_set()
    metrics = Metrics(FakeClock(wall))
    metrics.begun(wanted)
    wall.value += STUCK_SECONDS
    assert metrics.stuck() == []
    wall.value += 1
    assert metrics.stuck() == ["ubuntu-spot"]
    metrics.state(wanted, State(leads=False, waiting=0, running=0, starting=0, idle=0, busy=0, stopped=0))
    assert metrics.stuck() == []
    wall.value += STUCK_SECONDS + 1
    metrics.ended(wanted)
    assert metrics.stuck() == [], "it is not served any more"
