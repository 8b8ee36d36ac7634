"""A command on a terminal: what it prints there, and its exit code."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def run_on_terminal(
    words: Sequence[str],
    env: Mapping[str, str],
    *,
    columns: int,
    folder: Path | None = None,
    answers: Sequence[str] = (),
) -> tuple[int, str]:
    """Return a command's exit code, and all that it prints on a terminal of that width; it gets these answers."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        words,
        stdin=terminal if answers else None,
        env={"TERM": "xterm", **env, "COLUMNS": str(columns)},
        cwd=folder,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    said, waiting = b"", list(answers)
    while True:
        try:
            piece = os.read(controller, 65536)
        except OSError:  # a terminal's sign that its other side is closed
            break
        if not piece:
            break
        said += piece
        if waiting and said.endswith(b": "):  # a question
            os.write(controller, f"{waiting.pop(0)}\n".encode())
    os.close(controller)
    return process.wait(), said.decode().replace("\r\n", "\n")
