"""`goldrun recipe` and `goldrun image build` as people, scripts and GitHub Actions see them."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from tools.terminal import run_on_terminal

from local_cloud.github import releases
from local_cloud.github.api import TOKEN
from local_cloud.records import Instance
from tests.commands import GOLDRUN, Goldrun
from tests.conftest import Running
from tests.test_seed_guide import read_outputs


@pytest.fixture
def populated(populated: Running) -> Running:
    populated.cloud.clock.set_speed(100)
    return populated


@pytest.fixture
def recipe(tmp_path: Path, goldrun: Goldrun) -> str:
    folder = str(tmp_path / "tools")
    goldrun("recipe", "init", folder)
    return folder


def keys(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_a_new_user_publishes_an_image(goldrun: Goldrun, recipe: str) -> None:
    """The guide's lines: init, check, build, again, find."""
    assert "is valid: tools for amd64, arm64" in goldrun("recipe", "check", recipe).stderr
    built = keys(goldrun("image", "build", recipe, "--arch", "amd64").stdout)
    assert built["SKIP_BUILD"] == "false"
    assert built["IMAGE_NAME"] == "tools-amd64-latest"
    assert len(built["VERSION_HASH"]) == 32
    again = keys(goldrun("image", "build", recipe, "--arch", "x86_64").stdout)
    assert again == {**built, "SKIP_BUILD": "true"}
    found = goldrun("image", "id", "tools", "--arch", "amd64").stdout.strip()
    assert found == f"IMAGE_ID={built['IMAGE_ID']}"


def test_a_new_recipe_passes_its_check(goldrun: Goldrun, tmp_path: Path) -> None:
    """A family that the check refuses was written, and FAMILY in the script's comment was the family's name."""
    for words, problem in (
        (("tools-amd64",), "the architecture is not part of a family's name"),
        (("tools", "--family", "tools:beta"), "a colon is not part of a family's name"),
    ):
        assert problem in goldrun("recipe", "init", *words, code=2).stderr
        assert list(tmp_path.iterdir()) == []
    goldrun("recipe", "init", "tools")
    assert "ARCH, FAMILY and the pinned versions are" in (tmp_path / "tools/scripts/install.sh").read_text()
    assert (tmp_path / "tools/files/motd").read_text() == "tools: made by goldrun\n"


def test_both_architectures_in_github_actions(
    goldrun: Goldrun, env: dict[str, str], recipe: str, tmp_path: Path
) -> None:
    files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for file in files.values():
        file.touch()
    env |= {name: str(file) for name, file in files.items()} | {"GITHUB_ACTIONS": "true"}
    env |= {"GITHUB_REPOSITORY": "o/r", "GITHUB_SHA": "abc"}
    done = goldrun("image", "build", recipe)
    assert {f"IMAGE_ID_{arch}" for arch in ("AMD64", "ARM64")} <= set(keys(done.stdout))
    assert read_outputs(files["GITHUB_OUTPUT"].read_text()) == keys(done.stdout)
    assert done.stderr.count("::group::") == done.stderr.count("::endgroup::") > 10
    assert "| amd64 | `tools-amd64-latest` |" in files["GITHUB_STEP_SUMMARY"].read_text()
    images = json.loads(goldrun("image", "ls", "tools-", "--json").stdout)
    assert {one["tags"]["Source"] for one in images} == {"o/r@abc"}


def test_json_and_quiet(goldrun: Goldrun, recipe: str) -> None:
    done = goldrun("image", "build", recipe, "--json", "--quiet")
    assert done.stderr == ""
    assert {name: one["skipped"] for name, one in json.loads(done.stdout).items()} == {"amd64": False, "arm64": False}


def test_one_that_fails_does_not_stop_the_other(goldrun: Goldrun, recipe: str) -> None:
    script = Path(recipe) / "scripts/install.sh"
    script.write_text('#!/bin/bash\n[[ "$ARCH" == arm64 ]]\n')
    broken = Path(recipe) / "recipe.toml"
    broken.write_text(broken.read_text().replace("acs:ubuntu_24_04_arm64", "acs:nothing"))
    done = goldrun("image", "build", recipe, code=1)
    assert set(keys(done.stdout)) >= {"IMAGE_ID_AMD64"}
    assert "acs:nothing has no image" in done.stderr


