"""Stand-ins for GitHub's runner run on this computer: only for who may have that, and no longer than their server."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.background import serve_in_background
from tests.conftest import REGION, Running

from goldrun.runners.bootstrap import Bootstrap, user_data
from local_cloud.github import archive
from local_cloud.github.api import jit_config
from local_cloud.github.records import GitHubRunner
from local_cloud.github.router import PREFIX
from local_cloud.machines import supervisor
from local_cloud.machines.supervised import Supervised
from local_cloud.records import Instance, Invocation
from shell import Shell

STANDIN = files("local_cloud.github").joinpath("standin")
LISTENER = STANDIN.joinpath("bin/Runner.Listener").read_bytes()
PATIENCE = 60.0


def wait_for(what: Callable[[], object], why: str) -> None:
    limit = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < limit, why
        time.sleep(0.05)


def runs(process: int) -> bool:
    """Return whether it runs, and is not only waiting to be reaped."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


# What a job does that does not want to end: a session of its own, a grandchild without a parent.
TENACIOUS = """
setsid bash -c 'echo $$ >> {pids}; exec sleep 600' &
(setsid bash -c 'trap "" INT TERM HUP; echo $$ >> {pids}; while :; do sleep 600; done' &)
echo $$ >> {pids}
wait
"""


def started(pids: Path, count: int = 3) -> list[int]:
    wait_for(lambda: pids.exists() and len(pids.read_text().split()) >= count, "it did not start")
    return [int(one) for one in pids.read_text().split()]


def test_a_supervised_process_ends_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    kept = Supervised(["bash", "-c", TENACIOUS.format(pids=pids)], tmp_path / "log")
    found = started(pids)
    assert kept.running
    assert all(map(runs, found))
    kept.end()
    assert not any(map(runs, found))
    assert not kept.running


