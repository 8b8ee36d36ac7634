"""The composite actions and workflows as they are read: pinned, quoted, documented, no secret where others look."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTIONS = sorted((ROOT / "actions").glob("*/action.yml"))
WORKFLOWS = sorted([*(ROOT / ".github/workflows").glob("*.yml"), *(ROOT / "examples").rglob("*.yml")])
SHELLCHECK = Path(sys.executable).with_name("shellcheck")


def steps(file: Path) -> list[dict[str, Any]]:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job.get("steps", [job])]


def test_there_are_the_four_actions() -> None:
    assert [file.parent.name for file in ACTIONS] == ["build-image", "image-id", "start-runner", "stop-runner"]


@pytest.mark.parametrize("file", [*ACTIONS, *WORKFLOWS], ids=lambda file: str(file.relative_to(ROOT)))
def test_the_commands_that_are_run(file: Path) -> None:
    for step in steps(file):
        uses = step.get("uses", "")
        if uses and not uses.startswith("./"):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", uses), uses
        if "run" in step:
            # Values come by environment: text that is pasted into a script becomes part of it.
            assert "${{" not in step["run"], step["run"]
            checked = subprocess.run(
                [str(SHELLCHECK), "-s", "bash", "-"], input=step["run"], capture_output=True, text=True, check=False
            )
            assert checked.returncode == 0, checked.stdout


def test_each_recipe_s_update_has_a_branch_of_its_own() -> None:
    """Two recipes were pushed over each other."""
    script = "".join(step.get("run", "") for step in steps(ROOT / ".github/workflows/update-recipe.yml"))
    (line,) = re.findall(r"^branch=.*$", script, re.MULTILINE)
    check = (
        f'for RECIPE in recipes/a recipes/b c/; do {line}; git check-ref-format --branch "${{branch}}" || exit; done'
    )
    done = subprocess.run(["bash", "-c", check], capture_output=True, text=True, check=True)
    assert len(set(done.stdout.split())) == 3


@pytest.mark.parametrize("file", ACTIONS, ids=lambda file: file.parent.name)
def test_an_action_is_documented(file: Path) -> None:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert document["name"]
    assert document["description"]
    for kind in ("inputs", "outputs"):
        for name, one in document[kind].items():
            assert one["description"], name
            assert re.fullmatch(r"[a-z0-9-]+", name)
    used = set(re.findall(r"inputs\.([a-z0-9-]+)", file.read_text(encoding="utf-8")))
    assert used == set(document["inputs"]), "every input is used, and every one that is used is an input"
    shown = " ".join(one["value"] for one in document["outputs"].values())
    assert "token" not in shown
    assert "secret" not in shown


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_workflow_permissions_are_minimal(file: Path) -> None:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert document["permissions"] == {}
    for job in document["jobs"].values():
        assert set(job["permissions"].values()) <= {"read", "write"}
        written = {name for name, right in job["permissions"].items() if right == "write"}
        # A release is signed, and published; an update is a branch with a pull request.
        needed = {"release.yml": {"attestations", "packages", "contents"}}
        needed |= {"build-images.yml": {"attestations"}, "scan-images.yml": {"issues"}}
        needed |= {"update-recipe.yml": {"contents", "pull-requests"}}
        assert written <= {"id-token"} | needed.get(file.name, set())
        assert "timeout-minutes" in job
