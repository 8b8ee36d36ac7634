"""The local cloud as a process: killed, restarted, with faults, and with fast time."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.commands import GOLDRUN

from shell import Shell


def test_up_use_down(shell: Shell) -> None:
    shell("local", "up", "--detach", "--port", "0", "--seed")
    shell.use()
    assert shell("image", "id", "github-runner-ubuntu24", "--arch", "amd64").stdout == "IMAGE_ID=m-localnewamd64\n"
    assert "is already up" in shell("local", "up", "--detach").stderr
    pid = shell.status()["pid"]
    shell("local", "down")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    shell("local", "status", code=6)
    assert "was not running" in shell("local", "down").stderr


def test_up_with_other_options_says_that_it_is_something_else(shell: Shell) -> None:
    shell("local", "up", "--detach", "--port", "0")
    url = shell.status()["url"]
    for options, words in (
        (["--port", "4998"], f"it listens on port {url.rpartition(':')[2]}, not 4998"),
        (["--machines", "qemu"], "its instances are simulated"),
        (["--run-jobs-here"], "it does not run jobs on this computer"),
        (["--tls"], "it does not answer https"),
    ):
        said = shell("local", "up", "--detach", *options, code=2).stderr
        assert words in said
        assert "goldrun local down" in said
    shell("local", "up", "--detach", "--port", "0", "--machines", "simulated", "--seed", "--speed", "7")
    assert shell.status()["speed"] == 7
    assert shell.status()["images"] > 0
    assert "already up, with this data file" in shell("local", "up", code=2).stderr


def test_two_servers_at_once(shell: Shell, tmp_path: Path) -> None:
    shell("local", "up", "--detach", "--port", "0")
    port = shell.status()["url"].rpartition(":")[2]
    other = str(tmp_path / "other cloud.db")
    said = shell("local", "up", "--detach", "--data", other, "--port", port, code=2).stderr
    assert f"error: Port {port} cannot be used." in said
    assert "fix: name another: --port N (0: a free one)" in said
    said = shell("local", "up", "--detach", "--data", other, "--port", "0").stderr
    assert f"goldrun local env --data '{other}'" in said
    shell("local", "down", "--data", other)


def test_the_status_is_readable(shell: Shell) -> None:
    shell("local", "up", "--detach", "--port", "0")
    shell("local", "fault", "--kind", "throttle", "--times", "2")
    shown = shell("local", "status").stdout
    assert "{" not in shown
    assert "scenario calm" in shown
    assert "kind throttle" in shown


def test_a_kill_during_a_write_loses_nothing_acknowledged(shell: Shell) -> None:
    shell("local", "up", "--detach", "--port", "0", "--seed")
    status = shell.status()
    port = int(status["url"].rsplit(":", 1)[1])
    answered = 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {shell.token()}", "Content-Type": "application/json"}
    for number in range(60):
        connection.request("POST", "/_goldrun/deny", json.dumps({"actions": [f"ecs:Action{number}"]}), headers)
        connection.getresponse().read()
        answered += 1
        if number == 40:
            os.kill(status["pid"], signal.SIGKILL)
            break
    connection.close()
    shell("local", "up", "--detach", "--port", "0")
    again = shell.status()
    assert len(again["denied"]) == answered
    assert (again["images"], again["snapshots"], again["instances"]) == (11, 7, 1)


def test_its_time_runs_fast_and_is_kept_over_restarts(shell: Shell) -> None:
    shell("local", "up", "--detach", "--port", "0", "--speed", "3600")
    first = shell("local", "clock", "--advance", "1d").stdout.split()[0]
    shell("local", "down")
    shell("local", "up", "--detach", "--port", "0", "--speed", "1")
    second = shell("local", "clock").stdout.split()[0]
    assert second >= first
    assert second[:10] > time.strftime("%Y-%m-%d", time.gmtime(time.time() + 3600))


def test_faults_and_denials_are_set_from_the_command_line(shell: Shell) -> None:
    shell("local", "up", "--detach", "--port", "0", "--seed")
    shell.use()
    shell("local", "fault", "--kind", "throttle", "--action", "Describe*", "--times", "2")
    assert "Trying again" in shell("image", "ls").stderr
    assert json.loads(shell("local", "fault", "--json").stdout) == []
    shell("local", "fault", "--kind", "error", "--probability", "0.5")
    assert json.loads(shell("local", "fault", "--json").stdout)[0]["probability"] == 0.5
    shell("local", "fault", "--clear")
    shell("local", "deny", "ecs:DescribeImages")
    assert '"Action": "ecs:DescribeImages"' in shell("image", "ls", code=4).stderr
    shell("local", "allow", "ecs:DescribeImages")
    shell("image", "ls")


def test_a_policy_of_goldrun_is_enforced_when_it_is_attached(shell: Shell, tmp_path: Path) -> None:
    shell("local", "up", "--detach", "--port", "0", "--seed")
    shell.use()
    file = tmp_path / "policy.json"
    file.write_text(shell("policy", "--for", "lookup").stdout)
    shell("local", "policy", str(file))
    shell("image", "ls")
    assert '"Action": "ecs:TagResources"' in shell("image", "rm", "m-localoldamd64", "--yes", code=4).stderr
    file.write_text(shell("policy", "--for", "lookup", "--for", "publish").stdout)
    shell("local", "policy", str(file))
    shell("image", "rm", "m-localoldamd64", "--yes")
    shell("local", "policy", "--clear")
    file.write_text('{"Version": "1", "Statement": [{"Effect": "Perhaps"}]}')
    assert "The local cloud refused" in shell("local", "policy", str(file), code=2).stderr
    file.write_text("{")
    assert "not JSON" in shell("local", "policy", str(file), code=2).stderr


def test_reset_empties_it(shell: Shell) -> None:
    shell("local", "up", "--detach", "--port", "0", "--seed")
    shell.use()
    shell("local", "reset", "--yes")
    assert json.loads(shell("image", "ls", "--all", "--json").stdout) == []
    shell("local", "seed")
    assert len(json.loads(shell("image", "ls", "--all", "--json").stdout)) == 11
    shell("local", "reset", "--yes", "--seed")
    assert len(shell("image", "ls", "-q").stdout.split()) == 8


def test_ctrl_c_ends_it_cleanly(shell: Shell, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*GOLDRUN, "local", "up", "--port", "0"], env=shell.env, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert "listens on" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=20)
    assert process.returncode in (0, 130)
    assert "Traceback" not in words


def test_ctrl_c_ends_a_look_up_cleanly(shell: Shell) -> None:
    shell("local", "up", "--detach", "--port", "0")
    shell.use()
    shell("local", "fault", "--kind", "timeout", "--seconds", "60")
    process = subprocess.Popen(
        [*GOLDRUN, "image", "ls"], env=shell.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, words = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in words
    shell("local", "fault", "--clear")


def test_its_files_are_readable_only_by_their_user(shell: Shell, tmp_path: Path) -> None:
    """Whoever has the token of the control API may run scripts; keys and logs of jobs are in the data."""
    old = os.umask(0)
    try:
        shell.env["GOLDRUN_LOCAL_DATA"] = str(tmp_path / "new/cloud.db")
        shell("local", "up", "--detach", "--port", "0", "--seed")
        shell("local", "deny", "ecs:Nothing")
    finally:
        os.umask(old)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    assert set(modes) >= {"cloud.db", "cloud.db.run.json", "cloud.db.log", "cloud.db-wal"}
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_every_start_has_a_token_of_its_own(shell: Shell) -> None:
    shell("local", "up", "--detach", "--port", "0")
    first = shell.token()
    shell("local", "down")
    shell("local", "up", "--detach", "--port", "0")
    assert len({first, shell.token()}) == 2
    assert len(shell.token()) >= 32


def test_another_cloud_on_the_same_port_is_not_mistaken_for_it(shell: Shell, tmp_path: Path) -> None:
    shell("local", "up", "--detach", "--port", "0")
    status = shell.status()
    os.kill(status["pid"], signal.SIGKILL)
    other = Shell(tmp_path)
    other.env["GOLDRUN_LOCAL_DATA"] = str(tmp_path / "other.db")
    other("local", "up", "--detach", "--port", status["url"].rsplit(":", 1)[1], "--seed")
    assert "is not running" in shell("local", "reset", "--yes", code=6).stderr
    assert other.status()["images"] == 11
    other("local", "down")


def test_nothing_is_served_to_the_network(shell: Shell) -> None:
    shell("local", "up", "--detach", "--port", "0")
    port = int(shell.status()["url"].rsplit(":", 1)[1])
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening


def test_a_second_server_on_one_data_file_is_refused_by_name(shell: Shell, tmp_path: Path) -> None:
    """The note beside the data may be lost, or not be written yet; the lock is what counts."""
    shell("local", "up", "--detach", "--port", "0")
    pid = shell.status()["pid"]
    note = tmp_path / "cloud.db.run.json"
    kept = note.read_text()
    note.unlink()
    said = shell("local", "up", "--port", "0", code=2).stderr
    assert f"process {pid} " in said
    assert "--data FILE" in said
    assert f"kill -9 {pid}" in shell("local", "down", code=6).stderr
    note.write_text(kept)
    assert shell.status()["pid"] == pid


def test_two_that_start_at_once_are_one_server(shell: Shell) -> None:
    command = [*GOLDRUN, "local", "up", "--detach", "--port", "0"]
    both = [subprocess.Popen(command, env=shell.env, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=60)[1] for one in both]
    url = shell.status()["url"]
    assert [one.returncode for one in both] == [0, 0], said
    assert all(url in words for words in said)


def test_an_invalid_data_file_is_reported(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "cloud.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    assert "cannot be used" in shell("local", "up", "--port", "0", code=2).stderr
