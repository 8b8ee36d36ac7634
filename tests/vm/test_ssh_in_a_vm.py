"""``goldrun instance ssh`` into a real virtual machine, by its public address and by an EIP that comes and goes."""

from __future__ import annotations

import os
import socket
import time

import pytest

from goldrun.clock import SystemClock
from goldrun.cloud.client import connect
from local_cloud.machines.doors import OTHER_PORT, SSH_PORT
from tests.vm.conftest import Shell

pytestmark = pytest.mark.skipif(os.environ.get("GOLDRUN_TEST_VM") != "1", reason="make vm-test runs real machines")

LAUNCH = ["instance", "create", "--image", "acs:debian_13_x64", "--type", "ecs.c7.large", "--wait", "-q"]


def port_of(address: str, seconds: float = 30.0) -> int:
    """The port on which an address answers; 0: none in time."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        for port in (SSH_PORT, OTHER_PORT):
            try:
                socket.create_connection((address, port), timeout=5).close()
            except OSError:
                continue
            return port
        time.sleep(0.5)
    return 0


def test_ssh_needs_no_key_pair_and_asks_nothing(shell: Shell) -> None:
    instance_id = shell(*LAUNCH, "--public-ip").stdout.strip()
    try:
        (row,) = [line for line in shell("instance", "ls").stdout.splitlines() if line.startswith(instance_id)]
        address = row.split("\t")[-1]
        assert address.startswith("127.84.")
        port = str(port_of(address, 120.0))
        done = shell("instance", "ssh", "--port", port, instance_id, "--", "id -un; cat /etc/hostname; exit 9", code=9)
        assert done.stdout.splitlines()[0] == "root"
        script = 'test "$(stat -c %a ~/.ssh/authorized_keys)" = 600 && grep -c expiry-time ~/.ssh/authorized_keys'
        assert shell("instance", "ssh", "--port", port, instance_id, "--", script).stdout == "2\n"
        boot = "cat /proc/sys/kernel/random/boot_id"
        first = shell("instance", "ssh", "--port", port, instance_id, "--", f"{boot}; echo kept > /root/kept; sync")
        shell("instance", "reboot", instance_id)
        shell("instance", "wait", instance_id)
        second = shell("instance", "ssh", "--port", port, instance_id, "--", f"{boot}; cat /root/kept")
        assert second.stdout.endswith("kept\n")
        assert second.stdout.splitlines()[0] != first.stdout.strip()
        shell("instance", "ssh", "--user", "nobody-there", "--port", port, instance_id, code=5)
    finally:
        shell("instance", "rm", instance_id, "--yes")
    assert port_of(address, 1.0) == 0


def test_an_eip_answers_while_it_is_associated(shell: Shell) -> None:
    client = connect(shell.env, SystemClock())
    instance_id = shell(*LAUNCH).stdout.strip()
    made = client.call("AllocateEipAddress", {})
    eip, address = str(made["AllocationId"]), str(made["EipAddress"])
    try:
        client.call("AssociateEipAddress", {"AllocationId": eip, "InstanceId": instance_id})
        port = str(port_of(address, 120.0))
        assert shell("instance", "ssh", "--port", port, instance_id, "echo", "here").stdout == "here\n"
        client.call("UnassociateEipAddress", {"AllocationId": eip, "InstanceId": instance_id})
        time.sleep(3)
        assert port_of(address, 1.0) == 0
    finally:
        client.call("ReleaseEipAddress", {"AllocationId": eip})
        client.close()
        shell("instance", "rm", instance_id, "--yes")
