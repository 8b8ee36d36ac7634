"""A stopped pool of real virtual machines: one boots, is stopped, is started for a job, runs it, and is gone.

It boots three machines, one after the other, which takes minutes without KVM: `GOLDRUN_TEST_VM_POOL=1 make vm-test`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from goldrun.clock import SystemClock
from goldrun.cloud.client import connect
from goldrun.cloud.instances import Instance, describe_instances
from goldrun.cloud.tags import PARKED, SCALE_SET, STARTED
from tests.commands import GOLDRUN
from tests.vm.conftest import MachineShell

WANTED = all(os.environ.get(name) == "1" for name in ("GOLDRUN_TEST_VM", "GOLDRUN_TEST_VM_POOL"))
pytestmark = pytest.mark.skipif(not WANTED, reason="GOLDRUN_TEST_VM_POOL=1 make vm-test runs it")

CONFIG = """
[github]
scopes = ["octo-org/octo-repo"]
[network]
role = "self-destruct"
[profile.parked]
image = "acs:debian_13_x64"
arch = "amd64"
cpu = "2"
memory = "2.."
boot = "15m"
min_stopped = 1
"""


def test_a_machine_is_stopped_started_for_a_job_and_gone(shell: MachineShell, tmp_path: Path) -> None:
    policy, config, job = tmp_path / "policy.json", tmp_path / "runners.toml", tmp_path / "job.sh"
    policy.write_text(shell("policy", "--for", "self-destruct").stdout)
    shell("local", "policy", str(policy), "--role", "self-destruct")
    config.write_text(CONFIG)
    job.write_text("#!/bin/bash\nset -e\ntest $(id -un) = runner\nuptime\necho the job ran\n")
    with (tmp_path / "serve.log").open("w") as log:
        server = subprocess.Popen([*GOLDRUN, "serve", str(config)], env=shell.env, stdout=log, stderr=log)
    try:
        (parked,) = wait(shell, 900, lambda found: [one for one in found if one.status == "Stopped" and one.saves])
        assert PARKED.key in parked.tags
        began = time.monotonic()
        done = shell("local", "job", str(job), "--repo", "octo-org/octo-repo", "--label", "parked", "--wait")
        print(f"from stopped to the job's end: {time.monotonic() - began:.0f} s")  # noqa: T201
        assert "the job ran" in done.stdout
        wait(shell, 300, lambda found: not any(one.id == parked.id for one in found) or None)
        # Another takes its place.
        (other,) = wait(shell, 900, lambda found: [one for one in found if one.status == "Stopped" and one.saves])
        assert other.id != parked.id
        assert STARTED.key not in other.tags
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        print((tmp_path / "serve.log").read_text())  # noqa: T201


def wait(shell: MachineShell, seconds: float, look: Callable[[list[Instance]], object]) -> list[Instance]:
    client = connect(shell.env, SystemClock())
    limit = time.monotonic() + seconds
    try:
        while not (found := look(describe_instances(client, tags=SCALE_SET.of("parked")))):
            assert time.monotonic() < limit, "too late"
            time.sleep(2)
        return list(found) if isinstance(found, list) else []
    finally:
        client.close()
