"""``goldrun local record``: what is recorded, what never is, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.commands import GOLDRUN

from local_cloud import seed
from local_cloud.gateway import Reply
from local_cloud.recorder import MASK, MAX_CALLS, Recorder
from shell import Shell

LAUNCH = (
    *("instance", "create", "--image", "github-runner-ubuntu24", "--arch", "amd64", "--type", "ecs.c7.2xlarge", "-q"),
    *("--user-data",),
)


@pytest.fixture
def running(shell: Shell) -> Shell:
    shell("local", "up", "--detach", "--port", "0", "--seed")
    shell("local", "market", "--scarcity", "0", "--phantoms", "0")
    return shell


def read(path: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    head, *calls = map(json.loads, path.read_text().splitlines())
    return head, calls


def test_a_commands_calls_are_recorded_without_keys_signatures_and_user_data(running: Shell, tmp_path: Path) -> None:
    script, file = tmp_path / "user-data.sh", tmp_path / "one.jsonl"
    script.write_text("#!/bin/bash\necho planted-token\n")
    done = running("local", "record", "--client", "goldrun test", str(file), *GOLDRUN, *LAUNCH, str(script))
    assert done.stdout.startswith("i-"), "the command's own output, and no other"
    head, calls = read(file)
    assert head["client"] == "goldrun test"
    assert f"{len(calls)} calls recorded in {file}." in done.stderr
    actions = [call["action"] for call in calls]
    assert "RunInstances" in actions
    run = calls[actions.index("RunInstances")]
    assert (run["product"], run["signature"], run["status"]) == ("ecs", 3, 200)
    assert run["params"]["InstanceType"] == "ecs.c7.2xlarge"
    assert run["answer"]["InstanceIdSets"]["InstanceIdSet"] == [done.stdout.strip()]
    text = file.read_text()
    for word in (seed.KEY.secret, seed.KEY.id, "Signature", "planted", "cGxhbnRl"):
        assert word not in text, word


def test_the_commands_exit_code_is_passed_on(running: Shell, tmp_path: Path) -> None:
    file = str(tmp_path / "one.jsonl")
    running("local", "record", file, "sh", "-c", "exit 7", code=7)
    running("local", "record", file, "sh", "-c", "kill -9 $$", code=137)
    assert "no-such-command cannot be run" in running("local", "record", file, "no-such-command", code=2).stderr
    assert read(Path(file))[1] == []


def test_a_file_that_cannot_be_written_is_an_error_before_anything_runs(running: Shell, tmp_path: Path) -> None:
    said = running("local", "record", str(tmp_path / "no" / "one.jsonl"), "touch", str(tmp_path / "ran"), code=2).stderr
    assert "cannot be written" in said
    assert not (tmp_path / "ran").exists()


def test_without_a_command_it_records_until_ctrl_c(running: Shell, tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    with subprocess.Popen(
        [*GOLDRUN, "local", "record", str(file)], env=running.env, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        assert "Ctrl-C ends it" in process.stderr.readline()
        running.use()
        running("image", "ls")
        running.env.pop("GOLDRUN_ENDPOINT")
        process.send_signal(signal.SIGINT)
        assert "calls recorded" in process.stderr.read()
        assert process.wait(timeout=30) == 0
    assert "DescribeImages" in [call["action"] for call in read(file)[1]]


def test_githubs_calls_are_recorded_and_its_secrets_masked() -> None:
    recorder = Recorder()
    recorder.begin()
    answer = json.dumps({"token": "planted", "runner": {"id": 1}}).encode()
    body = json.dumps({"config": {"url": "http://x", "secret": "planted"}}).encode()
    for path in ("/_github/api/v3/orgs/o/hooks", "/_github/_runner/session", "/api/v3/orgs/o/hooks"):
        recorder.note(1.5, "POST", path, "a=b", {"authorization": "token planted"}, body, Reply(201, {}, answer))
    first, second = recorder.end()
    assert first == second
    assert (first["product"], first["action"], first["params"]) == ("github", "POST /api/v3/orgs/o/hooks", {"a": "b"})
    assert first["body"]["config"] == {"url": "http://x", "secret": MASK}
    assert first["answer"] == {"token": MASK, "runner": {"id": 1}}
    recorder.note(1.5, "POST", "/api/v3/orgs/o/hooks", "", {}, body, Reply(201, {}, answer))
    assert recorder.end() == [], "nothing is kept before it begins and after it ends"


def test_an_app_s_key_and_other_secrets_of_github_are_masked() -> None:
    recorder = Recorder()
    recorder.begin()
    made = json.dumps({"id": 1, "pem": "-----BEGIN", "client_secret": "one", "webhook_secret": "two"}).encode()
    recorder.note(0.0, "POST", "/api/v3/app-manifests/the-code/conversions", "", {}, b"", Reply(201, {}, made))
    token = json.dumps({"value": "eyJhbGciOi.x.y"}).encode()
    recorder.note(0.0, "GET", "/api/v3/token", "", {}, b"", Reply(200, {}, token))
    variable = b'{"name": "REGION", "value": "cn-hangzhou", "encrypted_value": "sealed"}'
    recorder.note(0.0, "PUT", "/api/v3/x", "", {}, variable, Reply(204, {}, b""))
    text = json.dumps(recorder.end())
    for secret in ("BEGIN", "one", "two", "the-code", "eyJ", "sealed"):
        assert secret not in text
    assert "cn-hangzhou" in text


@pytest.mark.parametrize(
    "name", ["UserData", "LaunchConfiguration.UserData", "CommandContent", "Content", "Password", "OIDCToken"]
)
def test_what_may_be_secret_in_a_call_is_not_recorded(name: str) -> None:
    recorder = Recorder()
    recorder.begin()
    query = f"Action=RunInstances&Version=2014-05-26&{name}=planted&AccessKeyId=planted&InstanceName=kept"
    recorder.note(0.0, "POST", "/", query, {}, b"", Reply(200, {}, b"{}"))
    (call,) = recorder.end()
    assert "planted" not in json.dumps(call)
    assert call["params"]["InstanceName"] == "kept"


def test_a_recording_has_an_end() -> None:
    recorder = Recorder()
    recorder.begin()
    for _ in range(MAX_CALLS + 3):
        recorder.note(0.0, "GET", "/", "Action=X", {}, b"", Reply(200, {}, b"{}"))
    assert (recorder.lost, len(recorder.end())) == (3, MAX_CALLS)
