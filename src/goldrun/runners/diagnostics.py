"""Diagnostics of a runner that does not come online: what its instance reports, and what to check."""

from __future__ import annotations

from typing import TypedDict

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import AccessDeniedError
from goldrun.cloud.instances import console_output
from goldrun.errors import GoldrunError
from goldrun.launch.console import last_lines
from goldrun.launch.machine import Machine
from goldrun.runners.bootstrap import ENDED, FAILED

CONSOLE_LINES = 12
EXAMINE_TIMEOUT = 30.0
# Reported by the instance itself: how far its boot is, the runner's log, whether it can reach GitHub.
EXAMINE = r"""
echo "cloud-init: $(cloud-init status 2>&1 | head -n 1)"
echo "agent: $(systemctl is-active goldrun-runner 2>&1)"
journalctl --no-pager --quiet --output=cat --lines=8 --unit=goldrun-runner 2>/dev/null
code=$(curl -sS -o /dev/null -w '%{http_code}' --max-time 10 "${SERVER}" 2>&1) \
  && echo "${SERVER} answers it (HTTP ${code})" || echo "${SERVER} cannot be reached from it: ${code}"
df -h / | tail -n 1
"""


class Reasons(TypedDict):
    """The parts of an error that the diagnostics fill."""

    why: list[str]
    fix: list[str]


def failure(machine: Machine) -> str:
    """Return why the instance gives up, according to its console; empty if it has not given up."""
    try:
        lines = console_output(machine.client, machine.id).splitlines()
    except GoldrunError:
        return ""  # no console yet; the wait continues
    return next((line.partition(FAILED)[2].strip() for line in reversed(lines) if FAILED in line), "")


def has_ended(client: EcsClient, instance_id: str) -> bool:
    """Return whether the instance reports on its console that it is done; False if there is no console.

    Raises:
        AccessDeniedError: RAM does not allow reading the console.
    """
    try:
        text = console_output(client, instance_id)
    except AccessDeniedError:
        raise
    except GoldrunError:
        return False
    return ENDED in text or FAILED in text


def explain(machine: Machine, server: str) -> Reasons:
    """Return everything that can be found out, skipping what cannot be read."""
    why = []
    try:
        result = machine.run(
            "why is there no runner", EXAMINE.encode(), timeout=EXAMINE_TIMEOUT, variables={"SERVER": server}
        )
        why += ["its instance says:", *(f"  {line}" for line in result.output.splitlines() if line.strip())]
    except GoldrunError as error:
        why.append(f"its instance cannot be reached ({error.what})")
    why += last_lines(machine.client, machine.id, CONSOLE_LINES)
    fix = [
        f"can the vSwitch reach {server} (NAT gateway, GOLDRUN_RUNNER_PROXY), and does the security group allow it?",
        "does the image boot, with cloud-init and the Cloud Assistant (goldrun image test)?",
    ]
    return {"why": why, "fix": fix}
