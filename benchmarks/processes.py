"""What a process has taken."""

from __future__ import annotations

import os
import subprocess
from typing import Any


def wait(process: subprocess.Popen[Any]) -> float:
    """Wait until a process has ended, and return the seconds of processor that it took, all its threads included."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime
