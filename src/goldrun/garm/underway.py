"""Notes which instances of a pool are being created: the engine starts a process for each, and none sees the others."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from goldrun.clock import Clock

STALE_SECONDS = 600.0  # a killed process leaves its note


@contextlib.contextmanager
def underway(folder: Path, pool: str, name: str, clock: Clock) -> Iterator[set[str]]:
    """Note that an instance is being created, and yield the names of all that are, this one among them.

    The notes only help to decide: where they cannot be written or read, this one alone is under way.
    """
    prefix = f"creating-{hashlib.sha256(pool.encode()).hexdigest()[:16]}-"
    note = folder / f"{prefix}{name}"
    with contextlib.suppress(OSError, ValueError):
        folder.mkdir(parents=True, exist_ok=True)
        note.write_text(str(clock.now()), encoding="utf-8")
    try:
        yield {name} | set(_fresh(folder, prefix, clock.now()))
    finally:
        with contextlib.suppress(OSError, ValueError):
            note.unlink()


def _fresh(folder: Path, prefix: str, now: float) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for note in folder.glob(f"{prefix}*"):
            with contextlib.suppress(OSError, ValueError):
                if now - float(note.read_text(encoding="utf-8") or now) < STALE_SECONDS:
                    yield note.name.removeprefix(prefix)
