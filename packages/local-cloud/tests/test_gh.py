"""GitHub's own client, `gh`, on the local GitHub: with the variables of `goldrun local env`, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from shell import Shell

GH = os.environ.get("GH_CLI") or shutil.which("gh")
pytestmark = pytest.mark.skipif(GH is None, reason="gh is not installed")


def test_gh_lists_follows_pages_and_starts_a_run(shell: Shell, tmp_path: Path) -> None:
    shell("local", "up", "--detach", "--tls", "--port", "0", "--seed")
    shell.use()

    def gh(*words: str, code: int = 0) -> str:
        done = subprocess.run([str(GH), *words], env=shell.env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout + (done.stderr if code else "")

    repo = "repos/octo-org/octo-repo"
    assert json.loads(gh("api", "rate_limit"))["rate"]["limit"] == 5000
    for number in range(3):
        script = tmp_path / "job.sh"
        script.write_text("true\n")
        shell("local", "job", str(script), "--repo", "octo-org/octo-repo", "--label", f"label-{number}")
    assert gh("api", "--paginate", f"{repo}/actions/runs?per_page=1", "--jq", ".workflow_runs[].id") == "3\n2\n1\n"
    assert gh("api", f"{repo}/actions/runs/2/jobs", "--jq", ".jobs[0].labels[0]") == "label-1\n"
    gh("api", "-X", "POST", f"{repo}/actions/runs/3/cancel")
    assert gh("api", f"{repo}/actions/runs/3", "--jq", ".conclusion") == "cancelled\n"
    token = gh("api", "-X", "POST", f"{repo}/actions/runners/registration-token", "--jq", ".token")
    assert len(token) > 20
    assert "Not Found (HTTP 404)" in gh("api", "repos/octo-org/octo-repo/nothing", code=1)
