"""The fixtures of all tests, and a shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import env, fake_clock, frozen, goldrun, live, no_server_stays, populated

from shell import Shell

__all__ = ["env", "fake_clock", "frozen", "goldrun", "live", "no_server_stays", "populated", "shell"]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made("local", "down")
