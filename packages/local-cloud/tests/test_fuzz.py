"""A few of the requests of ``make fuzz``, the same ones every time; and that it sees what it looks for."""

from __future__ import annotations

import pytest
from benchmarks import fuzz

from local_cloud.github import requests
from local_cloud.store import Store


def test_no_request_crashes_the_server() -> None:
    outcome = fuzz.in_process(3000, 1)
    assert outcome.failures == []
    assert sum(outcome.statuses.values()) == 3000
    # Most must be let in, or nothing is tried behind the checks.
    assert outcome.statuses[200] > 600
    assert outcome.statuses.keys() >= {201, 204, 400, 401, 403, 404, 422}


def test_no_request_over_a_socket_crashes_the_server() -> None:
    outcome = fuzz.over_sockets(600, 1)
    assert outcome.failures == []
    assert sum(outcome.statuses.values()) == 600


def test_the_fuzzer_detects_a_planted_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_number", lambda text: int(text or "30"))
    outcome = fuzz.in_process(6000, 3)
    assert any("invalid literal for int()" in one for one in outcome.failures)
    assert outcome.statuses[500]


def test_the_benchmark_detects_a_planted_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    close = Store.close

    def forgetful(store: Store) -> None:
        store.clear()
        close(store)

    monkeypatch.setattr(Store, "close", forgetful)
    assert any("after opening anew: lost" in one for one in fuzz.in_process(10, 1).failures)
