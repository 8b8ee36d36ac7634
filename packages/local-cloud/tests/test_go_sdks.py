"""The table of calls by the official Go SDKs, the current one and the legacy one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import Running

from conformance.bridges import Program
from conformance.driver import play
from conformance.table import CALLS

SOURCES = Path(__file__).parent / "conformance/go"
# What each SDK can be had for: the current one is a module a product.
PRODUCTS = {"current": ("ecs", "vpc"), "legacy": ("ecs", "vpc", "sts", "bssapi")}

pytestmark = pytest.mark.skipif(
    os.environ.get("GOLDRUN_TEST_GO") != "1" or not shutil.which("go"),
    reason="GOLDRUN_TEST_GO=1 needs Go: make test-go",
)


@pytest.mark.parametrize("sdk", PRODUCTS)
def test_the_table(populated: Running, tmp_path: Path, sdk: str) -> None:
    program = tmp_path / sdk
    subprocess.run(["go", "build", "-o", str(program), f"./{sdk}"], cwd=SOURCES, check=True)
    calls = [call for call in CALLS if call.product in PRODUCTS[sdk]]
    with Program([str(program)], populated, flat=sdk == "legacy") as bridge:
        assert play(populated, calls, bridge.call) == []
