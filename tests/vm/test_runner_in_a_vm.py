"""The runner's bootstrap in a real virtual machine: it runs a job and deletes its instance; without GitHub it does too.

Run by `make vm-test`, as the builds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from goldrun.clock import SystemClock
from goldrun.cloud.client import connect
from goldrun.launch.machine import Machine
from tests.commands import GOLDRUN
from tests.vm.conftest import MachineShell
from tests.vm.garm import SCOPE, TOKEN, Controller

pytestmark = pytest.mark.skipif(os.environ.get("GOLDRUN_TEST_VM") != "1", reason="make vm-test runs real machines")

REPO = ["--repo", "octo-org/octo-repo"]
ROLE = {"ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME": "self-destruct", "ALIYUN_IMAGE_FAMILY": "acs:debian_13_x64"}
UP = ["runner", "up", *REPO, "--cpu", "2", "--memory", "2..", "--timeout", "8m"]
PASSWORD = "a-proxy-password"
# What a job sees: it has an ordinary user, and the configuration that it came with is not on the disk.
JOB = r"""
set -x
test "$(id -un)" = runner
test ! -e /run/goldrun/config || exit 11
sudo -n true 2>/dev/null && exit 12
test "$(stat -f -c %T "$(readlink -f ../.credentials)")" = tmpfs
test -e /run/goldrun-runner/job
touch "$(dirname "$GOLDRUN_SPOT_NOTICE")/spot-notice" && exit 13
echo "the job ran as $(id -un)"
"""
# The credential that the configuration brought, looked for in every file that is on a disk.
SEARCH = r"""
token=$(python3 -c 'import json; print(json.load(open("/run/goldrun-runner/.credentials"))["data"]["token"])')
test -n "$token" || exit 9
umask 077
printf '%s\n' "$token" > /run/wanted
printf '%s' "$token" | base64 -w 0 | cut -c 4-24 >> /run/wanted
echo a-proxy-password >> /run/wanted
sync
grep -rlsF -f /run/wanted /etc /var /opt /home /root /tmp /srv /usr/local && exit 10
cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\0' ' ' | grep -F -f /run/wanted && exit 11
echo nothing found
"""


def values(text: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)


def wait_until_gone(shell: MachineShell, instance_id: str, seconds: float) -> None:
    limit = time.monotonic() + seconds
    while instance_id in shell("instance", "ls", "-q").stdout:
        assert time.monotonic() < limit, shell.console(instance_id)[-3000:]
        time.sleep(2)


@pytest.mark.usefixtures("garm")  # its machine boots beside this one
def test_a_job_runs_and_the_instance_deletes_itself(shell: MachineShell, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(shell("policy", "--for", "self-destruct").stdout)
    shell("local", "policy", str(policy), "--role", "self-destruct")
    setup = tmp_path / "setup.sh"
    setup.write_text("#!/bin/bash\ntouch /var/lib/set-up\n")
    proxy = {"GOLDRUN_RUNNER_PROXY": f"http://user:{PASSWORD}@127.0.0.1:9", "GOLDRUN_RUNNER_NO_PROXY": "100.100.100.2"}
    up = shell(*UP, "--setup", str(setup), "--json", env={**ROLE, **proxy})
    made = values(up.stdout.replace('": "', "=").replace('"', "").replace(",", "").replace(" ", ""))
    name, instance_id = made["runner_name"], made["instance_id"]
    assert "idle" in shell("runner", "ls", *REPO).stdout
    console = shell("instance", "console", instance_id).stdout
    assert "the image has no runner: downloading" in console
    assert PASSWORD not in console + up.stdout + up.stderr
    client = connect(shell.env, SystemClock())
    found = Machine(client, instance_id, "search").run("search", SEARCH.encode(), timeout=300, variables={})
    client.close()
    assert found.ok, found.output
    job = tmp_path / "job.sh"
    job.write_text(JOB)
    done = shell("local", "job", str(job), *REPO, "--label", name, "--wait")
    assert "the job ran as runner" in done.stdout
    wait_until_gone(shell, instance_id, 120)
    assert shell("runner", "ls", *REPO, "-q").stdout == ""
    assert "RECLAIMED=false" in shell("runner", "down", "--yes", name, *REPO, "--missing-ok").stdout


def test_garms_runner_registers_reports_runs_a_job_and_ends(
    shell: MachineShell, garm: tuple[Controller, str], tmp_path: Path
) -> None:
    controller, instance_id = garm
    limit = time.monotonic() + 300
    while "idle" not in [one["status"] for one in controller.reports]:
        assert time.monotonic() < limit, (controller.reports, shell.console(instance_id)[-3000:])
        time.sleep(1)
    assert {one["status"] for one in controller.reports} == {"installing", "idle"}
    assert controller.reports[-1]["agent_id"] > 0
    client = connect(shell.env, SystemClock())
    search = f"""
umask 077
echo '{TOKEN[:20]}''{TOKEN[20:]}' > /run/wanted
sync
grep -rlsF -f /run/wanted /etc /var /opt /home /root /tmp && exit 10
cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' ' | grep -F -f /run/wanted && exit 11
echo nothing found
"""
    found = Machine(client, instance_id, "search").run("search", search.encode(), timeout=200, variables={})
    client.close()
    assert found.ok, found.output
    job = tmp_path / "job.sh"
    job.write_text("echo GARM has it run\n")
    done = shell("local", "job", str(job), "--repo", str(SCOPE), "--label", "garm-vm", "--wait")
    assert "GARM has it run" in done.stdout
    limit = time.monotonic() + 120
    while instance_id in shell("instance", "ls", "-q").stdout:
        assert time.monotonic() < limit, shell.console(instance_id)[-3000:]
        time.sleep(2)


def test_without_access_to_github_it_deletes_itself_too(shell: MachineShell) -> None:
    """The process that started it is killed once the instance has its configuration: only the instance is left."""
    shell("local", "fault", "--kind", "timeout", "--seconds", "5", "--action", "github:runner")
    command = [*GOLDRUN, *UP, "--job-timeout", "30s"]
    process = subprocess.Popen(command, env={**shell.env, **ROLE}, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "it has its configuration" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    instance_id = shell("instance", "ls", "-q").stdout.split()[0]
    console = ""
    limit = time.monotonic() + 180
    while instance_id in shell("instance", "ls", "-q").stdout:
        console = shell.console(instance_id) or console
        assert time.monotonic() < limit, console[-3000:]
        time.sleep(1)
    assert "failed: no job came within 30 s" in console
    assert "deleting this instance" in console
    # What is left is a registration without an instance, and a name for it.
    (name,) = shell("runner", "ls", *REPO, "-q").stdout.split()
    shell("local", "fault", "--clear")
    shell("runner", "down", "--yes", name, *REPO)
    assert shell("runner", "ls", *REPO, "-q").stdout == ""
