"""``--debug`` and GOLDRUN_DEBUG: every request, retry and pause in a line, and nothing secret in any of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldrun import config, stdio
from goldrun.cloud import client as clouds
from goldrun.cloud.oidc import find_oidc
from goldrun.errors import UnavailableError
from goldrun.github import connection as githubs
from goldrun.http.endpoint import Endpoint, parse_endpoint
from goldrun.http.errors import UnreachableError
from goldrun.http.http1 import Answer
from goldrun.http.trace import MASK, Trace
from local_cloud.records import Instance
from tests.commands import Goldrun
from tests.conftest import NOW, QUICK, Running
from tests.virtual_time import FakeClock, Wall

SECRET = "planted-s3cret-value"
NAME = "github-runner-ubuntu24-amd64-latest"
ROOT = Path(__file__).parents[2]
ID = "[A-Z0-9-]{20,36}"
WHAT = r"(?:[A-Z]\w+ cn-[a-z0-9-]+|(?:GET|POST|DELETE) /[\w./-]+)"
LINE = re.compile(
    rf"debug: (?:127\.0\.0\.1:\d+ {WHAT} \d{{3}}(?: [A-Z][\w.]+)? \d+ ms {ID}"
    r"|retry: .* Trying again in \d+\.\d s\.|pause \d+\.\d\d s)"
)


def debug_lines(stderr: str) -> list[str]:
    """The lines of a trace, each of which has the documented form."""
    lines = [line for line in stderr.splitlines() if line.startswith("debug: ")]
    for line in lines:
        assert LINE.fullmatch(line), line
    return lines


@pytest.fixture
def populated(populated: Running) -> Running:
    populated.cloud.store.remove(*populated.cloud.store.all(Instance))
    return populated.always_in_stock(speed=20, **QUICK)


@pytest.fixture
def env(populated: Running, env: dict[str, str]) -> dict[str, str]:
    return env | populated.github()


def test_the_command_line_shows_each_call(goldrun: Goldrun, populated: Running) -> None:
    quiet = goldrun("image", "id", NAME)
    assert quiet.stderr == ""
    shown = goldrun("--debug", "image", "id", NAME)
    assert shown.stdout == quiet.stdout
    (line,) = debug_lines(shown.stderr)
    assert f"127.0.0.1:{populated.port} DescribeImages cn-hangzhou 200 " in line
    assert "\x1b" not in shown.stderr


def test_failures_and_retries_are_traced(goldrun: Goldrun, populated: Running) -> None:
    populated.fault("throttle", times=1)
    lines = debug_lines(goldrun("-q", "image", "id", NAME, GOLDRUN_DEBUG="1").stderr)
    assert "400 Throttling" in lines[0]
    assert lines[1].startswith("debug: retry: DescribeImages was answered with Throttling")
    assert lines[2].startswith("debug: pause 0.")
    assert " 200 " in lines[3]
    denied = goldrun("--debug", "image", "id", NAME, code=3, ALIBABA_CLOUD_ACCESS_KEY_SECRET=SECRET)
    assert " SignatureDoesNotMatch " in debug_lines(denied.stderr)[0]


def test_a_runners_start_shows_both_sides_and_no_configuration(goldrun: Goldrun) -> None:
    words = ("runner", "up", "--repo", "octo-org/octo-repo", "--image", NAME, "--type", "ecs.c7.2xlarge")
    stderr = goldrun("--debug", *words, ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME="self-destruct").stderr
    lines = debug_lines(stderr)
    for part in ("RunInstances", "SendFile", "POST /_github/api/v3/repos/octo-org/octo-repo/actions/runners", "pause"):
        assert any(part in line for line in lines), part


def test_the_script_still_ends_with_the_id(env: dict[str, str], tmp_path: Path) -> None:
    """Workflows take `… 2>&1 | tail -1`."""
    script = str(ROOT / ".github/scripts/create-spot-instance.py")
    wanted = {"ALIYUN_IMAGE_ID": "m-localnewamd64", "USER_DATA": f"#!/bin/sh\nlogin --password {SECRET}\n"}
    done = subprocess.run(
        [sys.executable, "-I", script],
        env={**env, "GOLDRUN_DEBUG": "1", **wanted},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert not [one for one in (SECRET, *config.secrets_in(env)) if one in done.stdout]
    assert any(" RunInstances " in line for line in debug_lines(done.stdout))
    assert re.fullmatch(r"i-\w+", done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, False),
        ({"GOLDRUN_DEBUG": ""}, False),
        ({"GOLDRUN_DEBUG": "1"}, True),
        ({"GOLDRUN_DEBUG": "true"}, True),
        ({"RUNNER_DEBUG": "1"}, True),
        ({"GOLDRUN_DEBUG": "0", "RUNNER_DEBUG": "1"}, False),
        ({"GOLDRUN_DEBUG": "False"}, False),
    ],
)
def test_callers_of_identity_tokens(env: dict[str, str], wanted: bool) -> None:
    assert (stdio.trace(env) is not None) is wanted
    assert stdio.trace(env, wanted=True) is not None


class Wire:
    """A transport that gives the same answer to everything."""

    def __init__(self, answer: Answer | UnavailableError) -> None:
        self.answer = answer

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes = b"",
    ) -> Answer:
        if isinstance(self.answer, Answer):
            return self.answer
        raise self.answer

    def close(self) -> None:
        pass


ENDPOINT = parse_endpoint("https://ecs.cn-hangzhou.aliyuncs.com")
WORDS = st.sampled_from([SECRET, f"x{SECRET}", "x"])


def through(
    trace: Trace, answer: Answer | UnavailableError, target: str, headers: Mapping[str, str], content: bytes
) -> None:
    clock = FakeClock(Wall(NOW))
    trace.transport(Wire(answer), clock).send(ENDPOINT, "POST", target, headers, NOW + 1, content)


@given(
    parameter=WORDS,
    authorization=WORDS,
    token=WORDS,
    content=WORDS,
    field=WORDS,
    header=WORDS,
    status=st.sampled_from([200, 204, 400, 403, 500]),
)
def test_a_secret_in_any_other_field_is_never_read(
    parameter: str, authorization: str, token: str, content: str, field: str, header: str, status: int
) -> None:
    lines: list[str] = []
    body = json.dumps({"Code": "Forbidden.RAM", "Message": field, "AccessKeySecret": field}).encode()
    through(
        Trace(lines.append),
        Answer(status, "application/json", body, {"x-acs-request-id": "ID", "set-cookie": header, "location": header}),
        f"/?UserData={parameter}&RegionId=cn-beijing&Signature={parameter}",
        {"x-acs-action": "RunInstances", "authorization": authorization, "x-acs-security-token": token},
        content.encode(),
    )
    code = " Forbidden.RAM" if status >= 400 else ""
    assert lines == [f"ecs.cn-hangzhou.aliyuncs.com RunInstances cn-beijing {status}{code} 0 ms ID"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"Message": "x"}', b"\xff"])
def test_an_answer_without_a_code(body: bytes) -> None:
    lines: list[str] = []
    through(Trace(lines.append), Answer(502, "text/html", body), f"/a/b?token={SECRET}", {}, b"")
    assert lines == ["ecs.cn-hangzhou.aliyuncs.com POST /a/b 502 0 ms"]


def test_no_answer() -> None:
    lines: list[str] = []
    with pytest.raises(UnreachableError):
        through(Trace(lines.append), UnreachableError("x broke."), "/", {"x-acs-action": "DescribeImages"}, b"")
    assert lines == ["ecs.cn-hangzhou.aliyuncs.com DescribeImages no answer, 0 ms (x broke.)"]


def test_a_secret_in_a_field_that_is_shown_is_masked() -> None:
    """A secret in a place that is shown, such as the path of GITHUB_API_URL."""
    lines: list[str] = []
    env = {"GITHUB_TOKEN": SECRET, "ALIYUN_SECURITY_TOKEN": "x"}
    trace = Trace(lines.append, config.secrets_in(env))
    through(trace, Answer(200, "", b""), f"/{SECRET}/api", {}, b"")
    trace.retry(f"{SECRET} was refused.")
    assert lines == [f"ecs.cn-hangzhou.aliyuncs.com POST /{MASK}/api 200 0 ms", f"retry: {MASK} was refused."]


def test_text_in_an_answer_is_never_a_workflow_command(capsys: pytest.CaptureFixture[str]) -> None:
    trace = stdio.trace({"GITHUB_ACTIONS": "true"}, wanted=True)
    assert trace
    body = json.dumps({"Code": "\x1b[31m\n##[group]x"}).encode()
    through(trace, Answer(400, "application/json", body, {"x-acs-request-id": "\r::x::"}), "/", {}, b"")
    assert capsys.readouterr().err == "debug: ecs.cn-hangzhou.aliyuncs.com POST / 400 ?[31m?## [group]x 0 ms ?::x::\n"


def test_a_jobs_identity_is_shown_by_its_two_calls_alone() -> None:
    lines: list[str] = []
    key = {
        "AccessKeyId": "STS.x",
        "AccessKeySecret": SECRET,
        "SecurityToken": SECRET,
        "Expiration": "2030-01-01T00:00:00Z",
    }
    wire = Wire(Answer(200, "application/json", json.dumps({"value": SECRET, "Credentials": key}).encode()))
    clock = FakeClock(Wall(NOW))
    env = {
        "GITHUB_ACTIONS": "true",
        "ALIYUN_REGION_ID": "cn-hangzhou",
        "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1:role/ci",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1:oidc-provider/github",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"https://token.test/idtoken?job={SECRET}",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": SECRET,
    }
    provider = find_oidc(env, Trace(lines.append).transport(wire, clock), clock)
    assert provider
    assert provider().access_key_secret == SECRET
    assert lines == ["token.test GET /idtoken 200 0 ms", "sts.cn-hangzhou.aliyuncs.com AssumeRoleWithOIDC 200 0 ms"]


def test_both_clients_trace_requests_and_pauses() -> None:
    lines: list[str] = []
    clock = FakeClock(Wall(NOW))
    env = {
        "ALIYUN_REGION_ID": "cn-hangzhou",
        "ALIYUN_ACCESS_KEY_ID": "id",
        "ALIYUN_ACCESS_KEY_SECRET": SECRET,
        "GITHUB_TOKEN": SECRET,
        "GOLDRUN_ENDPOINT": "http://127.0.0.1:1",
        "GITHUB_API_URL": "http://127.0.0.1:1",
        "GOLDRUN_TIMEOUT": "1",
    }
    for call in (
        lambda: clouds.connect(env, clock, trace=Trace(lines.append)).call("DescribeImages"),
        lambda: githubs.connect(env, clock, trace=Trace(lines.append)).call("GET", "/rate_limit"),
    ):
        lines.clear()
        with pytest.raises(UnreachableError):
            call()
        assert "no answer" in lines[0]
        assert lines[1].startswith("retry: http://127.0.0.1:1 refused the connection. Trying again in 0.")
        assert lines[2].startswith("pause 0.")