def test_the_live_view_on_a_terminal(env: dict[str, str], recipe: str) -> None:
    code, text = run_on_terminal([*GOLDRUN, "image", "build", recipe], env, columns=100)
    assert code == 0
    assert "✓ Install jq" in text
    assert "amd64" in text
    assert "IMAGE_ID_ARM64=" in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cleans_up(
    goldrun: Goldrun, env: dict[str, str], recipe: str, populated: Running, number: Any
) -> None:
    (Path(recipe) / "scripts/install.sh").write_text("#!/bin/bash\n# simulate: seconds=500\n")
    process = subprocess.Popen(
        [*GOLDRUN, "image", "build", recipe], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def builders() -> list[Instance]:
        populated.cloud.gateway.handle("GET", "/", "", {}, b"")
        return [one for one in populated.cloud.store.all(Instance) if one.tags.get("Role") == "builder"]

    deadline = time.monotonic() + 30
    while len(builders()) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert goldrun("instance", "ls", "-q").stdout.split() == ["i-localrunner000001"]


@pytest.fixture
def in_a_workflow(goldrun: Goldrun, populated: Running) -> Goldrun:
    """In a job, which does not give its token to every step."""
    github = {name: value for name, value in populated.github().items() if name != "GOLDRUN_GITHUB_TOKEN"}
    return goldrun.with_env({**github, "GITHUB_REPOSITORY": "octo-org/octo-repo"})


def want_runner(recipe: str, version: str) -> None:
    file = Path(recipe) / "recipe.toml"
    file.write_text(file.read_text().replace('jq = "1.7"', f'jq = "1.7"\nrunner = "{version}"'))


def current(populated: Running, back: int = 0) -> str:
    number = int(releases.current(populated.cloud.clock.now()).split(".")[1])
    return f"2.{number - back}.0"


def test_a_new_runner_release_rebuilds_latest(
    in_a_workflow: Goldrun, recipe: str, populated: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    want_runner(recipe, "latest")
    wanted = current(populated)
    first = in_a_workflow("image", "build", recipe, "--arch", "amd64")
    assert f"the latest runner is {wanted}" in first.stderr
    assert keys(in_a_workflow("image", "build", recipe, "--arch", "amd64").stdout)["SKIP_BUILD"] == "true"
    (image,) = json.loads(in_a_workflow("image", "ls", "tools-", "--json").stdout)
    assert f"runner={wanted}" in json.dumps(image)
    tested = in_a_workflow("image", "test", "tools", "--arch", "amd64", "--recipe", recipe)
    assert "passed" in tested.stderr
    monkeypatch.setattr(releases, "FIRST_RELEASED", releases.FIRST_RELEASED - releases.PACE)
    again = keys(in_a_workflow("image", "build", recipe, "--arch", "amd64").stdout)
    assert again["SKIP_BUILD"] == "false"
    assert again["VERSION_HASH"] != keys(first.stdout)["VERSION_HASH"]


def test_without_github_the_latest_runner_is_not_guessed(
    in_a_workflow: Goldrun, recipe: str, populated: Running
) -> None:
    want_runner(recipe, "latest")
    populated.fault("error", "github:latest-runner", times=None, status=404)
    failed = in_a_workflow("image", "build", recipe, "--arch", "amd64", code=4)
    assert "or pin a version in the recipe" in failed.stderr
    assert not [one for one in populated.cloud.store.all(Instance) if one.tags.get("Family") == "tools"]


def test_a_runner_that_has_ended_does_not_pass_the_boot_test(
    in_a_workflow: Goldrun, recipe: str, populated: Running
) -> None:
    old = current(populated, 3)
    want_runner(recipe, old)
    failed = in_a_workflow("image", "build", recipe, "--arch", "amd64", code=5, GOLDRUN_GITHUB_TOKEN=TOKEN)
    assert f"The image's runner, version {old}, is too old." in failed.stderr
    assert json.loads(in_a_workflow("image", "ls", "tools-", "--json").stdout) == []
    # Without a token that may read it, a build works all the same; starting a runner reports it.
    in_a_workflow("image", "build", recipe, "--arch", "amd64")
    test = ("image", "test", "tools", "--arch", "amd64", "--recipe", recipe)
    asked = in_a_workflow(*test, code=5, GOLDRUN_GITHUB_TOKEN=TOKEN)
    assert "is too old" in asked.stderr


def test_without_a_key_nothing_is_signed(goldrun: Goldrun, recipe: str) -> None:
    failed = goldrun("image", "build", recipe, "--sign-existing", code=2)
    assert "--sign-existing needs a key" in failed.stderr
    assert "export GOLDRUN_SIGNING_KEY_FILE" in failed.stderr


def test_parameters_are_given_on_the_command_line(goldrun: Goldrun, recipe: str, tmp_path: Path) -> None:
    file = Path(recipe) / "recipe.toml"
    file.write_text(file.read_text() + '\n[parameters.stage]\nchoices = ["staging", "production"]\n')
    values = tmp_path / "production.toml"
    values.write_text('stage = "production"\n')
    assert "--set stage=" in goldrun("recipe", "check", recipe, code=2).stderr
    goldrun("recipe", "check", recipe, "--set", "stage=staging")
    goldrun("recipe", "check", recipe, "--parameters", str(values))
    assert "cannot be 'x'" in goldrun("image", "build", recipe, "--set", "stage=x", code=2).stderr
    built = keys(goldrun("image", "build", recipe, "--arch", "amd64", "--parameters", str(values)).stdout)
    again = keys(goldrun("image", "build", recipe, "--arch", "amd64", "--set", "stage=production").stdout)
    assert (again["SKIP_BUILD"], again["IMAGE_ID"]) == ("true", built["IMAGE_ID"])
    goldrun("image", "test", "tools", "--arch", "amd64", "--recipe", recipe, "--set", "stage=production")
