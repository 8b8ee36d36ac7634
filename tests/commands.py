"""goldrun as a process of its own, as people and programs run it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def run_goldrun(
    words: tuple[str, ...], env: Mapping[str, str], folder: Path, *, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, and return what it has printed; it ends with that exit code, and no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "goldrun.cli.main", *words],
        env=env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done
