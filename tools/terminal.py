"""A command on a terminal: what it prints there, and its exit code."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def run_on_terminal(
    words: Sequence[str], env: Mapping[str, str], *, columns: int, folder: Path | None = None
) -> tuple[int, str]:
    """Return a command's exit code, and all that it prints on a terminal of that width."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        words,
        env={"TERM": "xterm", **env, "COLUMNS": str(columns)},
        cwd=folder,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    said = b""
    while True:
        try:
            piece = os.read(controller, 65536)
        except OSError:  # a terminal's sign that its other side is closed
            break
        if not piece:
            break
        said += piece
    os.close(controller)
    return process.wait(), said.decode().replace("\r\n", "\n")
