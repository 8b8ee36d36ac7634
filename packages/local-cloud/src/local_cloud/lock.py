"""Locks the data file: each server answers from memory, so two servers of one file would lose each other's data."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from goldrun.errors import UsageError


class InUseError(UsageError):
    """Another process uses the data file."""

    def __init__(self, data: Path, pid: str) -> None:
        super().__init__(
            f"The data file {data} is in use.",
            why=[f"The local cloud of process {pid} serves it." if pid else "Another local cloud serves it."],
            fix=["stop that one: goldrun local down", "or name another file: --data FILE"],
        )
        self.pid = pid


class Lock:
    """A lock that is held from its creation until ``release`` or the end of the process."""

    def __init__(self, data: Path) -> None:
        """Lock ``data``, by a file beside it that stays.

        Raises:
            InUseError: another process holds the lock.
            OSError: the file cannot be created.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(data.with_name(f"{data.name}.lock"), flags, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(self._file, 32).decode(errors="replace").strip()
            os.close(self._file)
            raise InUseError(data, pid) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Release the lock."""
        os.close(self._file)
