"""The actions as the official Node SDK speaks them. Needs `npm ci` in ``node/``, which `make test-node` does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Running

NODE = Path(__file__).with_name("node")
INSTALLED = shutil.which("node") is not None and (NODE / "node_modules/@alicloud/ecs20140526").is_dir()


@pytest.mark.skipif(
    not INSTALLED and not os.environ.get("GOLDRUN_TEST_NODE"), reason="the Node SDK is not installed: make test-node"
)
def test_every_action(populated: Running) -> None:
    run = subprocess.run(
        ["node", "conformance.cjs", str(populated.port)],
        cwd=NODE,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "conformance: ok" in run.stdout
