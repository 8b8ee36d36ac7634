"""Lists of packages that a build leaves: a place that does not do is told early, and half a list is none."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from goldrun.cli.listed import receiver
from goldrun.cloud.images import Image
from goldrun.contents.components import parse
from goldrun.errors import OutputError, UsageError
from tests.conftest import Running

LIST = "os\tubuntu\t24.04\ndeb\tjq\t1.7.1\n"


def image() -> Image:
    return Image.from_api({"ImageId": "m-1", "ImageName": "tools-amd64-20261123080000"})


@pytest.mark.parametrize("place", ["/dev/null", "/dev/null/x", "/proc/nope"])
def test_a_folder_that_cannot_be_made_is_told_before_anything_is_built(frozen: Running, place: str) -> None:
    with pytest.raises(UsageError, match="cannot hold bills of materials"):
        receiver(Path(place), None, frozen.client())


def test_lists_are_written(frozen: Running, tmp_path: Path) -> None:
    receiver(tmp_path / "a/b", None, frozen.client())(image(), parse(LIST))
    assert {file.suffix for file in (tmp_path / "a/b").iterdir()} == {".json", ".md"}


def test_half_a_list_does_not_stay(frozen: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    receive = receiver(tmp_path, None, frozen.client())
    write = Path.write_text

    def full(self: Path, text: str, **more: Any) -> int:
        write(self, text[:10], **more)
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="could not be written") as caught:
        receive(image(), parse(LIST))
    assert caught.value.exit_code == 8
    assert list(tmp_path.iterdir()) == []
