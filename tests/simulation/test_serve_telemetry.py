"""Traces and metrics of ``goldrun serve``, as a collector receives them: over HTTP, by OpenTelemetry's own SDK."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from benchmarks.collector import Received, collecting
from msgspec.structs import replace

from goldrun.serve.recorder import Recorder
from goldrun.serve.telemetry import Telemetry
from tests.conftest import Running
from tests.simulation.played import play
from tests.simulation.serving import all_done, jobs_of, machines, queue, serve, with_image
from tests.virtual_time import FakeClock


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    with collecting() as (address, received):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        yield received


def traces(received: Received) -> dict[bytes, list[Any]]:
    """The spans by trace."""
    found: dict[bytes, list[Any]] = defaultdict(list)
    for span in received.spans:
        found[span.trace_id].append(span)
    return found


@pytest.fixture
def cloud(frozen: Running) -> Running:
    return with_image(frozen)


def run(cloud: Running, conclusion: str = "success", **profile: Any) -> None:
    played = play(cloud)
    played.conclusion = conclusion
    telemetry = Telemetry("here", lambda _: None)
    server = serve(cloud, observer=Recorder(FakeClock(cloud.wall), [telemetry], telemetry), **profile)
    server.run(60)
    queue(cloud, 2)
    server.run(400, until=lambda: all_done(cloud))
    server.run(100, until=lambda: len(machines(cloud)) == profile.get("min_idle", 0))
    server.run(40)
    telemetry.close()


def test_one_trace_for_each_job_from_queued_to_gone(cloud: Running, collector: Received) -> None:
    run(cloud)
    assert len(traces(collector)) == 2
    assert {"goldrun", "here"} <= collector.resources
    for spans in traces(collector).values():
        (root,) = [span for span in spans if not span.parent_span_id]
        steps = sorted((span for span in spans if span.parent_span_id), key=lambda span: span.start_time_unix_nano)
        names = [step.name for step in steps]
        order = ["queued", "launch", "boot", "connect", "run", "delete"]
        assert names == [name for name in order if name in names], "what took no time is left out"
        assert {"boot", "run"} <= set(names)
        (boot,) = [step for step in steps if step.name == "boot"]
        assert boot.end_time_unix_nano - boot.start_time_unix_nano < 45e9, "not by the minute, as ECS tells it"
        assert all(step.parent_span_id == root.span_id for step in steps)
        assert steps[0].start_time_unix_nano == root.start_time_unix_nano
        assert steps[-1].end_time_unix_nano == root.end_time_unix_nano
        for one, following in pairwise(steps):
            assert one.end_time_unix_nano == following.start_time_unix_nano, "without a gap"
        facts = {one.key: one.value.string_value for one in root.attributes}
        assert (facts["vcs.repository.name"], facts["cicd.pipeline.name"]) == ("octo-org/octo-repo", "ci.yml")
        assert facts["host.id"] in {job.runner_name.removeprefix("ubuntu-spot-") for job in jobs_of(cloud)}
        assert root.status.code != 2
        (ran,) = [step for step in steps if step.name == "run"]
        assert 29e9 <= ran.end_time_unix_nano - ran.start_time_unix_nano <= 35e9


def test_a_job_that_an_idle_runner_takes_has_no_boot(cloud: Running, collector: Received) -> None:
    run(cloud, min_idle=2)
    for spans in traces(collector).values():
        assert {"launch", "boot"} & {span.name for span in spans} == set()


def test_a_failed_job_is_an_error(cloud: Running, collector: Received) -> None:
    run(cloud, conclusion="failure")
    roots = [span for spans in traces(collector).values() for span in spans if not span.parent_span_id]
    assert [root.status.code for root in roots] == [2, 2]


def test_a_job_whose_machine_is_reclaimed_has_a_trace_too(
    cloud: Running, collector: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub notices minutes after the machine is gone. Such jobs had no trace, and were kept for ever: after as many
    as are kept no job had one."""
    monkeypatch.setattr("goldrun.serve.telemetry.KEPT", 2)
    played = play(cloud)
    played.seconds = 60.0
    telemetry = Telemetry("here", lambda _: None)
    server = serve(cloud, observer=Recorder(FakeClock(cloud.wall), [telemetry], telemetry), max_runners=1)
    for _ in range(3):
        queue(cloud, 1)
        server.run(100, until=lambda: any(job.status == "in_progress" for job in jobs_of(cloud)))
        server.run(3)
        for machine in machines(cloud):
            cloud.cloud.store.put(replace(machine, reclaimed=cloud.cloud.clock.now()))
        server.run(600, until=lambda: all_done(cloud))
    server.run(300, until=lambda: all_done(cloud) and not machines(cloud))
    telemetry.close()
    roots = [span for spans in traces(collector).values() for span in spans if not span.parent_span_id]
    assert sum(root.status.code == 2 for root in roots) == 3
    assert len(roots) == len([job for job in jobs_of(cloud) if job.conclusion])


def test_the_metrics_are_those_of_prometheus(cloud: Running, collector: Received) -> None:
    run(cloud)
    names = {
        "goldrun_jobs",
        "goldrun_machines",
        "goldrun_job_wait_seconds",
        "goldrun_cost",
        "goldrun_machines_launched",
    }
    assert names <= collector.metrics.keys()
    (launched,) = collector.metrics["goldrun_machines_launched"].sum.data_points
    assert {one.key for one in launched.attributes} == {"set", "scope"}
    (waits,) = collector.metrics["goldrun_job_wait_seconds"].histogram.data_points
    assert waits.count == 2
    assert 60.0 in waits.explicit_bounds


def test_a_gauge_that_is_forgotten_is_not_sent_any_more(collector: Received) -> None:
    telemetry = Telemetry("here", lambda _: None)
    for name in ("gone", "there"):
        telemetry.put("leader", 1.0, {"set": name, "scope": "octo-org"})
    telemetry._meters.force_flush()
    assert len(collector.metrics["goldrun_leader"].gauge.data_points) == 2
    telemetry.forget("leader", {"set": "gone", "scope": "octo-org"})
    telemetry.close()
    (point,) = collector.metrics["goldrun_leader"].gauge.data_points
    assert "there" in {one.value.string_value for one in point.attributes}


def test_a_collector_that_does_not_answer_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    said: list[str] = []
    telemetry = Telemetry("here", said.append)
    telemetry.put("leader", 1.0, {"set": "spot", "scope": "octo-org"})
    telemetry.close()
    assert said
    assert all(words.startswith("OpenTelemetry: ") for words in said)
    assert len(said) <= 3
