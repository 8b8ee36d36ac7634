"""Stores the records: in memory for reading, in one file to keep. Stale reads show what they were some seconds ago."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from local_cloud import access, records
from local_cloud.clock import Anchor
from local_cloud.data_file import DataFile, StoreError
from local_cloud.github import records as github
from local_cloud.history import ALWAYS, History
from local_cloud.index import Index
from local_cloud.records import Record, identities, objects

KEPT_SECONDS = 3600.0
FORGET_EVERY = 1000  # writes

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

R = TypeVar("R", bound=Record)
One = TypeVar("One", bound=records.Resource)


class View(Protocol):
    """A source of records."""

    def get(self, kind: type[R], record_id: str) -> R | None:
        """Return the record, or None."""

    def all(self, kind: type[R]) -> Iterable[R]:
        """Return all records of a kind."""

    def index(self, kind: type[One]) -> Index[One]:
        """Return the index of a kind, as its records are now."""


class Store:
    """The current records. One thread at a time.

    Attributes:
        now: the present moment.
        latest: when the last record changed that was in the file when it was opened; 0: there was none.
    """

    def __init__(self, path: Path | None, now: Callable[[], float]) -> None:
        """Open and lock the file (None: keep everything in memory).

        Raises:
            InUseError: another process uses it.
            StoreError: it cannot be used.
        """
        self.now = now
        self.latest = 0.0
        self._current: dict[type[Record], dict[str, Record]] = {kind: {} for kind in KINDS.values()}
        self._pending: dict[tuple[type[Record], str], Record | None] | None = None
        self._indexes: dict[type[Record], Index[Any]] = {}
        self._history = History()
        self._writes = 0
        self._file = DataFile(path) if path else None
        if self._file:
            try:
                self._load(self._file)
            except BaseException:
                self._file.close()
                raise

    def _load(self, file: DataFile) -> None:
        for name, since, content in file.read():
            try:
                record = msgspec.json.decode(content, type=KINDS[name])
            except (KeyError, msgspec.DecodeError) as error:
                raise StoreError(file.path, f"It holds what this version of goldrun does not know: {error}") from error
            self._current[type(record)][record.id] = record
            # What it was before is not known.
            self._history.change(type(record), record.id, None, record, ALWAYS)
            self.latest = max(self.latest, since)

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
        return self._file.load_anchor() if self._file else None

    def save_anchor(self, anchor: Anchor) -> None:
        """Save the clock's anchor."""
        if self._file:
            self._file.save_anchor(anchor)

    def clear(self) -> None:
        """Delete everything but the clock."""
        if self._file:
            self._file.clear()
        for kept in self._current.values():
            kept.clear()
        self._history.clear()
        self._indexes.clear()

    def close(self) -> None:
        """Close the file and unlock it."""
        if self._file:
            self._file.close()

    def as_of(self, moment: float) -> View:
        """Return the records at ``moment``, within about the last hour, as far as this process has seen it."""
        return _Past(self._current, self._history, moment)

    def _change(self, changes: dict[tuple[type[Record], str], Record | None]) -> None:
        if self._pending is None:
            self._write(changes)
        else:
            self._pending.update(changes)

    def _write(self, changes: dict[tuple[type[Record], str], Record | None]) -> None:
        if not changes:
            return
        now = self.now()
        if self._file:
            self._file.write(changes, now)
        for (kind, record_id), record in changes.items():
            self._indexes.pop(kind, None)
            current = self._current[kind]
            self._history.change(kind, record_id, current.get(record_id), record, now)
            if record is None:
                current.pop(record_id, None)
            else:
                current[record_id] = record
        self._writes += 1
        if self._writes % FORGET_EVERY == 0:
            self._history.forget(now - KEPT_SECONDS)


class _Past:
    """The records at an earlier moment."""

    def __init__(self, current: dict[type[Record], dict[str, Record]], history: History, moment: float) -> None:
        self._current, self._history, self._moment = current, history, moment

    def get(self, kind: type[R], record_id: str) -> R | None:
        return next((record for record in self.all(kind) if record.id == record_id), None)

    def all(self, kind: type[R]) -> Iterable[R]:
        return self._history.at(kind, self._current[kind], self._moment)  # type: ignore[return-value]

    def index(self, kind: type[One]) -> Index[One]:
        return Index(self.all(kind))
