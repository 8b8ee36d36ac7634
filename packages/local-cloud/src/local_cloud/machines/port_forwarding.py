"""Public addresses of virtual machines: loopback addresses of this computer, forwarded to the guest's ssh.

Only forwarded ports lead into QEMU's user network. They are opened and closed while the virtual machine runs, as EIPs
are bound and released. Source: "QEMU Machine Protocol" and ``hostfwd_add`` in QEMU's documentation.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from pathlib import Path

SSH_PORT = 22
OTHER_PORT = 2222  # for a user who may not listen on 22
TIMEOUT = 10.0


def update(monitor: Path, forwarded: dict[str, int], wanted: Iterable[str]) -> None:
    """Forward the wanted addresses, and no others.

    Args:
        monitor: the socket of QEMU's monitor.
        forwarded: the ports of the addresses that are forwarded; this function updates it.
        wanted: the addresses to forward.
    """
    addresses = set(wanted)
    for address in set(forwarded) - addresses:
        if _run(monitor, f"hostfwd_remove tcp:{address}:{forwarded[address]}") is not None:
            del forwarded[address]
    for address in addresses - set(forwarded):
        for port in (SSH_PORT, OTHER_PORT):
            # On success the answer is empty.
            if _run(monitor, f"hostfwd_add tcp:{address}:{port}-:22") == "":
                forwarded[address] = port
                break


def _run(monitor: Path, command: str) -> str | None:
    """Return the monitor's answer to a command for people; None if it does not answer."""
    messages = [
        {"execute": "qmp_capabilities"},
        {"execute": "human-monitor-command", "arguments": {"command-line": command}},
    ]
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(str(monitor))
            with connection.makefile("rw", encoding="utf-8") as stream:
                stream.readline()  # the greeting
                answer: dict[str, str] = {}
                for message in messages:
                    stream.write(json.dumps(message) + "\n")
                    stream.flush()
                    answer = {}
                    while "return" not in answer and "error" not in answer:  # events come in between
                        answer = json.loads(stream.readline())
    except (OSError, ValueError):
        return None
    return str(answer.get("return", "error")).strip()
