"""The data file: one server has it, and what is wrong with it is said."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.virtual_time import FakeClock

from local_cloud import daemon
from local_cloud.access import Denial, SigningKey
from local_cloud.clock import Anchor
from local_cloud.data_file import StoreError
from local_cloud.lock import InUseError, Lock
from local_cloud.records import Image
from local_cloud.store import FORGET_EVERY, KEPT_SECONDS, Store


def opened(file: Path | None, now: float = 0.0) -> Store:
    return Store(file, lambda: now)


def database(store: Store) -> sqlite3.Connection:
    assert store._file
    return store._file._db


def test_a_second_store_on_one_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cloud.db"
    first = opened(file)
    files = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(InUseError) as refused:
        opened(file)
    assert len(list(Path("/proc/self/fd").iterdir())) == files
    assert f"process {os.getpid()} " in str(refused.value)
    assert "--data FILE" in str(refused.value)
    first.put(Denial(id="ecs:*"))
    first.close()
    again = opened(file)
    assert again.get(Denial, "ecs:*")
    again.close()


def test_a_transaction_sees_its_own_changes() -> None:
    store = opened(None)
    store.put(Denial(id="a"), Denial(id="b"), Denial(id="c"))
    with store.transaction():
        store.remove(Denial(id="a"))
        store.put(Denial(id="d"))
        store.put(Denial(id="b"))
        assert [one.id for one in store.all(Denial)] == ["b", "c", "d"]
        assert store.get(Denial, "a") is None
        assert store.get(Denial, "d")
    assert [one.id for one in store.all(Denial)] == ["b", "c", "d"]

    def fail() -> None:
        with store.transaction():
            store.remove(Denial(id="b"))
            assert [one.id for one in store.all(Denial)] == ["c", "d"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [one.id for one in store.all(Denial)] == ["b", "c", "d"]
    store.close()


def test_the_lock_of_a_killed_process_is_gone_with_it(tmp_path: Path) -> None:
    file = tmp_path / "cloud.db"
    code = (
        "import sys, pathlib, signal; from local_cloud.lock import Lock;"
        "held = Lock(pathlib.Path(sys.argv[1])); print('held', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InUseError) as refused:
            Lock(file)
        assert refused.value.pid == str(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
    Lock(file).release()


def test_a_program_that_a_server_has_started_does_not_hold_its_lock(tmp_path: Path) -> None:
    file = tmp_path / "cloud.db"
    held = Lock(file)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        held.release()
        Lock(file).release()
        child.kill()


def test_a_full_disk_is_reported_and_changes_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path / "cloud.db")
    store.put(Denial(id="before"))
    pages = database(store).execute("PRAGMA page_count").fetchone()[0]
    database(store).execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError) as said, store.transaction():
        store.put(*(Denial(id=f"{number} {'x' * 5000}") for number in range(10)))
    assert "full" in str(said.value)
    assert [one.id for one in store.all(Denial)] == ["before"]
    database(store).execute("PRAGMA max_page_count = 1000000")
    store.put(Denial(id="after"))
    assert [one.id for one in store.all(Denial)] == ["before", "after"]
    store.close()


def test_a_file_that_cannot_be_written_is_reported_and_can_be_closed(tmp_path: Path) -> None:
    file = tmp_path / "cloud.db"
    store = opened(file)
    database(store).execute("PRAGMA query_only = ON")
    anchor = Anchor(0.0, 0.0, 1.0)
    changes: list[Callable[[], None]] = [
        lambda: store.put(Denial(id="x")),
        lambda: store.save_anchor(anchor),
        store.clear,
    ]
    for change in changes:
        with pytest.raises(StoreError) as said:
            change()
        assert str(file) in str(said.value)
        assert "readonly" in str(said.value)
    store.close()
    opened(file).close()


@pytest.mark.parametrize(
    "broken", [b"SQLite format 3\0" + b"\xff" * 4096, b"no database at all, but long enough" * 200]
)
def test_a_broken_file_is_reported_and_not_kept_locked(tmp_path: Path, broken: bytes) -> None:
    file = tmp_path / "cloud.db"
    file.write_bytes(broken)
    for _ in range(2):
        with pytest.raises(StoreError):
            opened(file)


def test_records_of_a_later_version_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "cloud.db"
    opened(file).close()
    for kind, record in (("Unicorn", b"{}"), ("Denial", b'{"id":5}')):
        db = sqlite3.connect(file)
        db.execute("DELETE FROM record")
        db.execute("INSERT INTO record VALUES (?, '1', 0, ?)", (kind, record))
        db.commit()
        db.close()
        with pytest.raises(StoreError) as said:
            opened(file)
        assert "this version of goldrun" in str(said.value)


def test_a_file_of_an_older_version_is_read_and_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "cloud.db"
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE version (kind TEXT, id TEXT, since REAL, until REAL, record BLOB)")
    db.execute("INSERT INTO version VALUES ('Denial', 'gone', 1, 5, '{\"id\":\"gone\"}')")
    db.execute("INSERT INTO version VALUES ('Denial', 'here', 5, 9e15, '{\"id\":\"here\"}')")
    db.commit()
    db.close()
    for _ in range(2):
        store = opened(file)
        assert [one.id for one in store.all(Denial)] == ["here"]
        assert store.latest == 5
        store.close()


def test_records_keep_their_order_and_their_changes(tmp_path: Path) -> None:
    file = tmp_path / "cloud.db"
    a, b, c = (SigningKey(id=name, modulus="1", private="") for name in "abc")
    changed = SigningKey(id="a", modulus="2", private="")
    store = opened(file, 5.0)
    store.put(a, b, c)
    store.put(changed)
    store.remove(b)
    store.close()
    again = opened(file)
    assert list(again.all(SigningKey)) == [changed, c]
    again.close()


def test_a_reader_that_lags_is_shown_what_was(tmp_path: Path) -> None:
    moment = [10.0]
    store = Store(tmp_path / "cloud.db", lambda: moment[0])
    store.put(Denial(id="a"), Denial(id="b"))
    moment[0] = 20.0
    store.remove(Denial(id="a"))
    store.put(Denial(id="c"))
    seen = {at: [one.id for one in store.as_of(at).all(Denial)] for at in (9.9, 10.0, 19.9, 20.0)}
    assert seen == {9.9: [], 10.0: ["a", "b"], 19.9: ["a", "b"], 20.0: ["b", "c"]}
    store.close()
    again = opened(tmp_path / "cloud.db", 21.0)
    assert [one.id for one in again.as_of(19.9).all(Denial)] == ["b", "c"]  # it knows no more
    again.close()


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        opened(tmp_path / "nowhere" / "cloud.db")


def test_old_deleted_records_are_forgotten_at_run_time() -> None:
    moment = [0.0]
    store = Store(None, lambda: moment[0])
    for _ in range(2 * FORGET_EVERY):
        moment[0] += KEPT_SECONDS / FORGET_EVERY
        store.put(Denial(id="same"))
    assert len(store._history._ended[Denial]) <= FORGET_EVERY + 2
    assert list(store.as_of(moment[0]).all(Image)) == []
    assert store.as_of(moment[0] - KEPT_SECONDS / 2).get(Denial, "same")
    store.close()


class Ended:
    """A server that could not have the data file."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def poll(self) -> int:
        return 2

    def kill(self) -> None: ...

    def wait(self) -> None: ...


def test_a_second_start_returns_the_running_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_clock: Callable[[], FakeClock]
) -> None:
    data = tmp_path / "cloud.db"
    first = daemon.Running(1, 2, "token")
    found: Iterator[tuple[daemon.Running, dict[str, object]] | None] = iter([None, None, (first, {})])
    monkeypatch.setattr(daemon, "find", lambda _: next(found))
    monkeypatch.setattr(subprocess, "Popen", Ended)
    held = Lock(data)
    assert daemon.start(data, [], fake_clock()) == first
    held.release()
