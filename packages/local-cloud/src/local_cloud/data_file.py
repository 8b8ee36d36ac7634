"""The records in one SQLite file. A change is on disk before it is answered, so a killed server loses nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from goldrun.errors import UsageError
from local_cloud.clock import Anchor
from local_cloud.lock import Lock
from local_cloud.records import Record

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (kind TEXT, id TEXT, since REAL, content BLOB, UNIQUE (kind, id));
CREATE TABLE IF NOT EXISTS clock (only INTEGER PRIMARY KEY CHECK (only = 1), anchor BLOB);
"""
# Older files also had the former versions of records.
_OLDER = """
INSERT INTO record SELECT kind, id, since, record FROM version WHERE until = 9e15 ORDER BY rowid;
DROP TABLE version;
"""


class StoreError(UsageError):
    """The data file cannot be read or written: the disk is full, the file is read-only or broken."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(
            f"The local cloud's data file {path} cannot be used.",
            why=[f"{reason}."],
            fix=["make room, or make it writable", "or name another file: --data FILE"],
        )


class DataFile:
    """The file, open and locked. One thread at a time. All methods raise ``StoreError``."""

    def __init__(self, path: Path) -> None:
        """Open and lock it.

        Raises:
            InUseError: another process uses it.
            StoreError: it cannot be used.
        """
        self.path = path
        try:
            self._lock = Lock(path)
        except OSError as error:
            raise StoreError(path, error.strerror) from error
        try:
            self._db = self._open()
        except BaseException:
            self._lock.release()
            raise

    def _open(self) -> sqlite3.Connection:
        with self._reporting():
            db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            with self._reporting():
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
                db.executescript(_SCHEMA)
                if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'version'").fetchone():
                    db.executescript(f"BEGIN; {_OLDER} COMMIT;")
        except BaseException:
            db.close()
            raise
        return db

    def read(self) -> list[tuple[str, float, bytes]]:
        """Return each record's kind, the time of its last change, and its content; oldest first."""
        with self._reporting():
            return self._db.execute("SELECT kind, since, content FROM record ORDER BY rowid").fetchall()

    def write(self, changes: Mapping[tuple[type[Record], str], Record | None], now: float) -> None:
        """Write changes, all or none; None: the record is removed."""
        removed = [(kind.__name__, record_id) for (kind, record_id), record in changes.items() if record is None]
        new = [
            (kind.__name__, record_id, now, msgspec.json.encode(record))
            for (kind, record_id), record in changes.items()
            if record is not None
        ]
        with self._reporting():
            self._db.execute("BEGIN")
            try:
                self._db.executemany("DELETE FROM record WHERE kind = ? AND id = ?", removed)
                self._db.executemany(
                    "INSERT INTO record VALUES (?, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET since = excluded.since, content = excluded.content",
                    new,
                )
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # on a full disk SQLite may have rolled back by itself
                    self._db.execute("ROLLBACK")
                raise

    def clear(self) -> None:
        """Remove all records."""
        with self._reporting():
            self._db.execute("DELETE FROM record")

    def load_anchor(self) -> Anchor | None:
        """Return the saved anchor of the clock."""
        with self._reporting():
            row = self._db.execute("SELECT anchor FROM clock").fetchone()
        return msgspec.json.decode(row[0], type=Anchor) if row else None

    def save_anchor(self, anchor: Anchor) -> None:
        """Save the clock's anchor."""
        with self._reporting():
            self._db.execute("INSERT OR REPLACE INTO clock VALUES (1, ?)", (msgspec.json.encode(anchor),))

    def close(self) -> None:
        """Close and unlock it."""
        self._db.close()
        self._lock.release()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Report an error of SQLite as one for people."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(self.path, error) from error
