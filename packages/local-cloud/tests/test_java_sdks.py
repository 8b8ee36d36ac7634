"""The table of calls by the official Java SDKs."""

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

SOURCES = Path(__file__).parent / "conformance/java"

pytestmark = pytest.mark.skipif(
    os.environ.get("GOLDRUN_TEST_JAVA") != "1" or not shutil.which("mvn"),
    reason="GOLDRUN_TEST_JAVA=1 needs a JDK and Maven: make test-java",
)


def test_the_table(populated: Running, tmp_path: Path) -> None:
    built = tmp_path / "target"
    folders = [f"-Dconformance.target={built}", f"-Dmdep.outputFile={built}/classpath"]
    subprocess.run(["mvn", "-q", "-B", *folders, "compile", "dependency:build-classpath"], cwd=SOURCES, check=True)
    classpath = f"{built}/classes:{(built / 'classpath').read_text().strip()}"
    with Program(["java", "-cp", classpath, "conformance.Bridge"], populated) as bridge:
        calls = [call for call in CALLS if call.product not in ("ram", "ims")]
        assert play(populated, calls, bridge.call) == []
