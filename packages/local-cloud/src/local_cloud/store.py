"""Stores the records: in memory for reading, in one SQLite file to keep.

Every version of a record is stored with the span of (virtual) time in which it was current. A change is on disk before
it is answered, so a killed server loses nothing. Stale reads are answered from the versions of some seconds ago.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from goldrun.errors import UsageError
from local_cloud import access, records
from local_cloud.clock import Anchor
from local_cloud.github import records as github
from local_cloud.index import Index
from local_cloud.lock import Lock
from local_cloud.records import Record, identities, objects

KEPT_SECONDS = 3600.0
FORGET_EVERY = 1000  # writes
FOREVER = 9e15

KINDS: dict[str, type[Record]] = {
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
        records.Eip,
        records.NatGateway,
        records.SnatEntry,
        records.NetworkInterface,
        records.LaunchTemplate,
        records.ProvisioningGroup,
        records.Interruption,
        records.Usage,
        records.Invocation,
        github.GitHubRunner,
        github.GitHubRun,
        github.GitHubJob,
        github.GitHubScaleSet,
        github.GitHubMessage,
        github.GitHubHook,
        github.GitHubToken,
        github.GitHubApp,
        github.GitHubInstallationToken,
        github.GitHubCheck,
        github.GitHubVariable,
        github.GitHubSecret,
        github.GitHubCommit,
        github.GitHubBranch,
        github.GitHubPull,
        github.GitHubManifestCode,
        access.AccessKey,
        access.Denial,
        access.Policy,
        access.TrustPolicy,
        access.SigningKey,
        identities.RamRole,
        identities.RamPolicy,
        identities.PolicyAttachment,
        identities.OidcProvider,
        objects.Bucket,
        objects.StoredObject,
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
One = TypeVar("One", bound=records.Resource)


class StoreError(UsageError):
    """The data file cannot be read or written: the disk is full, the file is read-only or broken."""

    def __init__(self, path: Path | None, reason: object) -> None:
        super().__init__(
            f"The local cloud's data file {path or 'in memory'} cannot be used.",
            why=[f"{reason}."],
            fix=["make room, or make it writable", "or name another file: --data FILE"],
        )


class View(Protocol):
    """A source of records."""

    def get(self, kind: type[R], record_id: str) -> R | None:
        """Return the record, or None."""

    def all(self, kind: type[R]) -> Iterable[R]:
        """Return all records of a kind."""

    def index(self, kind: type[One]) -> Index[One]:
        """Return the index of a kind, as its records are now."""


class Store:
    """The current records. One thread at a time."""

    def __init__(self, path: Path | None, now: Callable[[], float]) -> None:
        """Open and lock the file (None: keep everything in memory).

        Raises:
            InUseError: another process uses it.
            StoreError: it cannot be used.
        """
        self.now = now
        self._path = path
        self._current: dict[type[Record], dict[str, Record]] = {kind: {} for kind in KINDS.values()}
        self._pending: dict[tuple[type[Record], str], Record | None] | None = None
        self._indexes: dict[type[Record], Index[Any]] = {}
        self._writes = 0
        try:
            self._lock = Lock(path) if path else None
        except OSError as error:
            raise StoreError(path, error.strerror) from error
        try:
            self._db = self._open()
        except BaseException:
            self._unlock()
            raise

    def _open(self) -> sqlite3.Connection:
        with self._reporting():
            db = sqlite3.connect(self._path or ":memory:", isolation_level=None, check_same_thread=False)
        try:
            with self._reporting():
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
                db.executescript(_SCHEMA)
                for name, blob in db.execute("SELECT kind, record FROM version WHERE until = ?", (FOREVER,)):
                    record = msgspec.json.decode(blob, type=KINDS[name])
                    self._current[type(record)][record.id] = record
        except (KeyError, msgspec.DecodeError) as error:
            db.close()
            raise StoreError(self._path, f"It holds what this version of goldrun does not know: {error}") from error
        except BaseException:
            db.close()
            raise
        return db

    def get(self, kind: type[R], record_id: str) -> R | None:
        """Return the current record, or None."""
        if self._pending is not None and (kind, record_id) in self._pending:
            record = self._pending[kind, record_id]
        else:
            record = self._current[kind].get(record_id)
        assert record is None or isinstance(record, kind)
        return record

    def all(self, kind: type[R]) -> Iterable[R]:
        """Return all records of a kind, oldest first."""
        found = self._current[kind]
        if self._pending:
            pending = {record_id: record for (one, record_id), record in self._pending.items() if one is kind}
            found = {key: record for key, record in {**found, **pending}.items() if record is not None}
        return list(found.values())  # type: ignore[arg-type]

    def index(self, kind: type[One]) -> Index[One]:
        """Return the index of a kind, as its records are now."""
        if self._pending and any(one is kind for one, _ in self._pending):
            return Index(self.all(kind))
        if kind not in self._indexes:
            self._indexes[kind] = Index(self.all(kind))
        return self._indexes[kind]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write the changes of this block at its end; on an exception, none of them."""
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
        """The local cloud's settings."""
        return self.get(records.Settings, "settings") or records.Settings(id="settings")

    def load_anchor(self) -> Anchor | None:
        """Return the saved anchor of the clock."""
        with self._reporting():
            row = self._db.execute("SELECT anchor FROM clock").fetchone()
        return msgspec.json.decode(row[0], type=Anchor) if row else None

    def save_anchor(self, anchor: Anchor) -> None:
        """Save the clock's anchor."""
        with self._reporting():
            self._db.execute("INSERT OR REPLACE INTO clock VALUES (1, ?)", (msgspec.json.encode(anchor),))

    def latest(self) -> float:
        """Return the time of the last write, in virtual time; 0: never."""
        return float(self._db.execute("SELECT coalesce(max(since), 0) FROM version").fetchone()[0])

    def clear(self) -> None:
        """Delete everything but the clock."""
        with self._reporting():
            self._db.execute("DELETE FROM version")
        for kept in self._current.values():
            kept.clear()
        self._indexes.clear()

    def close(self) -> None:
        """Delete old versions, close the file and unlock it."""
        with suppress(StoreError):  # keeping them is harmless
            self._forget()
        self._db.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock:
            self._lock.release()

    def _forget(self) -> None:
        with self._reporting():
            self._db.execute("DELETE FROM version WHERE until < ?", (self.now() - KEPT_SECONDS,))

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Report an error of SQLite as one for people."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(self._path, error) from error

    def as_of(self, moment: float) -> View:
        """Return the records at ``moment``, within about the last hour."""
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
        with self._reporting():
            self._db.execute("BEGIN")
            try:
                self._db.executemany("UPDATE version SET until = ? WHERE kind = ? AND id = ? AND until = ?", keys)
                self._db.executemany("INSERT INTO version VALUES (?, ?, ?, ?, ?)", rows)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # on a full disk SQLite may have rolled back by itself
                    self._db.execute("ROLLBACK")
                raise
        for (kind, record_id), record in changes.items():
            self._indexes.pop(kind, None)
            if record is None:
                self._current[kind].pop(record_id, None)
            else:
                self._current[kind][record_id] = record
        self._writes += 1
        if self._writes % FORGET_EVERY == 0:
            with suppress(StoreError):  # the change itself is written
                self._forget()


class _Past:
    """The records at an earlier moment."""

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

    def index(self, kind: type[One]) -> Index[One]:
        return Index(self.all(kind))
