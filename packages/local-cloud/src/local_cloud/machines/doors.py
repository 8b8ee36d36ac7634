"""Public addresses of virtual machines: loopback addresses of this computer, forwarded to the guest's ssh.

QEMU's user network has no way in but forwarded ports. They are opened and closed while the machine runs, as an EIP
comes and goes. Source: "QEMU Machine Protocol" and ``hostfwd_add`` in QEMU's documentation.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from pathlib import Path

SSH_PORT = 22
OTHER_PORT = 2222  # where this user may not listen on 22
TIMEOUT = 10.0


def follow(monitor: Path, opened: dict[str, int], wanted: Iterable[str]) -> None:
    """Open the wanted addresses and close the others.

    Args:
        monitor: the socket of QEMU's monitor.
        opened: the ports of the addresses that are open; is brought up to date.
        wanted: the addresses that are to answer.
    """
    addresses = set(wanted)
    for address in set(opened) - addresses:
        if _ask(monitor, f"hostfwd_remove tcp:{address}:{opened[address]}") is not None:
            del opened[address]
    for address in addresses - set(opened):
        for port in (SSH_PORT, OTHER_PORT):
            # It answers nothing if it has done it.
            if _ask(monitor, f"hostfwd_add tcp:{address}:{port}-:22") == "":
                opened[address] = port
                break


def _ask(monitor: Path, command: str) -> str | None:
    """Return the monitor's answer to a command for people; None if it does not answer."""
    messages = [
        {"execute": "qmp_capabilities"},
        {"execute": "human-monitor-command", "arguments": {"command-line": command}},
    ]
    try:
        with socket.socket(socket.AF_UNIX) as there:
            there.settimeout(TIMEOUT)
            there.connect(str(monitor))
            with there.makefile("rw", encoding="utf-8") as stream:
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
