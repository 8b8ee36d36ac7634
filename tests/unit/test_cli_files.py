"""Files that a user names."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from goldrun.cli.files import replace_file
from goldrun.errors import UsageError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "ci.yml"
    file.write_text("before")
    file.chmod(0o640)
    replace_file(file, "after")
    assert (file.read_text(), mode(file), list(tmp_path.iterdir())) == ("after", 0o640, [file])


def test_a_private_one_is_its_users_alone_whatever_it_was(tmp_path: Path) -> None:
    old, new = tmp_path / "old.toml", tmp_path / "new.toml"
    old.write_text("before")
    old.chmod(0o644)
    for file in (old, new):
        replace_file(file, "after", private=True)
        assert (file.read_text(), mode(file)) == ("after", 0o600)


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles" / "config.toml"
    kept.parent.mkdir()
    kept.write_text("before")
    link = tmp_path / "config.toml"
    link.symlink_to(kept)
    replace_file(link, "after")
    assert link.is_symlink()
    assert kept.read_text() == "after"


def test_a_folder_in_its_place_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    place = tmp_path / "taken"
    (place / "by").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"taken cannot be written\."):
        replace_file(place, "text")
    assert list(tmp_path.iterdir()) == [place]
