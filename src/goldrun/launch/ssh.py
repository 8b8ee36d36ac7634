"""Access to an instance by ssh without a key pair: Cloud Assistant adds a key of this session, and gives the host's.

So the host is known before the first connection, and nobody has to keep keys. The key's line on the instance expires;
the private key never leaves this computer.
"""

from __future__ import annotations

import re

from goldrun.cloud.client import EcsClient
from goldrun.errors import RefusedError
from goldrun.launch.machine import Machine

READY_SECONDS = 300.0  # of an instance that may be booting
ANSWER_SECONDS = 60.0
KEY_HOURS = 12
_HOST_KEY = re.compile(r"^(?:ssh|ecdsa)-\S+ [A-Za-z0-9+/=]+", re.MULTILINE)
_SCRIPT = b"""
set -eu
home=$(getent passwd "$LOGIN" | cut -d: -f6)
[ -n "$home" ] || { echo "there is no user $LOGIN"; exit 3; }
# An instance that has just booted makes its keys first.
for _ in $(seq 60); do
  ls /etc/ssh/ssh_host_*_key.pub > /dev/null 2>&1 && (exec 3<> /dev/tcp/127.0.0.1/22) 2> /dev/null && break || sleep 0.5
done
cat /etc/ssh/ssh_host_*_key.pub
umask 077
mkdir -p "$home/.ssh"
until=$(date -d "+$HOURS hours" +%Y%m%d%H%M)
keys="$home/.ssh/authorized_keys"
# A last line without an end would take the key in.
[ ! -s "$keys" ] || [ -z "$(tail -c 1 "$keys")" ] || echo >> "$keys"
printf 'expiry-time="%s" %s\\n' "$until" "$KEY" >> "$keys"
chown -R "$LOGIN:" "$home/.ssh"
"""


def admit(client: EcsClient, instance_id: str, login: str, key: str) -> list[str]:
    """Let a key in for some hours, and return the host's public keys.

    Args:
        client: the cloud.
        instance_id: a running instance.
        login: the user on it.
        key: the public key, as a line of ``authorized_keys``.

    Raises:
        LostError: the instance is gone.
        RefusedError: the instance does not do it.
        UnavailableError: its assistant does not answer.
    """
    machine = Machine(client, instance_id, key)
    machine.wait_until_ready(READY_SECONDS)
    variables = {"LOGIN": login, "KEY": key, "HOURS": str(KEY_HOURS)}
    result = machine.run("goldrun-ssh", _SCRIPT, timeout=ANSWER_SECONDS, variables=variables)
    keys = _HOST_KEY.findall(result.output)
    if not result.ok or not keys:
        lines = [line for line in result.output.splitlines()[-3:] if line.strip()]
        raise RefusedError(
            f"{instance_id} does not let ssh in.", why=lines or ["it has no host key: no sshd runs on it."]
        )
    return keys
