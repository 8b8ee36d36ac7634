"""GARM's bootstrap on simulated machines: they fetch the registration from the engine, and report to it.

The engine's side is taken from its ``apiserver/routers`` and ``runner/metadata.go``.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local_cloud.github.api import jit_config
from local_cloud.github.records import GitHubRunner
from local_cloud.github.router import PREFIX
from local_cloud.records import Instance
from tests.background import serve_in_background
from tests.conformance.test_garm import POOL, TOKEN, Engine, bootstrap
from tests.conftest import Running

REPOSITORY = "octo-org/octo-repo"
LABELS = ("ubuntu",)
PATIENCE = 60.0


class Metadata:
    """The engine's metadata service and its callbacks, for one instance."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.refused: list[str] = []
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(engine.answers.get(self.path.removeprefix("/api/v1/metadata")))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.answer(""):
                    engine.reports.append((self.path.removeprefix("/api/v1/callbacks"), body))

            def answer(self, content: str | None) -> bool:
                known = self.headers.get("authorization") == f"Bearer {TOKEN}"
                if not known:
                    engine.refused.append(self.path)
                self.send_response(401 if not known else 404 if content is None else 200)
                self.send_header("content-length", str(len(content or "")))
                self.end_headers()
                self.wfile.write((content or "").encode())
                return known

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        serve_in_background(self.server)

    def urls(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self.server.server_port}/api/v1"
        return {"metadata-url": f"{url}/metadata", "callback-url": f"{url}/callbacks"}

    def statuses(self) -> list[str]:
        return [body["status"] for path, body in self.reports if path == "/status"]


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    made = Metadata()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def cloud(populated: Running) -> Running:
    return populated.always_in_stock(speed=5, boot_seconds=0.5, release_seconds=0.5, stop_seconds=0.5)


def create(cloud: Running, folder: Path, **more: Any) -> Instance:
    made = Engine(cloud, folder, "v0.1.0")("CreateInstance", bootstrap("garm-one", **more), GARM_POOL_ID=POOL)
    assert made.returncode == 0, made.stderr
    found = cloud.cloud.store.get(Instance, json.loads(made.stdout)["provider_id"])
    assert found is not None
    return found


def wait_until(cloud: Running, what: Callable[[], object], why: str) -> None:
    """Wait; what is due in the local cloud is done before a request."""
    limit = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < limit, why
        cloud.client().call("DescribeRegions")
        time.sleep(0.1)


def runner(cloud: Running) -> GitHubRunner | None:
    return next(iter(cloud.cloud.store.all(GitHubRunner)), None)


def is_online(cloud: Running) -> bool:
    found = runner(cloud)
    return found is not None and found.seen > 0


def test_a_simulated_machine_fetches_its_registration_and_takes_a_job(
    cloud: Running, tmp_path: Path, metadata: Metadata
) -> None:
    registered = cloud.cloud.jobs.register(REPOSITORY, "garm-one", LABELS, 1)
    files = json.loads(base64.b64decode(jit_config(registered, cloud.url + PREFIX)))
    metadata.answers = {f"/credentials/{name[1:]}": base64.b64decode(data).decode() for name, data in files.items()}
    made = create(cloud, tmp_path, **metadata.urls())
    wait_until(cloud, lambda: metadata.statuses()[-1:] == ["idle"], "it did not report")
    assert metadata.statuses() == ["installing", "installing", "idle"]
    assert metadata.reports[-1][1]["agent_id"] == int(registered.id)
    ((_, system),) = [report for report in metadata.reports if report[0] == "/system-info/"]
    assert system["os_name"]
    assert system["agent_id"] == int(registered.id)
    wait_until(cloud, lambda: is_online(cloud), "the runner did not start")
    run = cloud.cloud.jobs.begin_run(REPOSITORY, "ci.yml")
    cloud.cloud.jobs.add_job(run, name="test", labels=LABELS)
    wait_until(cloud, lambda: cloud.cloud.store.get(Instance, made.id) is None, "its job did not end it")
    (job,) = cloud.cloud.jobs.of_run(run)
    assert (job.status, job.runner_name) == ("completed", "garm-one")
    assert runner(cloud) is None
    assert not metadata.refused


def test_without_a_just_in_time_configuration_it_registers_with_a_token(
    cloud: Running, tmp_path: Path, metadata: Metadata
) -> None:
    metadata.answers = {"/runner-registration-token/": cloud.cloud.jobs.issue_token(REPOSITORY).id}
    url = f"{cloud.url}/{REPOSITORY}"
    create(cloud, tmp_path, jit_config_enabled=False, repo_url=url, **metadata.urls())
    wait_until(cloud, lambda: is_online(cloud), "the runner did not start")
    found = runner(cloud)
    assert found is not None
    assert (found.name, found.scope, found.labels[0]) == ("garm-one", REPOSITORY, LABELS[0])


def test_an_engine_that_gives_no_registration_is_told_and_the_machine_ends(
    cloud: Running, tmp_path: Path, metadata: Metadata
) -> None:
    made = create(cloud, tmp_path, **metadata.urls())
    wait_until(cloud, lambda: cloud.cloud.store.get(Instance, made.id) is None, "the machine did not end")
    assert metadata.statuses()[-1] == "failed"
    assert metadata.reports[-1][1]["message"] == "the engine gives no runner"


def test_nothing_that_stands_in_the_user_data_runs_here(cloud: Running, tmp_path: Path, metadata: Metadata) -> None:
    """Anyone with the key of the docs can write user data."""
    planted = tmp_path / "planted"
    name = f"x'; touch {planted}; $(touch {planted}) `touch {planted}`"
    url = f"{cloud.url}/{REPOSITORY}"
    made = create(
        cloud,
        tmp_path,
        jit_config_enabled=False,
        repo_url=url,
        labels=[name],
        extra_specs={
            "setup": f"touch {planted}",
            "pre_install_scripts": {"01": base64.b64encode(f"#!/bin/bash\ntouch {planted}\n".encode()).decode()},
        },
        **{"github-runner-group": name},
        **metadata.urls(),
    )
    metadata.answers = {"/runner-registration-token/": cloud.cloud.jobs.issue_token(REPOSITORY).id}
    wait_until(
        cloud, lambda: is_online(cloud) or not cloud.cloud.store.get(Instance, made.id), "nothing became of the machine"
    )
    assert not planted.exists()
