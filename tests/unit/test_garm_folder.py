"""The folder of the GARM provider's calls: nobody else's files are believed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from goldrun.garm.creation import own_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"goldrun-garm-{os.getuid()}"


def test_it_is_this_user_s_alone(folder: Path) -> None:
    assert own_folder() == folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert own_folder() == folder


def test_one_that_others_may_write_to_is_not_used(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    assert not own_folder().exists()


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    folder.symlink_to(tmp_path / "theirs")
    assert not own_folder().exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_another_user_s_is_not_used(folder: Path) -> None:
    folder.mkdir(0o700)
    os.chown(folder, 12345, 12345)
    assert not own_folder().exists()
