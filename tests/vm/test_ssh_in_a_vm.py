"""``goldrun instance ssh`` into a real virtual machine, by its public address and by an EIP that comes and goes."""

from __future__ import annotations

import os
import socket
import time

import pytest

from goldrun.clock import SystemClock
from goldrun.cloud.client import connect
from local_cloud.machines.port_forwarding import OTHER_PORT, SSH_PORT
from tests.vm.conftest import MachineShell

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


def test_ssh_needs_no_key_pair_and_goes_on_after_a_reboot(shell: MachineShell) -> None:
    """By an EIP, which answers while it is associated."""
    client = connect(shell.env, SystemClock())
    instance_id = shell(*LAUNCH).stdout.strip()
    made = client.call("AllocateEipAddress", {})
    eip, address = str(made["AllocationId"]), str(made["EipAddress"])
    assert address.startswith("127.84.")
    try:
        client.call("AssociateEipAddress", {"AllocationId": eip, "InstanceId": instance_id})
        ssh = ["instance", "ssh", "--port", str(port_of(address, 120.0)), instance_id, "--"]
        done = shell(*ssh, "id -un; cat /proc/sys/kernel/random/boot_id; echo kept > /root/kept; sync; exit 9", code=9)
        user, first = done.stdout.split()
        assert user == "root"
        script = 'test "$(stat -c %a ~/.ssh/authorized_keys)" = 600 && grep -c expiry-time ~/.ssh/authorized_keys'
        assert shell(*ssh, script).stdout == "2\n"
        shell("instance", "ssh", "--user", "nobody-there", instance_id, code=5)
        shell("instance", "reboot", instance_id)
        shell("instance", "wait", instance_id)
        second, kept = shell(*ssh, "cat /proc/sys/kernel/random/boot_id /root/kept").stdout.split()
        assert kept == "kept"
        assert second != first
        client.call("UnassociateEipAddress", {"AllocationId": eip, "InstanceId": instance_id})
        time.sleep(3)
        assert port_of(address, 1.0) == 0
    finally:
        shell("instance", "rm", instance_id, "--yes")
        client.call("ReleaseEipAddress", {"AllocationId": eip})
        client.close()
