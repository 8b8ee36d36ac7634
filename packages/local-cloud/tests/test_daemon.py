"""A local cloud in the background: what is said when it does not start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.virtual_time import FakeClock

from goldrun.clock import SystemClock
from goldrun.errors import UnavailableError, UsageError
from local_cloud import daemon
from local_cloud.listening import listen
from shell import Shell


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that stands in for the interpreter that the server is started with."""
    program = tmp_path / "python"
    program.touch(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    return program


def test_one_that_ends_says_its_exit_code_and_its_last_words(python: Path, tmp_path: Path) -> None:
    python.write_text("#!/bin/sh\necho first; echo second; echo no such table; echo sorry >&2; exit 3\n")
    with pytest.raises(UnavailableError, match="did not start") as caught:
        daemon.start(tmp_path / "data", [], SystemClock())
    assert list(caught.value.why) == ["second", "no such table", "sorry", "Its process ended with exit code 3."]


def test_one_that_is_silent_is_told_from_one_that_ended(
    python: Path, tmp_path: Path, fake_clock: Callable[[], FakeClock]
) -> None:
    python.write_text("#!/bin/sh\nexec sleep 1000\n")
    with pytest.raises(UnavailableError) as caught:
        daemon.start(tmp_path / "data", [], fake_clock())
    assert list(caught.value.why) == ["It did not answer within 60 s."]


def test_what_is_no_data_file_stays_as_it_is(tmp_path: Path) -> None:
    """A wrong word in GOLDRUN_LOCAL_DATA took a folder's mode away, and with it everybody's way in."""
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir(mode=0o755)
    file.write_text("somebody's")
    file.chmod(0o644)
    for place in (folder, file, Path("/dev/null")):
        before = place.stat()
        with pytest.raises(UsageError, match="is not a data file"):
            daemon.make_room(place)
        after = place.stat()
        assert (after.st_mode, after.st_mtime) == (before.st_mode, before.st_mtime)


@pytest.mark.parametrize("more", [(), ("--detach",)])
def test_a_port_that_is_taken_is_told_before_anything_is_made(shell: Shell, tmp_path: Path, more: tuple[str]) -> None:
    """Folders and an empty data file were left."""
    with listen(0) as taken:
        words = ("--port", str(taken.getsockname()[1]), "--data", str(tmp_path / "new/data"))
        said = shell("local", "up", *words, *more, code=2).stderr
    assert "cannot be used" in said
    assert not (tmp_path / "new").exists()


def test_a_data_file_is_this_user_s_alone(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    daemon.make_room(data)
    assert (data.stat().st_mode & 0o777, data.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    data.chmod(0o644)
    daemon.make_room(data)
    assert data.stat().st_mode & 0o777 == 0o600
