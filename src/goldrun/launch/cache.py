"""Caches answers about the market on disk, for the commands of the next minutes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goldrun import config
from goldrun.clock import Clock

KEPT_SECONDS = 300.0
FORGET_SECONDS = 24 * 3600.0


class FileCache:
    """One small file per answer. A file that cannot be read or written counts as a miss."""

    def __init__(self, env: config.Environment, clock: Clock, folder: Path) -> None:
        """Open the cache; accounts and endpoints do not share answers."""
        self._folder = folder
        self._clock = clock
        self._tidy = False
        self._whose = f"{config.ACCESS_KEY_ID.read(env)} {config.PROFILE.read(env)} {config.ENDPOINT.read(env)}"

    def get(self, key: str) -> Mapping[str, Any] | None:
        """See ``Cache.get``."""
        try:
            kept = json.loads(self._file(key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        young = isinstance(kept, dict) and 0 <= self._clock.now() - kept.get("at", 0) < KEPT_SECONDS
        return kept["answer"] if young else None

    def put(self, key: str, answer: Mapping[str, Any]) -> None:
        """See ``Cache.put``."""
        file = self._file(key)
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            # Another command may be reading it.
            new = file.with_suffix(f".{os.getpid()}.new")
            new.write_text(json.dumps({"at": self._clock.now(), "answer": answer}), encoding="utf-8")
            new.replace(file)
            self._forget()

    def _forget(self) -> None:
        """Delete, once, what nobody will read again: the answer to another day's question."""
        if self._tidy:
            return
        self._tidy = True
        for old in self._folder.glob("*.json"):
            with contextlib.suppress(OSError):  # another command was faster
                if self._clock.now() - old.stat().st_mtime > FORGET_SECONDS:
                    old.unlink()

    def _file(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(f'{self._whose} {key}'.encode()).hexdigest()}.json"
