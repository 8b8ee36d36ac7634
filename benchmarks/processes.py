"""What a process has taken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# A process inherits its parent's peak of memory, so a small one starts the command, and tells what it took.
_MEASURE = """
import os, sys
process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(process, 0)
with open(sys.argv[1], "w") as told:
    print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=told)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def measuring(command: Sequence[str], file: Path) -> list[str]:
    """Return a command that runs ``command`` and writes what it took into ``file``, for ``taken``."""
    return [sys.executable, "-ISc", _MEASURE, str(file), *command]


def taken(file: Path) -> tuple[float, float]:
    """Return the seconds of processor and the MiB of memory that a command of ``measuring`` took at its peak."""
    seconds, kibibytes = file.read_text().split()
    return float(seconds), int(kibibytes) / 1024


def wait(process: subprocess.Popen[Any]) -> float:
    """Wait until a process has ended, and return the seconds of processor that it took, all its threads included."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime
