"""What is inside an image is read from an instance of it, which may say anything."""

from __future__ import annotations

import base64
import gzip
import re
import zlib
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from benchmarks.silence import SilentReport

from goldrun.bake import inspection
from goldrun.bake.inspection import read_contents
from goldrun.cloud.assistant import Result
from goldrun.errors import RefusedError, UnavailableError

LIST = "os\tubuntu\t24.04\ndeb\tjq\t1.7.1\n"


@dataclass
class Instance:
    """Stands for a machine that has a packed list, and says how long it is."""

    packed: bytes
    says: str = ""
    dropped: int = 0
    id: str = "i-1"
    pieces: int = 0

    def run(self, name: str, script: bytes, **_: object) -> Result:
        if name == "list the packages":
            return Result("Success", 0, self.says or str(len(self.packed)), "", self.dropped)
        self.pieces += 1
        found = re.search(rb"tail -c \+(\d+)", script)
        assert found
        start = int(found[1]) - 1
        return Result("Success", 0, base64.b64encode(self.packed[start : start + inspection.PIECE_BYTES]).decode(), "")


def read(machine: Instance, packages: str = "") -> Any:
    recipe = SimpleNamespace(packages=packages)
    loaded = SimpleNamespace(variables=lambda _: {}, contents={packages: b""})
    alias = SimpleNamespace(lineage="tools-amd64")
    context = SimpleNamespace(recipe=recipe, loaded=loaded, architecture="amd64", report=SilentReport(), alias=alias)
    return read_contents(context, machine)  # type: ignore[arg-type]


def test_a_list_is_read_in_pieces() -> None:
    more = "".join(f"deb\tpackage-{number * 7919 % 1_000_003}\t1.{number}\n" for number in range(20_000))
    machine = Instance(gzip.compress((LIST + more).encode()))
    assert len(read(machine).components) == 20_001
    assert machine.pieces > 1


@pytest.mark.parametrize("says", ["999999999999", "9" * 5000, str(inspection.MOST_PACKED + 1)])
def test_no_image_keeps_us_reading(says: str) -> None:
    machine = Instance(gzip.compress(LIST.encode()), says)
    with pytest.raises(RefusedError, match="too long"):
        read(machine)
    assert machine.pieces == 0


def test_a_list_that_is_small_only_while_it_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "MOST_UNPACKED", 100_000)
    with pytest.raises(RefusedError, match="too long"):
        read(Instance(gzip.compress(bytes(10_000_000))))


@pytest.mark.parametrize("says", ["none", "", "٣"])
def test_what_runs_no_scripts_has_no_list(says: str) -> None:
    assert read(Instance(b"", says or "\n")).components == ()


def test_a_script_of_a_recipe_that_prints_too_much_is_refused() -> None:
    """What Cloud Assistant leaves out would be missing, and nobody would notice."""
    assert len(read(Instance(b"", LIST), "packages.sh").components) == 1
    with pytest.raises(RefusedError, match="prints 1,000 bytes too much"):
        read(Instance(b"", LIST, dropped=1000), "packages.sh")


@pytest.mark.parametrize(
    "packed", [gzip.compress(LIST.encode(), mtime=0)[:-12], b"nothing packed", zlib.compress(b"x")]
)
def test_half_a_list_proves_nothing(packed: bytes) -> None:
    with pytest.raises(UnavailableError, match="is incomplete"):
        read(Instance(packed))
