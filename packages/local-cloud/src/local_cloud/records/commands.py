"""Commands that Cloud Assistant runs on instances, and files that it sends."""

from __future__ import annotations

from local_cloud.market import NEVER
from local_cloud.records.base import Resource

SENT_BYTES = 6000  # of its output while it runs
KEPT_BYTES = 24 * 1024  # of its output in all


class Invocation(Resource, frozen=True, kw_only=True):
    """A command (or a file) for one instance.

    Attributes:
        invocation: its invocation's id.
        command: its command's id.
        instance: the instance that runs it.
        timeout: seconds that it may take.
        seconds: seconds that it takes.
        output: its whole output.
        answered: the assistant was running and accepted it.
        stopped: when it was stopped.
        lost: when its instance ends.
        file: the file's path, or empty for a command.
        live: ``waiting``, ``running`` or ``done`` in a virtual machine; empty in a simulated instance.
        content: the script or the file's content.
        mode: the file's mode.
        user: the file's owner.
        user_group: the file's group of users.
        overwrite: the file replaces one that is there.
        exists: the file was refused, because there is one already.
        description: its description.
        resource_group: the resource group that was named with it, or empty.
    """

    invocation: str
    command: str
    instance: str
    timeout: float
    seconds: float
    exit_code: int = 0
    output: str = ""
    answered: bool = True
    stopped: float = NEVER
    lost: float = NEVER
    file: str = ""
    live: str = ""
    content: bytes = b""
    mode: str = "0644"
    user: str = "root"
    user_group: str = "root"
    overwrite: bool = True
    exists: bool = False
    description: str = ""
    resource_group: str = ""

    def end(self) -> float:
        """Return when it ends, for any reason."""
        if self.live in ("waiting", "running"):
            return min(self.stopped, self.lost)
        return min(self.created + min(self.seconds, self.timeout), self.stopped, self.lost)

    def status(self, now: float) -> str:
        """The status at a moment."""
        if not self.answered:
            return "Failed"
        if now < self.end():
            return "Running"
        if self.end() == self.stopped:
            return "Stopped"
        if self.end() == self.lost:
            return "Failed"
        if self.seconds > self.timeout:
            return "Timeout"
        return "Success" if self.exit_code == 0 and not self.exists else "Failed"

    def printed(self, now: float) -> str:
        """Return its output up to a moment, which grows line by line over its time."""
        if self.live:
            return self.output
        lines = self.output.splitlines(keepends=True)
        share = (min(now, self.end()) - self.created) / self.seconds if self.seconds else 1.0
        return "".join(lines[: int(len(lines) * min(1.0, share))])

    def reported_output(self, now: float) -> tuple[bytes, int]:
        """Return the output that the assistant has reported, and how many bytes of it were dropped.

        The assistant sends the beginning while the command runs, and the end when the command has ended; it drops the
        middle (aliyun_assist_client, ``basetask.go``).
        """
        whole = self.printed(now).encode()
        sent = whole[:SENT_BYTES]
        if self.status(now) == "Running":
            return sent, 0
        dropped = max(0, len(whole) - KEPT_BYTES)
        return sent + whole[len(sent) + dropped :], dropped

    def error(self, now: float) -> str:
        """Return the API's error code of its failure; empty if it did not fail."""
        if not self.answered:
            return "ClientNotRunning"
        status = self.status(now)
        if status == "Failed":
            if self.end() == self.lost:
                return "InstanceReleased"
            return "FileAlreadyExists" if self.exists else "ExitCodeNonzero"
        return "ExecutionTimeout" if status == "Timeout" else ""
