"""What ``goldrun serve`` records: for Prometheus, for OpenTelemetry, and in its log."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tools.house import ROOT

from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import Instance
from goldrun.github.scale_sets import JobEvent
from goldrun.http.endpoint import Endpoint
from goldrun.http.http1 import Answer
from goldrun.serve.counted import CountedTransport
from goldrun.serve.instruments import INSTRUMENTS
from goldrun.serve.log import failed, json_lines, said
from goldrun.serve.metrics import Metrics
from goldrun.serve.observer import Observer, State
from goldrun.serve.recorder import STUCK_SECONDS, Recorder
from tests.simulation.serving import scale_set_spec
from tests.virtual_time import FakeClock, Wall

_MACHINE: dict[str, Any] = {
    **dict.fromkeys(("id", "name", "type", "zone", "image_id", "private_ip", "public_ip"), ""),
    "status": "Running",
    "created": 0.0,
    "released": None,
    "spot": True,
    "limit": 0.0,
    "reclaimed": False,
    "saves": False,
    "tags": {},
}
KINDS = {
    f"goldrun_{name}{suffix}": one.kind for name, one in INSTRUMENTS.items() for suffix in ("", "_total", "_created")
}
SET = {"set": "ubuntu-spot", "scope": "octo-org/octo-repo"}


def event(kind: str, result: str = "", waited: float = 0.0) -> JobEvent:
    return JobEvent(
        kind,
        1,
        "octo-org/octo-repo",
        "test",
        "octo-org/octo-repo/.github/workflows/ci.yml@refs/heads/main",
        1,
        "push",
        (),
        "r",
        result,
        queued=100.0,
        started=100.0 + waited if waited else 0.0,
    )


def test_prometheus_reads_what_is_counted() -> None:
    metrics, spec = Metrics(), scale_set_spec()
    recorder = Recorder(FakeClock(Wall(1000.0)), [metrics])
    recorder.begun(spec)
    recorder.state(spec, State(leads=True, waiting=3, running=2, starting=1, idle=4, busy=2, stopped=5))
    recorder.job_started(spec, event("JobStarted", waited=42.0))
    recorder.job_completed(spec, event("JobCompleted", "succeeded"))
    recorder.launched(spec, [f"i-{number}" for number in range(5)])
    recorder.configured(spec, Instance(**{**_MACHINE, "id": "i-1"}))
    recorder.configured(spec, Instance(**{**_MACHINE, "id": "i-another-servers"}))
    recorder.refused(spec, "OperationDenied.NoStock")
    recorder.reclaimed(spec, "ecs.c7.2xlarge", "cn-hangzhou-k")
    recorder.cost(spec, event("JobStarted"), 0.25)
    recorder.cost(spec, None, 0.5)
    recorder.called("aliyun", "RunInstances", "throttled")
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float:
        return found[f"goldrun_{name}", tuple(sorted({**SET, **labels}.items()))]

    assert value("leader") == 1
    assert [value("jobs", state=one) for one in ("waiting", "running")] == [3, 2]
    assert [value("machines", state=one) for one in ("starting", "idle", "busy", "stopped")] == [1, 4, 2, 5]
    assert value("jobs_completed_total", repository="octo-org/octo-repo", result="succeeded") == 1
    assert value("machines_launched_total") == 5
    assert value("launches_refused_total", reason="OperationDenied.NoStock") == 1
    assert value("machines_reclaimed_total", type="ecs.c7.2xlarge", zone="cn-hangzhou-k") == 1
    assert (value("job_wait_seconds_sum"), value("job_wait_seconds_bucket", le="45.0")) == (42, 1)
    assert value("job_wait_seconds_bucket", le="30.0") == 0
    assert value("boot_seconds_count") == 1, "of a machine whose launch was seen"
    workflow = {"repository": "octo-org/octo-repo", "workflow": "ci.yml"}
    assert (value("cost_total", **workflow), value("idle_cost_total")) == (0.25, 0.5)
    calls = (("api", "aliyun"), ("call", "RunInstances"), ("result", "throttled"))
    assert found["goldrun_api_calls_total", calls] == 1


def test_a_worker_that_does_nothing_for_minutes_is_stuck() -> None:
    wall, spec = Wall(1000.0), scale_set_spec()
    recorder = Recorder(FakeClock(wall), [])
    recorder.begun(spec)
    wall.value += STUCK_SECONDS
    assert recorder.stuck() == []
    wall.value += 1
    assert recorder.stuck() == ["ubuntu-spot"]
    recorder.state(spec, State(leads=False, waiting=0, running=0, starting=0, idle=0, busy=0, stopped=0))
    assert recorder.stuck() == []
    wall.value += STUCK_SECONDS + 1
    recorder.ended(spec)
    assert recorder.stuck() == [], "it is not served any more"


def test_of_a_set_that_is_gone_no_gauge_is_left() -> None:
    """The last tick of one that was removed stood still, and raised an alarm until the server was restarted."""
    metrics, spec = Metrics(), scale_set_spec()
    recorder, other = Recorder(FakeClock(Wall(1000.0)), [metrics]), scale_set_spec("another")
    for one in (spec, other):
        recorder.begun(one)
        recorder.state(one, State(leads=True, waiting=3, running=2, starting=1, idle=4, busy=2, stopped=5))
        recorder.budget(one, 5.0)
        recorder.launched(one, ["i-1"])
    recorder.ended(spec)
    recorder.left(spec)
    samples = [one for family in text_string_to_metric_families(metrics.text().decode()) for one in family.samples]
    sets = {kind: {one.labels["set"] for one in samples if KINDS[one.name] == kind} for kind in ("gauge", "counter")}
    assert sets == {"gauge": {"another"}, "counter": {"another", "ubuntu-spot"}}
    changed = scale_set_spec("another", min_idle=3)
    recorder.state(changed, State(leads=True, waiting=0, running=0, starting=0, idle=0, busy=0, stopped=0))
    recorder.left(other)
    found = [one for family in text_string_to_metric_families(metrics.text().decode()) for one in family.samples]
    assert {one.name for one in found if KINDS[one.name] == "gauge"} >= {"goldrun_leader", "goldrun_jobs"}
    assert "goldrun_budget_left" not in {one.name for one in found}


class Calls(Observer):
    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []

    def called(self, api: str, call: str, result: str) -> None:
        self.told.append((api, call, result))


class Answers:
    """A transport that answers what it was told to."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def send(self, *_: Any, **__: Any) -> Answer:
        return self.answers.pop(0)

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("target", "headers", "answer", "told"),
    [
        ("/?a=b", {"x-acs-action": "RunInstances"}, Answer(200, "", b"{}"), ("aliyun", "RunInstances", "ok")),
        (
            "/",
            {"x-acs-action": "RunInstances"},
            Answer(400, "", b'{"Code":"Throttling.User"}'),
            ("aliyun", "RunInstances", "throttled"),
        ),
        ("/", {"x-acs-action": "StopInstances"}, Answer(403, "", b"{}"), ("aliyun", "StopInstances", "refused")),
        (
            "/api/v3/repos/octo-org/octo-repo/actions/runs/77/jobs?page=1",
            {},
            Answer(502, "", b""),
            ("github", "GET /api/v3/repos/…/actions/runs/…/jobs", "failed"),
        ),
        (
            "/api/v3/orgs/octo-org/actions/runners/5",
            {},
            Answer(403, "", b"", {"x-ratelimit-remaining": "0"}),
            ("github", "GET /api/v3/orgs/…/actions/runners/…", "throttled"),
        ),
        (
            "/message?sessionId=6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            {},
            Answer(202, "", b""),
            ("github", "GET /message", "ok"),
        ),
    ],
)
def test_requests_are_counted_by_what_they_ask(
    target: str, headers: dict[str, str], answer: Answer, told: tuple[str, str, str]
) -> None:
    calls = Calls()
    transport = CountedTransport(Answers(answer), calls)
    transport.send(Endpoint("https", "host", 443), "GET", target, headers, 1.0)
    assert calls.told == [told]


