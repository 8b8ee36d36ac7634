"""The example project, offline: success, failure, cancellation, a runner that never comes, a reclaim.

Whatever happens, nothing is left on either side, and no secret is seen anywhere.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec.structs import replace

from local_cloud import seed
from local_cloud.access import AccessKey
from local_cloud.github import apps, payloads
from local_cloud.github.api import TOKEN
from local_cloud.github.records import GitHubJob, GitHubRun, GitHubRunner
from local_cloud.lifecycle import settle
from local_cloud.records import Instance
from tests.background import serve_in_background
from tests.conftest import Running
from tests.simulation.test_identity import identity
from tests.workflows.engine import PASSWORD, PROJECT, Engine, offline


def require_nothing_left(cloud: Running) -> None:
    store = cloud.cloud.store
    settle(store, cloud.cloud.clock.now())
    alive = [one.id for one in store.all(Instance) if one.status(cloud.cloud.clock.now()) != "Stopping"]
    assert alive == []
    assert [one.name for one in store.all(GitHubRunner)] == []


def require_no_secret_seen(run: Engine, user_data: list[Instance]) -> None:
    store = run.cloud.cloud.store
    credentials = {one.secret for one in store.all(AccessKey)} | {one.token for one in store.all(AccessKey)} - {""}
    credentials |= {one.credential for one in store.all(GitHubRunner)}
    secrets = {PASSWORD, TOKEN, *credentials} - {""}
    shown = "".join(base64.b64decode(one.user_data).decode() + json.dumps(one.tags) + one.name for one in user_data)
    for where, text in (
        ("output", run.output),
        ("user data and tags", shown),
        ("process list", "\n".join(run.arguments)),
    ):
        found = [secret[:6] for secret in secrets if secret in text]
        assert not found, f"a secret is in the {where}"


def test_success(cloud: Running, tmp_path: Path, seen: dict[str, Instance]) -> None:
    run = offline(cloud, tmp_path)
    assert run.execute() == {"start": "success", "test": "success", "stop": "success"}, run.output
    assert "tested on" in run.output
    assert "### Spot runner" in run.output
    assert "below the list price" in run.output
    require_nothing_left(cloud)
    assert len(seen) == 1
    require_no_secret_seen(run, list(seen.values()))


def test_success_by_the_jobs_identity(cloud: Running, tmp_path: Path, seen: dict[str, Instance]) -> None:
    """No AccessKey anywhere: GitHub's identity token becomes a RAM role's temporary key."""
    asked: list[str] = []
    given: list[str] = []

    class Identity(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers['authorization']}")
            given.append(identity(cloud))
            body = json.dumps({"value": given[-1]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Identity)
    serve_in_background(server)
    run = offline(cloud, tmp_path)
    env = {name: value for name, value in run.env.items() if "ACCESS_KEY" not in name}
    env |= {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_port}/token?api=2",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "planted-request-token",
    }
    run.env = env
    run.variables = {
        **run.variables,
        "ALIBABA_CLOUD_ROLE_ARN": f"acs:ram::{seed.ACCOUNT}:role/ci",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": f"acs:ram::{seed.ACCOUNT}:oidc-provider/github",
    }
    assert run.execute() == {"start": "success", "test": "success", "stop": "success"}, run.output
    server.shutdown()
    server.server_close()
    assert asked[0] == "/token?api=2&audience=sts.aliyuncs.com Bearer planted-request-token"
    seen_by_others = "\n".join([run.output, *run.arguments])
    assert "planted-request-token" not in seen_by_others
    assert given
    assert not [token for token in given if token in seen_by_others]
    require_nothing_left(cloud)
    require_no_secret_seen(run, list(seen.values()))


def test_success_as_a_github_app(cloud: Running, tmp_path: Path) -> None:
    """No token of a person: the App's, for an hour."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    app = apps.register(cloud.cloud.store, pem.encode())
    run = offline(cloud, tmp_path, secrets={"GOLDRUN_GITHUB_APP_KEY": pem})
    run.variables = {**run.variables, "GOLDRUN_GITHUB_APP_ID": app.id}
    assert run.execute() == {"start": "success", "test": "success", "stop": "success"}, run.output
    assert [token[:4] for token in run.tokens] == ["ghs_", "ghs_"]
    assert not [text for text in (pem, *run.tokens) if any(text in one for one in (run.output, *run.arguments))]
    require_nothing_left(cloud)


def test_nothing_is_left_for_the_sweep(cloud: Running, tmp_path: Path) -> None:
    run = offline(cloud, tmp_path, workflow=PROJECT / "goldrun-sweep.yml")
    assert run.execute() == {"sweep": "success"}, run.output
    assert "::warning" not in run.output


