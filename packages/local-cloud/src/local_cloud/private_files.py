"""Files that no other user can read, not even while they are written."""

from __future__ import annotations

import os
from pathlib import Path


def privately(path: str, flags: int) -> int:
    """Open a file that is the user's alone; for ``open``'s parameter ``opener``."""
    return os.open(path, flags, 0o600)


def write_privately(path: Path, content: bytes) -> None:
    """Write a file at once or not at all."""
    part = path.with_suffix(f".{os.getpid()}")
    part.unlink(missing_ok=True)
    with open(part, "xb", opener=privately) as file:
        file.write(content)
    part.replace(path)
