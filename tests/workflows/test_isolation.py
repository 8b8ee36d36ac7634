"""A workspace full of traps: the author of the pull request wrote it, and our steps run there with keys and tokens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_cloud import seed
from tests.conftest import Running
from tests.workflows.engine import ROOT, offline

# Modules that our code imports, that Python imports by itself when it starts, and that pip is made of.
MODULES = ("click", "msgspec", "rich", "json", "os", "re", "socket", "ssl", "hmac", "collections", "goldrun", "pip")
AT_START = ("sitecustomize", "usercustomize")
SETTINGS = {
    "pip.conf": "[global]\npython = ./python3\nindex-url = http://127.0.0.1:9/\n[install]\ntarget = .\n",
    "setup.cfg": "[install]\nprefix = .\n",
    "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'click'\nbackend-path = ['.']\n",
    "trap.pth": "import click\n",
}


def set_traps(folder: Path, sprung: Path) -> None:
    """Whatever of it is run writes down its name and its environment."""
    code = f"import os\nwith open({str(sprung)!r}, 'a') as f: f.write(__name__ + repr(dict(os.environ)))\n"
    for name in (*MODULES, *AT_START):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(code)
        (folder / name / "__main__.py").write_text(code)
    for name, text in SETTINGS.items():
        (folder / name).write_text(text)
    for name in ("python3", "dirname", "touch"):
        (folder / name).write_text(f"#!/bin/sh\n{{ echo {name}; env; }} >> {sprung}\n")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize("name", ["image-id", "goldrun.sh"])
def test_nothing_in_the_callers_workspace_is_run(cloud: Running, tmp_path: Path, name: str) -> None:
    """A `click.py` there was given GOLDRUN_GITHUB_TOKEN."""
    sprung = tmp_path / "sprung"
    set_traps(tmp_path / "look", sprung)
    steps: dict[str, dict[str, Any]] = {
        "image-id": {
            "uses": "./.goldrun/actions/image-id",
            "with": {"image": "github-runner-ubuntu24-amd64-latest", "region": seed.REGION},
        },
        "goldrun.sh": {"run": ".goldrun/actions/goldrun.sh runner ls --region cn-hangzhou"},
    }
    check_out = {"uses": "actions/checkout@v4", "with": {"path": ".goldrun"}}
    job = {"runs-on": "ubuntu-24.04", "steps": [check_out, {"id": "x", **steps[name]}]}
    workflow = tmp_path / "look.yml"
    workflow.write_text(yaml.safe_dump({"jobs": {"look": job}}))
    run = offline(cloud, tmp_path, workflow=workflow)
    run.env = {**run.env, "GOLDRUN_GITHUB_TOKEN": run.secrets["GOLDRUN_GITHUB_TOKEN"]}
    if name == "goldrun.sh":
        # As workflows of Python projects say it. The action's `python3` itself is found on the PATH that GitHub gives.
        run.env |= {"PYTHONPATH": str(tmp_path / "look"), "PIP_CONFIG_FILE": "pip.conf", "PIP_TARGET": "."}
        run.env |= {"PATH": f"{tmp_path / 'look'}:.::{os.environ['PATH']}"}
    else:
        run.env |= {"PYTHONPATH": str(tmp_path / "look")}
    assert run.execute() == {"look": "success"}, run.output
    assert not sprung.exists(), sprung.read_text()[:200]


@pytest.mark.parametrize("single_file", [False, True])
@pytest.mark.parametrize("script", ["get-image-id-by-name.py", "create-spot-instance.py"])
def test_the_scripts_import_nothing_from_their_folder_or_the_current_one(
    populated: Running, tmp_path: Path, script: str, single_file: bool
) -> None:
    """As the guide calls them, without `-I`: a module beside them, or in the workspace, is not theirs."""
    folder, sprung = tmp_path / "workspace/.github/scripts", tmp_path / "sprung"
    set_traps(folder, sprung)
    if single_file:
        subprocess.run([sys.executable, ROOT / "tools/build_scripts.py", folder], check=True, capture_output=True)
    else:
        (folder / script).write_text((ROOT / ".github/scripts" / script).read_text())
        (tmp_path / "workspace/src").symlink_to(ROOT / "src")
    env = populated.environment(
        IMAGE_NAME="github-runner-ubuntu24-amd64-latest", ALIYUN_SECURITY_GROUP_ID="sg-local-cn-hangzhou"
    )
    done = subprocess.run(
        [sys.executable, folder / script], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not sprung.exists(), sprung.read_text()[:200]


def test_no_action_or_workflow_starts_python_otherwise() -> None:
    files = [*ROOT.glob("actions/*.sh"), *ROOT.glob("actions/*/action.yml"), *ROOT.glob(".github/workflows/*.yml")]
    files += [*ROOT.glob("src/goldrun/setup/workflows/*.yml")]
    started = [(file.name, line) for file in files for line in file.read_text().splitlines() if "python3 " in line]
    assert len(started) >= 4
    assert [one for one in started if "#" not in one[1] and "python3 -I " not in one[1]] == []
