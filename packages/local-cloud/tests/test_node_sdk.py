"""The actions as the official Node SDK speaks them. Needs `npm ci` in ``node/``, which `make test-node` does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import Running

from local_cloud.github.api import TOKEN

NODE = Path(__file__).with_name("node")
needs_node = pytest.mark.skipif(
    not os.environ.get("GOLDRUN_TEST_NODE")
    and not (shutil.which("node") and (NODE / "node_modules/@alicloud/ecs20140526").is_dir()),
    reason="the Node packages are not installed: make test-node",
)


@needs_node
def test_every_action(populated: Running) -> None:
    run = subprocess.run(
        ["node", "conformance.cjs", str(populated.port), populated.cloud.token],
        cwd=NODE,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "conformance: ok" in run.stdout


@needs_node
def test_github_as_octokit_sees_it(live: Running) -> None:
    run = subprocess.run(
        ["node", "octokit.mjs", str(live.port), TOKEN],
        cwd=NODE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "octokit: ok" in run.stdout
