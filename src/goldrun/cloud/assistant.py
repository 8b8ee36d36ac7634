"""Cloud Assistant: scripts and files for an instance, results known by exit code, output as it comes.

Sources: RunCommand (24 KB after base64), SendFile (32 KB), DescribeInvocationResults, DescribeCloudAssistantStatus.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

from goldrun.cloud.client import EcsClient, Parameter
from goldrun.cloud.errors import ApiError, LostError
from goldrun.cloud.instances import describe_instances
from goldrun.errors import GoldrunError, RefusedError, UnavailableError
from goldrun.waiting import LAG_SECONDS, pause, wait_for, watch

MAX_COMMAND = 24 * 1024
CHUNK = 23 * 1024
MIN_TIMEOUT = 10
GRACE_SECONDS = 60.0
LOOKS_A_CHECK = 5  # so often, while its assistant does not answer, an instance is asked for itself
_RUNNING = ("Pending", "Running", "Stopping", "Scheduled")


@dataclass(frozen=True)
class Result:
    """How a script ended.

    Attributes:
        status: Success, Failed, Timeout or Stopped.
        exit_code: the script's.
        output: what it printed, the last 24 KB of it.
        error: the API's word for why, e.g. ``ExecutionTimeout``; empty if it succeeded.
    """

    status: str
    exit_code: int
    output: str
    error: str

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.status == "Success" and self.exit_code == 0


@dataclass(frozen=True)
class Machine:
    """An instance that scripts run on.

    Attributes:
        client: the cloud.
        id: the instance.
        key: what the scripts are for; with their names it makes the ``ClientToken`` of each.
    """

    client: EcsClient
    id: str
    key: str

    def wait_until_ready(self, seconds: float) -> None:
        """Wait until the assistant answers.

        Raises:
            LostError: the instance is gone.
            UnavailableError: it does not answer in time.
        """
        looks, clock = count(), self.client.clock
        start = clock.now()

        def look() -> bool | None:
            answer = self.client.call("DescribeCloudAssistantStatus", {"InstanceId": [self.id]})
            rows = answer["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"]
            if any(str(row["CloudAssistantStatus"]).lower() == "true" for row in rows):
                return True
            # One that was just made may not be seen yet: so early that says nothing.
            if (next(looks) % LOOKS_A_CHECK == 0 or not rows) and clock.now() - start > LAG_SECONDS:
                self._require_there()
            return None

        wait_for(
            self.client.clock,
            look,
            seconds=seconds,
            late=lambda elapsed: UnavailableError(
                f"{self.id} has booted, but its Cloud Assistant does not answer after {elapsed:.0f} s.",
                fix=[f"see what it says: goldrun instance console {self.id}", "is the agent in the image?"],
            ),
        )

    def run(
        self,
        name: str,
        script: bytes,
        *,
        timeout: float,
        variables: Mapping[str, str],
        tell: Callable[[str], None] = lambda _: None,
    ) -> Result:
        """Run a bash script as root, and return when it has ended.

        Args:
            name: what it is called in the cloud's list.
            script: its text.
            timeout: seconds that it may take.
            variables: its environment.
            tell: told each line that it prints, as it comes.

        Raises:
            LostError: the instance is gone.
        """
        params: dict[str, Parameter] = {
            "Type": "RunShellScript",
            "Name": name[:128],
            "CommandContent": base64.b64encode(command(script, variables)).decode(),
            "ContentEncoding": "Base64",
            "Timeout": max(MIN_TIMEOUT, int(timeout)),
            "InstanceId": [self.id],
            "ClientToken": self._token("run", name, script),
        }
        invocation = self._start("RunCommand", params)
        return self._follow(invocation, timeout, tell)

    def send(self, content: bytes, target: str, *, mode: str, owner: str) -> None:
        """Put a file on the instance, in pieces where it is long.

        Raises:
            LostError: the instance is gone.
            RefusedError: it cannot be put there.
        """
        folder, _, name = target.rpartition("/")
        pieces = [content[start : start + CHUNK] for start in range(0, len(content), CHUNK)] or [b""]
        for number, piece in enumerate(pieces):
            part = name if len(pieces) == 1 else f"{name}.part{number:03d}"
            params: dict[str, Parameter] = {
                "Name": part,
                "TargetDir": folder or "/",
                "Content": base64.b64encode(piece).decode(),
                "ContentType": "Base64",
                "FileMode": mode,
                "FileOwner": owner,
                "Overwrite": True,
                "InstanceId": [self.id],
                "ClientToken": self._token("send", f"{target} {number}", piece),
            }
            self._follow_file(self._start("SendFile", params), target)
        if len(pieces) > 1:
            quoted = shlex.quote(target)
            join = f"set -e\ncat {quoted}.part* > {quoted}\nrm {quoted}.part*\nchmod {mode} {quoted}\n"
            join += f"chown {shlex.quote(owner)} {quoted}\n"
            done = self.run(f"join {name}", join.encode(), timeout=60, variables={})
            if not done.ok:
                raise RefusedError(f"{target} could not be put together on {self.id}.", why=[done.output[-400:]])

    def _start(self, action: str, params: Mapping[str, Parameter]) -> str:
        try:
            return str(self.client.call(action, params)["InvokeId"])
        except ApiError as error:
            if error.code.startswith(("InvalidInstanceId", "InvalidInstance.NotMatch", "IncorrectInstanceStatus")):
                self._require_there()
            raise

    def _follow(self, invocation: str, timeout: float, tell: Callable[[str], None]) -> Result:
        told = 0

        def look() -> Result | None:
            nonlocal told
            answer = self.client.call(
                "DescribeInvocationResults",
                {"InvokeId": invocation, "InstanceId": self.id, "ContentEncoding": "Base64"},
            )
            rows = answer["Invocation"]["InvocationResults"]["InvocationResult"]
            if not rows:
                return None
            row = rows[0]
            output = base64.b64decode(row.get("Output") or "").decode("utf-8", "replace")
            finished = row["InvocationStatus"] not in _RUNNING
            lines = output.splitlines() if finished or output.endswith("\n") else output.splitlines()[:-1]
            for line in lines[told:]:
                tell(line)
            told = max(told, len(lines))
            if not finished:
                return None
            error = str(row.get("ErrorCode") or "")
            if error.startswith(("Instance", "Client")):
                self._require_there()
            return Result(row["InvocationStatus"], int(row.get("ExitCode") or 0), output, error)

        result = watch(self.client.clock, look, seconds=timeout + GRACE_SECONDS)
        if result is None:
            self._require_there()
            return Result("Timeout", -1, "", "no result came in time")
        return result

    def _follow_file(self, invocation: str, target: str) -> None:
        def look() -> bool | None:
            answer = self.client.call("DescribeSendFileResults", {"InvokeId": invocation})
            for one in answer["Invocations"]["Invocation"]:
                if one["InvocationStatus"] == "Success":
                    return True
                if one["InvocationStatus"] not in _RUNNING:
                    self._require_there()
                    raise RefusedError(f"{target} could not be put on {self.id}: {one['InvocationStatus']}.")
            return None

        def late(elapsed: float) -> GoldrunError:
            self._require_there()
            return UnavailableError(f"{target} was not on {self.id} after {elapsed:.0f} s.")

        wait_for(
            self.client.clock, look, seconds=2 * GRACE_SECONDS, late=late, often=lambda elapsed: pause(elapsed) / 2
        )

    def _require_there(self) -> None:
        found = describe_instances(self.client, ids=[self.id])
        if not found:
            raise LostError(f"{self.id} is gone.", why=["the market reclaimed it, or somebody deleted it."])
        if found[0].status in ("Stopping", "Stopped"):
            raise LostError(f"{self.id} is {found[0].status}.", why=["somebody stopped it, or it stopped itself."])

    def _token(self, kind: str, name: str, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        return hashlib.sha256(f"{self.key} {self.id} {kind} {name} {digest}".encode()).hexdigest()


def command(script: bytes, variables: Mapping[str, str]) -> bytes:
    """What is sent: the script with its environment, packed where it is long.

    Raises:
        GoldrunError: it is too long even so.
    """
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
    head = f"#!/bin/bash\n{exports}".encode()
    plain = head + script
    if len(base64.b64encode(plain)) <= MAX_COMMAND:
        return plain
    packed = base64.b64encode(gzip.compress(script, 9, mtime=0))
    sent = (
        head
        + b"script=$(mktemp)\ntrap 'rm -f \"$script\"' EXIT\nbase64 -d <<'END' | gzip -d > \"$script\"\n"
        + packed
        + b'\nEND\nbash "$script"\n'
    )
    if len(base64.b64encode(sent)) > MAX_COMMAND:
        raise GoldrunError(
            f"A script of {len(script):,} bytes is too long to be sent.", fix=["split it into several steps."]
        )
    return sent
