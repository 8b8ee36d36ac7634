"""Cloud Assistant: runs scripts and puts files on an instance.

Sources: RunCommand (24 KB after base64), SendFile (32 KB), DescribeInvocationResults, DescribeSendFileResults,
DescribeCloudAssistantStatus.
"""

from __future__ import annotations

import base64
import gzip
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.rpc import Parameter
from goldrun.errors import UsageError

MAX_COMMAND = 24 * 1024
MAX_FILE = 23 * 1024
MAX_NAME = 128
MIN_TIMEOUT = 10
INSTANCES_A_CALL = 50
_RUNNING = ("Pending", "Running", "Stopping", "Scheduled")

_OPTIONS = re.compile(rb"#!.*\b(?:ba)?sh[ \t]+(-[aefhuvx]+(?:o[ \t]+pipefail)?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Result:
    """The state of a script, or its outcome.

    Attributes:
        status: Success, Failed, Timeout or Stopped; before the end Pending, Running, Stopping or Scheduled.
        exit_code: the script's.
        output: what it has printed, the first 6 KB while it runs; of more than 24 KB the beginning and the end.
        error: the API's error code, e.g. ``ExecutionTimeout``; empty if it succeeded.
        dropped: how many bytes of the output are left out between its beginning and its end.
    """

    status: str
    exit_code: int
    output: str
    error: str
    dropped: int = 0

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self.status in _RUNNING

    @property
    def stopped_by_instance(self) -> bool:
        """Whether the instance or its assistant is the cause, not the script."""
        return self.error.startswith(("Instance", "Client"))

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.status == "Success" and self.exit_code == 0


def is_ready(client: EcsClient, instance_id: str) -> bool | None:
    """Return whether an instance's assistant answers; None: the instance is not listed."""
    return _answering(client, [instance_id]).get(instance_id)


def find_ready(client: EcsClient, ids: Sequence[str]) -> set[str]:
    """Return those of the instances whose assistant answers; an instance that is not listed is not among them."""
    found: set[str] = set()
    for start in range(0, len(ids), INSTANCES_A_CALL):
        answering = _answering(client, ids[start : start + INSTANCES_A_CALL])
        found |= {one for one, answers in answering.items() if answers}
    return found


def _answering(client: EcsClient, ids: Sequence[str]) -> dict[str, bool]:
    """Return whether the assistants of up to 50 instances answer; those that are not listed are left out."""
    answer = client.call("DescribeCloudAssistantStatus", {"InstanceId": list(ids), "PageSize": INSTANCES_A_CALL})
    rows = answer["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"]
    return {str(row["InstanceId"]): str(row["CloudAssistantStatus"]).lower() == "true" for row in rows}


def run_command(client: EcsClient, instance_id: str, *, name: str, script: bytes, timeout: float, token: str) -> str:
    """Start a shell script as root, and return the invocation's id.

    Args:
        client: the cloud.
        instance_id: where it runs.
        name: its name in the cloud's list of invocations.
        script: its text, from ``command``.
        timeout: time limit in seconds.
        token: the ``ClientToken``: a repetition with the same one starts no second run.

    Raises:
        ApiError: ECS refuses; see ``is_instance_unfit``.
    """
    params: dict[str, Parameter] = {
        "Type": "RunShellScript",
        "Name": name[:MAX_NAME],
        "CommandContent": base64.b64encode(script).decode(),
        "ContentEncoding": "Base64",
        "Timeout": max(MIN_TIMEOUT, int(timeout)),
        "InstanceId": [instance_id],
        "ClientToken": token,
    }
    return str(client.call("RunCommand", params)["InvokeId"])


def read_result(client: EcsClient, invocation: str, instance_id: str) -> Result | None:
    """Return the state of an invocation; None: it is not listed yet."""
    answer = client.call(
        "DescribeInvocationResults", {"InvokeId": invocation, "InstanceId": instance_id, "ContentEncoding": "Base64"}
    )
    rows = answer["Invocation"]["InvocationResults"]["InvocationResult"]
    if not rows:
        return None
    row = rows[0]
    output = base64.b64decode(row.get("Output") or "").decode("utf-8", "replace")
    return Result(
        row["InvocationStatus"],
        int(row.get("ExitCode") or 0),
        output,
        str(row.get("ErrorCode") or ""),
        int(row.get("Dropped") or 0),
    )


def send_file(
    client: EcsClient, instance_id: str, *, name: str, folder: str, content: bytes, mode: str, owner: str, token: str
) -> str:
    """Begin to put a file of up to ``MAX_FILE`` bytes on an instance, and return the invocation's id.

    Args:
        client: the cloud.
        instance_id: the instance; its agent must run.
        name: the file's name.
        folder: where it is put; empty: ``/``.
        content: the file.
        mode: its permissions, ``0644``.
        owner: the user that owns it.
        token: the ``ClientToken``: a repetition sends nothing twice.

    Raises:
        ApiError: ECS refuses.
    """
    params: dict[str, Parameter] = {
        "Name": name,
        "TargetDir": folder or "/",
        "Content": base64.b64encode(content).decode(),
        "ContentType": "Base64",
        "FileMode": mode,
        "FileOwner": owner,
        "Overwrite": True,
        "InstanceId": [instance_id],
        "ClientToken": token,
    }
    return str(client.call("SendFile", params)["InvokeId"])


def read_delivery(client: EcsClient, invocation: str) -> Result | None:
    """Return the state of a file's delivery; None: it is not listed yet."""
    answer = client.call("DescribeSendFileResults", {"InvokeId": invocation})
    rows = answer["Invocations"]["Invocation"]
    return Result(rows[0]["InvocationStatus"], 0, "", "") if rows else None


def is_instance_unfit(error: ApiError) -> bool:
    """Return whether the instance is missing, or not in a state in which it runs commands."""
    return error.code.startswith(("InvalidInstanceId", "InvalidInstance.", "IncorrectInstanceStatus"))


def command(script: bytes, variables: Mapping[str, str]) -> bytes:
    """Return what is sent: the script with its environment, compressed if it is long.

    Raises:
        UsageError: it is too long even when compressed.
    """
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
    head = f"#!/bin/bash\n{exports}".encode()
    # What runs it does not see its own first line: with -e there, a script ends at a command that fails.
    options = found[1] if (found := _OPTIONS.match(script)) else b""
    plain = head + (b"set " + options + b"\n" if options else b"") + script
    if len(base64.b64encode(plain)) <= MAX_COMMAND:
        return plain
    packed = base64.b64encode(gzip.compress(script, 9, mtime=0))
    sent = (
        head
        + b"script=$(mktemp)\ntrap 'rm -f \"$script\"' EXIT\nbase64 -d <<'END' | gzip -d > \"$script\"\n"
        + packed
        + b"\nEND\nbash "
        + options
        + b' "$script"\n'
    )
    if len(base64.b64encode(sent)) > MAX_COMMAND:
        raise UsageError(
            f"A script of {len(script):,} bytes is too long to send.", fix=["split it into several steps."]
        )
    return sent
