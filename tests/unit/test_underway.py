"""Notes of creations under way."""

from __future__ import annotations

from pathlib import Path

from goldrun.garm.underway import STALE_SECONDS, underway
from tests.conftest import NOW
from tests.virtual_time import FakeClock, Wall


def test_processes_see_each_others_creations_in_their_pool(tmp_path: Path) -> None:
    clock = FakeClock(Wall(NOW))
    with underway(tmp_path, "pool", "a", clock), underway(tmp_path, "other", "c", clock):
        with underway(tmp_path, "pool", "b", clock) as names:
            assert names == {"a", "b"}
        with underway(tmp_path, "pool", "d", clock) as names:
            assert names == {"a", "d"}, "what has ended does not count"
    assert not list(tmp_path.iterdir())


def test_a_killed_process_does_not_count_for_ever(tmp_path: Path) -> None:
    clock = FakeClock(Wall(NOW))
    killed = underway(tmp_path, "pool", "killed", clock)
    killed.__enter__()
    clock.sleep(STALE_SECONDS - 1)
    with underway(tmp_path, "pool", "b", clock) as names:
        assert names == {"killed", "b"}
    clock.sleep(1)
    with underway(tmp_path, "pool", "b", clock) as names:
        assert names == {"b"}


def test_where_no_note_can_be_written_the_creation_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder, name in ((tmp_path / "file", "a"), (tmp_path, "a/../b\0")):
        with underway(folder, "pool", name, FakeClock(Wall(NOW))) as names:
            assert names == {name}
