"""A client of a guest's QEMU agent, over its socket: writes and reads files, runs programs.

Source: "QEMU Guest Agent Protocol Reference" in QEMU's documentation.
"""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path
from typing import Any

READ_BYTES = 48 * 1024
WRITE_BYTES = 24 * 1024


class AgentError(Exception):
    """The agent does not answer, or answers with an error."""


class GuestAgent:
    """One guest's agent. Each call uses a new connection: a guest that restarts leaves no partial answer."""

    def __init__(self, path: Path, timeout: float = 20.0) -> None:
        self._path = path
        self._timeout = timeout

    def ping(self) -> bool:
        """Return whether it answers."""
        try:
            self._call("guest-ping", timeout=3.0)
        except AgentError:
            return False
        return True

    def write(self, path: str, content: bytes) -> None:
        """Write a file; create its folder.

        Raises:
            AgentError: it cannot be written.
        """
        self.wait(self.start("/bin/mkdir", ["-p", path.rpartition("/")[0] or "/"]))
        handle = self._call("guest-file-open", {"path": path, "mode": "w"})
        try:
            for start in range(0, len(content), WRITE_BYTES):
                piece = base64.b64encode(content[start : start + WRITE_BYTES]).decode()
                self._call("guest-file-write", {"handle": handle, "buf-b64": piece})
        finally:
            self._call("guest-file-close", {"handle": handle})

    def read(self, path: str, offset: int) -> bytes:
        """Return a file's content from ``offset`` on; empty if the file does not exist (yet)."""
        try:
            handle = self._call("guest-file-open", {"path": path, "mode": "r"})
        except AgentError:
            return b""
        try:
            self._call("guest-file-seek", {"handle": handle, "offset": offset, "whence": 0})
            answer = self._call("guest-file-read", {"handle": handle, "count": READ_BYTES})
            return base64.b64decode(answer["buf-b64"])
        finally:
            self._call("guest-file-close", {"handle": handle})

    def start(self, path: str, arguments: list[str]) -> int:
        """Start a program; return its process id."""
        return int(self._call("guest-exec", {"path": path, "arg": arguments})["pid"])

    def exit_code(self, pid: int) -> int | None:
        """Return a program's exit code; None while it runs."""
        answer = self._call("guest-exec-status", {"pid": pid})
        if not answer["exited"]:
            return None
        return int(answer.get("exitcode", 128 + int(answer.get("signal", 0))))

    def wait(self, pid: int) -> int:
        """Run a program that ends quickly; return its exit code."""
        while (code := self.exit_code(pid)) is None:
            pass
        return code

    def shut_down(self) -> None:
        """Ask the guest to power off."""
        try:
            self._call("guest-shutdown", {"mode": "powerdown"}, timeout=2.0)
        except AgentError:
            return  # it does not answer on success

    def _call(self, command: str, arguments: dict[str, Any] | None = None, timeout: float | None = None) -> Any:
        token = int.from_bytes(id(self).to_bytes(8, "big")[-4:], "big") & 0x7FFFFFFF
        messages = [
            {"execute": "guest-sync", "arguments": {"id": token}},
            {"execute": command, "arguments": arguments or {}},
        ]
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(timeout or self._timeout)
                connection.connect(str(self._path))
                answers = []
                for message in messages:
                    connection.sendall(json.dumps(message).encode() + b"\n")
                    answers.append(_line(connection, token if message["execute"] == "guest-sync" else None))
        except (OSError, ValueError) as error:
            raise AgentError(f"the guest agent does not answer: {error}") from error
        if "error" in answers[1]:
            raise AgentError(str(answers[1]["error"].get("desc", answers[1]["error"])))
        return answers[1]["return"]


def _line(connection: socket.socket, token: int | None) -> Any:
    """Return the next answer; if it is identified by a token, drop older ones."""
    rest = b""
    while True:
        while b"\n" not in rest:
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError("closed")
            rest += piece
        line, _, rest = rest.partition(b"\n")
        answer = json.loads(line.lstrip(b"\xff"))
        if token is None or answer.get("return") == token:
            return answer
