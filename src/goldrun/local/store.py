"""Where the records live: in memory for reading, in one SQLite file for ever.

Every version of a record is kept with the span of (virtual) time in which it was the current one. So a change is on
disk before it is answered, a killed server loses nothing, and what the cloud showed some seconds ago can still be
asked: that is how stale reads are served.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from goldrun.local import records
from goldrun.local.clock import Anchor
from goldrun.local.records import Record

KEPT_SECONDS = 3600.0
FOREVER = 9e15

_KINDS: dict[str, type[Record]] = {
    kind.__name__: kind
    for kind in (
        records.Image,
        records.Snapshot,
        records.Instance,
        records.Disk,
        records.Network,
        records.VSwitch,
        records.SecurityGroup,
        records.KeyPair,
        records.Interruption,
        records.Usage,
        records.Invocation,
        records.GitHubRunner,
        records.GitHubRun,
        records.GitHubJob,
        records.GitHubHook,
        records.GitHubToken,
        records.AccessKey,
        records.Denial,
        records.Policy,
        records.Receipt,
        records.Settings,
    )
}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS version (kind TEXT, id TEXT, since REAL, until REAL, record BLOB);
CREATE INDEX IF NOT EXISTS version_key ON version (kind, id, until);
CREATE INDEX IF NOT EXISTS version_until ON version (until);
CREATE TABLE IF NOT EXISTS clock (only INTEGER PRIMARY KEY CHECK (only = 1), anchor BLOB);
"""

R = TypeVar("R", bound=Record)


class View(Protocol):
    """Something records can be read from."""

    def get(self, kind: type[R], record_id: str) -> R | None:
        """The record, or None."""

    def all(self, kind: type[R]) -> Iterable[R]:
        """All records of a kind."""


class Store:
    """The current records. One thread at a time."""

    def __init__(self, path: Path | None, now: Callable[[], float]) -> None:
        """Open the file (None: keep everything in memory)."""
        self.now = now
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        self._current: dict[type[Record], dict[str, Record]] = {kind: {} for kind in _KINDS.values()}
        for name, blob in self._db.execute("SELECT kind, record FROM version WHERE until = ?", (FOREVER,)):
            record = msgspec.json.decode(blob, type=_KINDS[name])
            self._current[type(record)][record.id] = record
        self._pending: dict[tuple[type[Record], str], Record | None] | None = None

    def get(self, kind: type[R], record_id: str) -> R | None:
        """The record as it is now, or None."""
        if self._pending is not None and (kind, record_id) in self._pending:
            record = self._pending[kind, record_id]
        else:
            record = self._current[kind].get(record_id)
        assert record is None or isinstance(record, kind)
        return record

    def all(self, kind: type[R]) -> Iterable[R]:
        """All records of a kind, oldest first."""
        return list(self._current[kind].values())  # type: ignore[arg-type]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is put and removed inside is written at the end, all of it or, on an exception, nothing."""
        self._pending = {}
        try:
            yield
            self._write(self._pending)
        finally:
            self._pending = None

    def put(self, *new: Record) -> None:
        """Add records, or replace those of the same kind and id."""
        self._change({(type(record), record.id): record for record in new})

    def remove(self, *old: Record) -> None:
        """Remove records."""
        self._change({(type(record), record.id): None for record in old})

    def settings(self) -> records.Settings:
        """How this cloud behaves."""
        return self.get(records.Settings, "settings") or records.Settings(id="settings")

    def load_anchor(self) -> Anchor | None:
        """The clock's anchor as it was saved last."""
        row = self._db.execute("SELECT anchor FROM clock").fetchone()
        return msgspec.json.decode(row[0], type=Anchor) if row else None

    def save_anchor(self, anchor: Anchor) -> None:
        """Remember the clock's anchor."""
        self._db.execute("INSERT OR REPLACE INTO clock VALUES (1, ?)", (msgspec.json.encode(anchor),))

    def clear(self) -> None:
        """Forget everything but the time."""
        self._db.execute("DELETE FROM version")
        for kept in self._current.values():
            kept.clear()

    def close(self) -> None:
        """Forget versions that are long gone, and close the file."""
        self._db.execute("DELETE FROM version WHERE until < ?", (self.now() - KEPT_SECONDS,))
        self._db.close()

    def as_of(self, moment: float) -> View:
        """The records as they were at ``moment``, for about the last hour."""
        return _Past(self._db, moment)

    def _change(self, changes: dict[tuple[type[Record], str], Record | None]) -> None:
        if self._pending is None:
            self._write(changes)
        else:
            self._pending.update(changes)

    def _write(self, changes: dict[tuple[type[Record], str], Record | None]) -> None:
        if not changes:
            return
        now = self.now()
        keys = [(now, kind.__name__, record_id, FOREVER) for kind, record_id in changes]
        rows = [
            (kind.__name__, record_id, now, FOREVER, msgspec.json.encode(record))
            for (kind, record_id), record in changes.items()
            if record is not None
        ]
        self._db.execute("BEGIN")
        try:
            self._db.executemany("UPDATE version SET until = ? WHERE kind = ? AND id = ? AND until = ?", keys)
            self._db.executemany("INSERT INTO version VALUES (?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        for (kind, record_id), record in changes.items():
            if record is None:
                self._current[kind].pop(record_id, None)
            else:
                self._current[kind][record_id] = record


class _Past:
    """A look back."""

    def __init__(self, db: sqlite3.Connection, moment: float) -> None:
        self._db = db
        self._moment = moment

    def get(self, kind: type[R], record_id: str) -> R | None:
        return next((record for record in self.all(kind) if record.id == record_id), None)

    def all(self, kind: type[R]) -> Iterable[R]:
        rows = self._db.execute(
            "SELECT record FROM version WHERE kind = ? AND since <= ? AND until > ? ORDER BY rowid",
            (kind.__name__, self._moment, self._moment),
        )
        return [msgspec.json.decode(blob, type=kind) for (blob,) in rows]