def test_a_job_that_fails(cloud: Running, tmp_path: Path) -> None:
    workflow = tmp_path / "ci.yml"
    workflow.write_text(
        (PROJECT / "goldrun.yml").read_text().replace('echo "tested on', 'echo "broken"; exit 3; echo "')
    )
    run = offline(cloud, tmp_path, workflow=workflow)
    assert run.execute() == {"start": "success", "test": "failure", "stop": "success"}, run.output
    require_nothing_left(cloud)


def when_an_instance_is_there(cloud: Running, work: Callable[[Engine], None]) -> Callable[[str, Engine], None]:
    """Does something to the start job as soon as its instance has been launched."""

    def follow(run: Engine) -> None:
        limit = time.monotonic() + 20
        while not list(cloud.cloud.store.all(Instance)) and time.monotonic() < limit:
            time.sleep(0.05)
        work(run)

    def during(job: str, run: Engine) -> None:
        if job == "start":
            threading.Thread(target=follow, args=(run,), daemon=True).start()

    return during


def kill(run: Engine) -> None:
    run.cancelled = True
    process = run._process
    assert process is not None
    os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("end", [Engine.cancel, kill], ids=["cancelled", "killed"])
def test_an_interrupted_start(cloud: Running, tmp_path: Path, end: Callable[[Engine], None]) -> None:
    """`if: failure()` misses cancelled runs. A killed start reported nothing: its run is enough to find it."""
    run = offline(cloud, tmp_path, during=when_an_instance_is_there(cloud, end))
    assert run.execute() == {"start": "cancelled", "test": "skipped", "stop": "success"}, run.output
    require_nothing_left(cloud)


def test_cancelled_while_the_job_runs(cloud: Running, tmp_path: Path) -> None:
    workflow = tmp_path / "ci.yml"
    workflow.write_text((PROJECT / "goldrun.yml").read_text().replace('echo "tested on', 'sleep 300; echo "'))

    def cancel(job: str, run: Engine) -> None:
        if job == "test":
            run.cancel()

    run = offline(cloud, tmp_path, workflow=workflow, during=cancel)
    assert run.execute() == {"start": "success", "test": "cancelled", "stop": "success"}, run.output
    require_nothing_left(cloud)


def test_a_runner_that_never_comes_online(cloud: Running, tmp_path: Path) -> None:
    cloud.fault("error", "github:runner", times=None)
    workflow = tmp_path / "ci.yml"
    workflow.write_text((PROJECT / "goldrun.yml").read_text().replace("          cpu: 8..", "          timeout: 15s"))
    run = offline(cloud, tmp_path, workflow=workflow)
    assert run.execute() == {"start": "failure", "test": "skipped", "stop": "success"}, run.output
    assert "::error title=goldrun::goldrun-cn-hangzhou-" in run.output
    assert "is not online after" in run.output
    require_nothing_left(cloud)


def test_a_reclaim_and_the_rerun(cloud: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The market takes the machine in mid-job; when the run has ended, the job runs again on another one."""
    store = cloud.cloud.store
    workflow = tmp_path / "ci.yml"
    workflow.write_text(
        (PROJECT / "goldrun.yml").read_text().replace('echo "tested on', 'sleep ${PAUSE:-0}; echo "tested on')
    )
    slow = tmp_path / "slow.yml"
    slow.write_text(workflow.read_text().replace("${PAUSE:-0}", "300"))

    def take_back(job: str, run: Engine) -> None:
        if job == "test" and run.run and run.run.attempt == 1:
            for one in store.all(Instance):
                store.put(replace(one, reclaimed=cloud.cloud.clock.now() + 1))
            # Until GitHub gives up a runner that has fallen silent: its program runs in real time.
            monkeypatch.setattr(payloads, "ONLINE_SECONDS", 5.0)

    run = offline(cloud, tmp_path / "one", workflow=slow, during=take_back)
    assert run.execute() == {"start": "success", "test": "failure", "stop": "success"}, run.output
    monkeypatch.undo()
    assert "lost communication" in run.output
    assert "RECLAIMED=true" in run.output.replace("RECLAIMED<<", "")
    require_nothing_left(cloud)
    assert run.run is not None
    dispatched = next(one for one in store.all(GitHubRun) if one.workflow == "goldrun-rerun.yml")
    (job,) = cloud.cloud.jobs.of_run(dispatched)
    inputs = dict(word.split("=") for word in job.name.split()[1:])
    assert inputs["run-id"] == run.run.id
    again = offline(cloud, tmp_path / "rerun", workflow=PROJECT / "goldrun-rerun.yml", inputs=inputs)
    assert again.execute() == {"rerun": "success"}, again.output
    assert "RUN_ATTEMPT=2" in again.output
    second = offline(cloud, tmp_path / "two", workflow=workflow, run=run.run)
    assert second.execute() == {"start": "success", "test": "success", "stop": "success"}, second.output
    assert second.run is not None
    assert second.run.attempt == 2
    require_nothing_left(cloud)
    assert {one.attempt for one in store.all(GitHubJob) if one.run == run.run.id} == {1, 2}