def test_a_supervised_process_that_ends_leaves_nothing(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    kept = Supervised(["bash", "-c", TENACIOUS.format(pids=pids).replace("wait\n", "sleep 1\n")], tmp_path / "log")
    found = started(pids)
    wait_for(lambda: not kept.running, "it did not end")
    assert not any(map(runs, found))
    kept.end()


def test_a_supervised_process_ends_with_a_killed_server(tmp_path: Path) -> None:
    pids, log = tmp_path / "pids", tmp_path / "log"
    code = (
        "import sys, time; from pathlib import Path; from local_cloud.machines.supervised import Supervised;"
        "Supervised(['bash', '-c', sys.argv[1]], Path(sys.argv[2])); time.sleep(600)"
    )
    server = subprocess.Popen([sys.executable, "-c", code, TENACIOUS.format(pids=pids), str(log)])
    found = started(pids)
    server.kill()
    server.wait()
    wait_for(lambda: not any(map(runs, found)), "it outlives its server")


@pytest.mark.parametrize("server", [signal.default_int_handler, signal.SIG_IGN], ids=["in front", "in the background"])
def test_an_interrupt_reaches_what_is_kept(tmp_path: Path, server: Any) -> None:
    """Whatever the server itself does about it: a shell's background jobs ignore it, and their children with them."""
    script = "trap 'echo heard; exit 0' INT; echo ready; while :; do sleep 0.05; done"
    before = signal.signal(signal.SIGINT, server)
    try:
        kept = Supervised(["bash", "-c", script], tmp_path / "log")
    finally:
        signal.signal(signal.SIGINT, before)
    wait_for(lambda: "ready" in (tmp_path / "log").read_text(), "it did not start")
    kept.interrupt()
    wait_for(lambda: not kept.running, "it did not hear")
    assert "heard" in (tmp_path / "log").read_text()
    kept.end()


def test_an_interrupt_at_the_start_reaches_what_is_kept() -> None:
    """Between the command's start and the supervisor's handler, it ended the supervisor alone."""
    code = (
        "import os, runpy, signal, subprocess, sys; start = subprocess.Popen;"
        "subprocess.Popen = lambda *words, **more: (start(*words, **more), os.kill(os.getpid(), signal.SIGINT))[0];"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    words = [sys.executable, "-c", code, supervisor.__file__, "", "bash", "-c", "trap 'exit 7' INT; sleep 600 & wait"]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        # As the command ends: by its trap, or before it has set one.
        assert process.wait(timeout=60) in (7, 256 - signal.SIGINT)


def test_without_proc_ps_gives_the_parent_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen(["bash", "-c", "sleep 600 & wait"])
    try:
        wait_for(lambda: len(supervisor.descendants()) >= 2, "it has no child")
        monkeypatch.setattr(sys, "platform", "darwin")
        parents = dict(supervisor.listing())
        assert parents[child.pid] == os.getpid()
        assert child.pid in parents.values()
    finally:
        monkeypatch.undo()
        for one in [*supervisor.descendants(), child.pid]:
            os.kill(one, signal.SIGKILL)
        child.wait()


@pytest.fixture
def listener(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The stand-in's program in a folder of its own, as it is started."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin/Runner.Listener").write_bytes(LISTENER)

    def run(config: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "bin/Runner.Listener", "run"],
            cwd=home,
            env={"PATH": os.environ["PATH"], "ACTIONS_RUNNER_INPUT_JITCONFIG": config, **env},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


def packed(contents: dict[str, bytes]) -> str:
    encoded = {name: base64.b64encode(content).decode() for name, content in contents.items()}
    return base64.b64encode(json.dumps(encoded).encode()).decode()


@pytest.mark.parametrize(
    "name", ["../../planted", "{folder}/planted", "bin/Runner.Listener", "run.sh", ".runner/../x", ""]
)
def test_a_configuration_cannot_name_other_files(tmp_path: Path, listener: Any, name: str) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done = listener(packed({".runner": b"{}", name.format(folder=tmp_path): b"planted"}))
    assert done.returncode == 1
    assert "files that no runner has" in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_downloaded_runner_tells_its_version(populated: Running, tmp_path: Path) -> None:
    name = archive.filename("2.335.0", "x64")
    url = f"{populated.url}{PREFIX}{archive.PATH}v2.335.0/{name}"
    with urllib.request.urlopen(url) as answer, tarfile.open(fileobj=io.BytesIO(answer.read())) as packed:
        listener = packed.extractfile("./bin/Runner.Listener")
        assert listener
        (tmp_path / "listener").write_bytes(listener.read())
    command = [sys.executable, str(tmp_path / "listener"), "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout == "2.335.0\n"


def test_only_a_version_becomes_a_line_of_the_runner() -> None:
    assert archive.version_of(f"{archive.PATH}v2.335.0/x") == "2.335.0"
    for path in ('v1"; import os #/x', "v1\n2/x", "latest/x", "v2.335.0"):
        assert archive.version_of(archive.PATH + path) == archive.UNRELEASED


class Reports:
    """Takes what a job reports."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, str]] = []

    def insist(self, _method: str, _path: str, body: dict[str, str]) -> dict[str, str]:
        self.bodies.append(body)
        return {}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("RUNNER_TOOL_CACHE=/opt/tools\nAGENT_TOOLSDIRECTORY=/opt/other", "/opt/tools"),
        ("AGENT_TOOLSDIRECTORY=/opt/other", "/opt/other"),
        ("", "_work/_tool"),
    ],
)
def test_a_job_sees_the_variables_of_dot_env_and_the_tool_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, expected: str
) -> None:
    for name in ("RUNNER_TOOL_CACHE", "RUNNER_TOOLSDIRECTORY", "AGENT_TOOLSDIRECTORY", "JAVA_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    (tmp_path / ".env").write_text(f"{written}\nJAVA_HOME=/opt/java=21\n=nothing\nno assignment\n")
    module = runpy.run_path(str(STANDIN / "bin/Runner.Listener"))
    module["load_environment"](tmp_path)
    reports = Reports()
    script = 'echo "$RUNNER_TOOL_CACHE $JAVA_HOME $RUNNER_OS"; test -d "$RUNNER_TEMP"'
    module["run_job"](reports, {"id": 1, "name": "job", "script": script}, tmp_path)
    assert reports.bodies[-1]["conclusion"] == "success"
    cache, java, system = reports.bodies[-1]["log"].split()
    assert cache.endswith(expected)
    assert (java, system) == ("/opt/java=21", "Linux")


def test_dot_env_is_read_before_anything_else(tmp_path: Path, listener: Any) -> None:
    (tmp_path / "home/.env").write_text(f"ACTIONS_RUNNER_INPUT_JITCONFIG={packed({'another': b''})}\n")
    assert "files that no runner has: ['another']" in listener(packed({})).stderr


class Stranger:
    """Another program listens on a port: it gives a job to everyone, and notes what it is asked."""

    def __init__(self, script: str) -> None:
        self.asked: list[str] = []
        stranger = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                stranger.asked.append(f"{self.command} {self.path} {self.headers.get('authorization', '')}".strip())
                body = json.dumps({"id": "1", "name": "theirs", "script": script}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815 - their names are given

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        serve_in_background(self.server)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{PREFIX}"


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Stranger]:
    made = Stranger(f"touch {tmp_path}/planted")
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_stand_in_talks_only_to_the_server_that_started_it(tmp_path: Path, listener: Any, stranger: Stranger) -> None:
    """A configuration that names another server, or a port that has another owner by now."""
    runner = GitHubRunner(
        id="1", scope="octo-org/octo-repo", name="one", labels=("x",), credential="planted-credential"
    )
    done = listener(jit_config(runner, stranger.url), GOLDRUN_SERVER_SECRET="of-another-server")
    assert done.returncode == 1
    assert "is not the local cloud that has started this runner" in done.stderr
    (asked,) = stranger.asked
    assert re.fullmatch(r"GET /_github/_runner/proof\?[0-9a-f]{32}", asked), "not even its credential is sent"
    assert not (tmp_path / "planted").exists()


USER_DATA = base64.b64encode(user_data(Bootstrap(life=21600.0))).decode()


def machine(running: Running, config: bytes) -> Instance:
    """A simulated machine of a runner, to which a configuration has been sent."""
    store = running.cloud.store
    now = running.cloud.clock.now()
    old = next(iter(store.all(Instance)))
    made = replace(old, id="i-standin", user_data=USER_DATA, created=now - 60, ready=now - 50, state="Running")
    sent = Invocation(
        id="f-1 0",
        region=REGION,
        owner=old.owner,
        created=now - 10,
        invocation="f-1",
        command="",
        name="",
        instance=made.id,
        timeout=60.0,
        seconds=0.3,
        content=config,
        file="/run/goldrun/config",
        answered=True,
        lost=made.ends(),
    )
    store.put(made, sent)
    return made


def is_there(running: Running, instance: Instance) -> bool:
    running.client().call("DescribeInstances", {"InstanceIds": json.dumps([instance.id])})
    return running.cloud.store.get(Instance, instance.id) is not None


def test_a_configuration_that_names_another_server_runs_nothing(
    populated: Running, tmp_path: Path, stranger: Stranger
) -> None:
    """Who may call SendFile, with the key that is in the docs, could have had any script run."""
    runner = GitHubRunner(id="1", scope="octo-org/octo-repo", name="one", labels=("x",), credential="theirs")
    made = machine(populated, f"JITCONFIG={jit_config(runner, stranger.url)}\n".encode())
    wait_for(lambda: not is_there(populated, made), "the machine did not end")
    assert all("/proof?" in one for one in stranger.asked)
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize(
    "settings", ["CONFIG_SECONDS=300", "CONFIG_SECONDS='", "CONFIG_SECONDS=\u0661 JOB_SECONDS=-1 NOTICE_SECONDS=x"]
)
def test_user_data_that_only_resembles_a_runners_starts_none(populated: Running, settings: str) -> None:
    """Nor does it break the cloud for everybody else."""
    made = machine(populated, b"JITCONFIG=nonsense\n")
    text = f"cat > /opt/goldrun/settings <<'END'\n{settings}\nEND\n/opt/goldrun/agent.sh\n"
    populated.cloud.store.put(replace(made, user_data=base64.b64encode(text.encode()).decode()))
    for _ in range(3):
        assert is_there(populated, made)
    assert not populated.cloud._runners._guests  # type: ignore[union-attr]


@pytest.mark.parametrize("config", [b"\xff\xfe=\x00", b"JITCONFIG=nonsense\n", b"TOKEN=x\nURL=y\nNAME=z\nLABELS=w\n"])
def test_an_invalid_configuration_ends_its_instance(populated: Running, config: bytes) -> None:
    made = machine(populated, config)
    wait_for(lambda: not is_there(populated, made), "the machine did not end")


def bring_up(shell: Shell, *words: str) -> tuple[str, str]:
    """A local cloud and a runner on it: its name and its instance."""
    shell("local", "up", "--detach", "--port", "0", "--seed", *words)
    shell.use()
    shell("local", "market", "--scarcity", "0", "--phantoms", "0")
    shell("local", "clock", "--speed", "20")
    image = ["--image", "github-runner-ubuntu24", "--arch", "amd64", "--type", "ecs.c7.2xlarge"]
    output = shell("runner", "up", "--repo", "octo-org/octo-repo", *image).stdout
    values = dict(line.split("=") for line in output.splitlines())
    return values["RUNNER_NAME"], values["INSTANCE_ID"]


def test_jobs_run_here_only_with_run_jobs_here(shell: Shell, tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text(f"touch {shlex.quote(str(tmp_path))}/ran && echo it ran\n")
    name, instance_id = bring_up(shell)
    words = ["local", "job", str(script), "--repo", "octo-org/octo-repo", "--label", name, "--wait"]
    done = shell(*words, code=1)
    assert "nobody has allowed that" in done.stdout
    assert "goldrun local up --run-jobs-here" in done.stdout
    assert f"failure on {name}.\nnote: This job has not run" in done.stderr
    assert not (tmp_path / "ran").exists()
    wait_for(lambda: instance_id not in shell("instance", "ls", "-q").stdout, "the machine did not end")
    assert shell("runner", "ls", "--repo", "octo-org/octo-repo", "-q").stdout == ""
    assert "does not run jobs on this computer" in shell("local", "up", "--detach", "--run-jobs-here", code=2).stderr
    shell("local", "down")
    name, _ = bring_up(shell, "--run-jobs-here")
    words[words.index("--label") + 1] = name
    assert shell(*words).stdout == "JOB_ID=2\nit ran\n"
    assert (tmp_path / "ran").exists()


def test_a_killed_server_leaves_no_stand_in_no_job_and_no_folder(shell: Shell, tmp_path: Path) -> None:
    """They went on asking its port for forty minutes, and ran whatever answered."""
    shell.env["TMPDIR"] = str(tmp_path)
    pids, script = tmp_path / "pids", tmp_path / "job.sh"
    script.write_text(TENACIOUS.format(pids=pids) + "\n")
    name, _ = bring_up(shell, "--run-jobs-here")
    shell("local", "job", str(script), "--repo", "octo-org/octo-repo", "--label", name)
    found = started(pids)
    server = shell.status()["pid"]
    stand_ins = [process for process, parent in supervisor.listing() if parent == server]
    assert len(stand_ins) == 1
    assert len(list(tmp_path.glob("goldrun-runner-*"))) == 1
    os.kill(server, signal.SIGKILL)
    wait_for(lambda: not any(map(runs, [*found, *stand_ins])), "they outlive their server")
    assert not list(tmp_path.glob("goldrun-runner-*"))