def test_a_line_of_the_log_has_the_facts_and_the_request_id() -> None:
    lines: list[str] = []
    report = json_lines(lines.append, FakeClock(Wall(1_795_424_400.0)))
    report("plain")
    report(said("done", set="spot", run=7, reason=""))
    error = ApiError(
        "ECS refused.", code="QuotaExceed.ElasticQuota", http_status=403, action="RunInstances", request_id="473469C7"
    )
    report(failed("refused", error, set="spot"))
    first, second, third = (json.loads(line) for line in lines)
    assert first == {"time": "2026-11-23T09:00:00Z", "message": "plain"}
    assert {**second, "time": ""} == {"time": "", "message": "done", "set": "spot", "run": 7}
    assert (third["request_id"], third["code"]) == ("473469C7", "QuotaExceed.ElasticQuota")


EXAMPLES = ROOT / "examples/serve"
_METRIC = re.compile(r"goldrun_([a-z_]+)")


def base(name: str) -> str:
    """The instrument of a metric's name in Prometheus."""
    for end in ("_total", "_bucket", "_sum", "_count"):
        if name.removesuffix(end) in INSTRUMENTS and name != name.removesuffix(end):
            kind = INSTRUMENTS[name.removesuffix(end)].kind
            assert (end == "_total") == (kind == "counter"), name
            return name.removesuffix(end)
    assert name in INSTRUMENTS, name
    assert INSTRUMENTS[name].kind == "gauge", name
    return name


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    board = json.loads((EXAMPLES / "grafana-dashboard.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    shown = {base(name) for query in queries for name in _METRIC.findall(query)}
    assert shown == set(INSTRUMENTS)


def test_the_alerts_are_about_what_is_measured() -> None:
    groups = yaml.safe_load((EXAMPLES / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["alert"] for rule in rules} == {
        "GoldrunJobsWait",
        "GoldrunNoServer",
        "GoldrunMachineTooOld",
        "GoldrunBudgetUsedUp",
        "GoldrunRunnerVersionEnds",
        "GoldrunThrottled",
    }
    for rule in rules:
        names = [base(name) for name in _METRIC.findall(rule["expr"])]
        assert names
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_the_docs_name_every_metric() -> None:
    for page in ("serve.md", "serve.zh-CN.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        for name in INSTRUMENTS:
            assert f"`goldrun_{name}" in text, name
