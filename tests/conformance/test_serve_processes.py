"""``goldrun serve`` as processes, on a local cloud that runs jobs: a change of its file, a take-over, an end."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shell import Shell
from tests.commands import GOLDRUN

CONFIG = """[github]
scopes = ["octo-org/octo-repo"]
[network]
role = "self-destruct"
[profile.ubuntu-spot]
image = "github-runner-ubuntu24"
arch = "amd64"
max_runners = 4
"""


class ServingShell(Shell):
    """A shell with servers in the background."""

    timeout = 200.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.servers: list[subprocess.Popen[str]] = []

    def serve(self, name: str, *words: str) -> tuple[subprocess.Popen[str], Path]:
        log = self.folder / f"{name}.log"
        with log.open("w") as out:
            server = subprocess.Popen(
                [*GOLDRUN, "serve", "runners.toml", "--name", name, *words],
                env=self.env,
                cwd=self.folder,
                stderr=out,
                text=True,
            )
        self.servers.append(server)
        return server, log


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[ServingShell]:
    shell = ServingShell(tmp_path)
    shell("local", "up", "--detach", "--port", "0", "--seed", "--run-jobs-here", "--speed", "30")
    shell.use()
    shell("local", "market", "--scarcity", "0", "--phantoms", "0")
    (tmp_path / "runners.toml").write_text(CONFIG)
    (tmp_path / "job.sh").write_text("echo done by $(basename $PWD)\n")
    yield shell
    for server in shell.servers:
        server.kill()
        server.wait()
    shell("local", "down")


def wait_for(condition: Callable[[], bool], seconds: float, log: Path) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.2)


def test_a_change_a_take_over_and_an_end(shell: ServingShell) -> None:
    job = ["local", "job", "job.sh", "--repo", "octo-org/octo-repo", "--wait", "--label"]
    first, one = shell.serve("one", "--listen", "127.0.0.1:0")
    wait_for(lambda: "was created" in one.read_text(), 60, one)
    assert "done by" in shell(*job, "ubuntu-spot").stdout

    line = next(line for line in one.read_text().splitlines() if "metrics are at" in line)
    url = line.partition("at ")[2].rstrip(".")
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert b'goldrun_leader{scope="octo-org/octo-repo",set="ubuntu-spot"} 1.0' in answer.read()
    for state in ("healthz", "readyz"):
        with urllib.request.urlopen(url.replace("metrics", state), timeout=20) as answer:
            assert answer.read() == b"ok\n"

    file = shell.folder / "runners.toml"
    file.write_text(CONFIG + "nonsense = 1\n")
    wait_for(lambda: "goes on as before" in one.read_text(), 30, one)
    file.write_text(CONFIG + '\n[profile.second]\nimage = "github-runner-ubuntu24"\narch = "amd64"\n')
    wait_for(lambda: "scale set 2" in one.read_text(), 30, one)
    assert "done by" in shell(*job, "second").stdout
    file.write_text(CONFIG + '\n[profile.third]\nimage = "github-runner-ubuntu24"\narch = "amd64"\n')
    wait_for(lambda: "second: scale set 2 of octo-org/octo-repo was deleted" in one.read_text(), 90, one)
    assert "scale set 3" in one.read_text() or "scale set 2" in one.read_text()

    second, two = shell.serve("two", "--log", "json")
    wait_for(lambda: two.read_text().count("another server has the session") == 2, 60, two)
    first.send_signal(signal.SIGTERM)
    assert first.wait(90) == 0
    wait_for(lambda: two.read_text().count("taking over") == 2, 60, two)
    assert "done by" in shell(*job, "ubuntu-spot").stdout
    assert {"time", "message"} == json.loads(two.read_text().splitlines()[0]).keys()

    def gone() -> bool:
        return shell("instance", "ls", "--quiet").stdout.split() == ["i-localrunner000001"]

    wait_for(gone, 90, two)
    second.send_signal(signal.SIGINT)
    assert second.wait(90) == 0
    assert json.loads(two.read_text().splitlines()[-1])["message"].startswith("ending: ")
    assert all("message" in json.loads(line) for line in two.read_text().splitlines())
