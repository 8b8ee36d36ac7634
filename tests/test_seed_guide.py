"""The user's own document, pasted: every line of it that concerns finding an image."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_cloud import seed
from local_cloud.access import AccessKey
from local_cloud.records import Instance
from tests.conftest import Running

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs/image-usage-guide.zh-CN.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", GUIDE, re.DOTALL)
STEPS = [
    ("Get Image ID by Name", "Create Instance"),
    ("Get Custom Image ID", "Create Instance with Custom Image"),
]
IDS = {"amd64": "m-localnewamd64", "arm64": "m-localnewarm64"}


def block(language: str, words: str) -> str:
    return next(text for kind, text in BLOCKS if kind == language and words in text)


def bash(script: str, env: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", *flags, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def bare(populated: Running, tmp_path: Path) -> dict[str, str]:
    """An environment whose `python3` is a bare one: no site-packages at all."""
    python = tmp_path / "bin/python3"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    env = populated.environment(PATH=f"{python.parent}:/usr/bin:/bin")
    del env["ALIYUN_REGION_ID"]
    return env


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_the_helper_script(bare: dict[str, str], arch: str) -> None:
    script = block("bash", "export IMAGE_NAME").replace("amd64", arch)
    run = bash(script, bare, "-e")
    assert (run.returncode, run.stdout, run.stderr) == (0, f"IMAGE_ID={IDS[arch]}\n", "")


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
@pytest.mark.parametrize("in_actions", [False, True])
@pytest.mark.parametrize("title", ["Get Image ID by Name", "Get Custom Image ID"])
def test_the_workflow_steps(bare: dict[str, str], tmp_path: Path, title: str, in_actions: bool, arch: str) -> None:
    """The step as GitHub runs it: its environment expanded, its script by `bash -e`."""
    step: dict[str, Any] = yaml.safe_load(block("yaml", title))[0]
    output = tmp_path / "output"
    output.touch()
    env = {name: str(value).replace("amd64", arch) for name, value in step["env"].items()}
    env["ALIYUN_REGION_ID"] = "cn-hangzhou"
    env |= {"GITHUB_OUTPUT": str(output), "GITHUB_ACTIONS": "true" if in_actions else ""}
    run = bash(step["run"], bare | env, "-e")
    assert run.returncode == 0, run.stderr
    assert read_outputs(output.read_text()) == {"IMAGE_ID": IDS[arch]}
    assert len(output.read_text().splitlines()) == (4 if in_actions else 1)


@pytest.mark.parametrize(("first", "second"), STEPS)
def test_the_step_that_creates_an_instance(
    bare: dict[str, str], populated: Running, tmp_path: Path, first: str, second: str
) -> None:
    """The step after it, with what it says and `... 其他环境变量`: a security group is all that must be there."""
    steps = [*yaml.safe_load(block("yaml", first))]
    create: dict[str, Any] = next(step for step in steps if step["name"] == second)
    output = tmp_path / "output"
    output.touch()
    env = {"ALIYUN_IMAGE_ID": IDS["arm64"], "ALIYUN_REGION_ID": "cn-hangzhou", "GITHUB_ACTIONS": "true"}
    env |= {"ALIYUN_SECURITY_GROUP_ID": "sg-local-cn-hangzhou", "GITHUB_OUTPUT": str(output)}
    assert set(create["env"]) == {"ALIYUN_IMAGE_ID"}
    run = bash(create["run"], bare | env, "-e")
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"INSTANCE_ID=(i-\w+)\n\1\n", run.stdout)
    assert re.search(r"note: ecs\.\w+.* an hour, at most", run.stderr)
    outputs = read_outputs(output.read_text())
    made = populated.cloud.store.get(Instance, outputs["INSTANCE_ID"])
    assert made
    assert made.id == run.stdout.split()[-1]
    assert (outputs["INSTANCE_TYPE"], outputs["ZONE_ID"], outputs["VSWITCH_ID"]) == (made.type, made.zone, made.vswitch)
    assert (float(outputs["SPOT_PRICE_LIMIT"]), int(outputs["CPU_CORES"])) == (made.limit, 8)
    assert len(outputs) == 6


@pytest.mark.parametrize("single_file", [False, True])
def test_the_last_line_of_the_guides_own_workflow_is_the_id(
    bare: dict[str, str], populated: Running, tmp_path: Path, single_file: bool
) -> None:
    """It takes `2>&1 | tail -1` for the id: with anything else there, its clean-up deleted nothing, and was green."""
    script = ".github/scripts/create-spot-instance.py"
    if single_file:
        subprocess.run([sys.executable, ROOT / "tools/build_scripts.py", tmp_path], check=True, capture_output=True)
        script = str(tmp_path / "create-spot-instance.py")
    env = bare | {"ALIYUN_IMAGE_ID": IDS["amd64"], "ALIYUN_REGION_ID": "cn-hangzhou", "GITHUB_ACTIONS": "true"}
    env |= {"ALIYUN_SECURITY_GROUP_ID": "sg-local-cn-hangzhou", "GITHUB_OUTPUT": str(tmp_path / "output")}
    run = bash(f'id=$(python3 {script} 2>&1 | tail -1); echo "instance_id=$id"', env, "-e")
    before = {"i-localrunner000001"}
    (made,) = {one.id for one in populated.cloud.store.all(Instance)} - before
    assert run.stdout == f"instance_id={made}\n"


def test_the_guides_loop_over_the_lines_takes_the_id_once(bare: dict[str, str], tmp_path: Path) -> None:
    """Its loop over KEY=value lines, with the script that creates in the place of the one that finds."""
    step: dict[str, Any] = yaml.safe_load(block("yaml", "Get Image ID by Name"))[0]
    output = tmp_path / "output"
    env = bare | {"ALIYUN_IMAGE_ID": IDS["amd64"], "ALIYUN_REGION_ID": "cn-hangzhou", "GITHUB_OUTPUT": str(output)}
    env |= {"ALIYUN_SECURITY_GROUP_ID": "sg-local-cn-hangzhou"}
    run = bash(step["run"].replace("get-image-id-by-name", "create-spot-instance"), env, "-e")
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"INSTANCE_ID=i-\w+\n", output.read_text())


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_the_local_script(bare: dict[str, str], tmp_path: Path, arch: str) -> None:
    """Its last command is the official CLI's, which is not here: a stand-in writes down its arguments."""
    cli = tmp_path / "bin/aliyun"
    cli.write_text('#!/bin/sh\nprintf "%s " "$@" > "$CALLED"\n')
    cli.chmod(0o755)
    called = tmp_path / "called"
    script = block("bash", "aliyun ecs RunInstances").replace("amd64", arch)
    run = bash(script, bare | {"CALLED": str(called)})
    assert run.stdout == f"Using image: {IDS[arch]}\n", run.stderr
    assert f"--RegionId cn-hangzhou --ImageId {IDS[arch]} --InstanceType ecs.g6.large" in called.read_text()


def test_the_local_script_when_there_is_no_image(bare: dict[str, str]) -> None:
    script = block("bash", "aliyun ecs RunInstances").replace("github-runner-ubuntu24-amd64-latest", "nothing-here")
    run = bash(script, bare)
    assert (run.returncode, run.stdout) == (1, "Error: Failed to get image ID\n")
    assert "Image not found" in run.stderr


def test_the_names_are_matched_exactly(bare: dict[str, str]) -> None:
    """注意事项 2: the fuzzy neighbours of the account never answer, nor does a family's name."""
    for name in ("github-runner-ubuntu24-AMD64-latest", "github-runner-ubuntu24", "github-runner-ubuntu24-amd64-lates"):
        run = bash(
            "python3 .github/scripts/get-image-id-by-name.py",
            bare | {"ALIYUN_REGION_ID": "cn-hangzhou", "IMAGE_NAME": name},
        )
        assert (run.returncode, run.stdout) == (1, ""), name
        assert "Image not found" in run.stderr


def test_the_single_file_scripts_do_the_same(bare: dict[str, str], tmp_path: Path) -> None:
    """`make scripts`: one file, taken to another repository, on bare Python."""
    built = tmp_path / "dist"
    subprocess.run([sys.executable, ROOT / "tools/build_scripts.py", built], check=True, capture_output=True)
    elsewhere = tmp_path / "elsewhere/.github/scripts"
    elsewhere.mkdir(parents=True)
    shutil.copy(built / "get-image-id-by-name.py", elsewhere)
    trap = tmp_path / "elsewhere/src/goldrun"
    trap.mkdir(parents=True)
    (trap / "__init__.py").write_text("raise SystemExit('a module of the other repository was run')")
    env = bare | {"ALIYUN_REGION_ID": "cn-hangzhou", "IMAGE_NAME": "github-runner-ubuntu24-arm64-latest"}
    run = subprocess.run(
        ["python3", "get-image-id-by-name.py"], cwd=elsewhere, env=env, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "IMAGE_ID=m-localnewarm64\n", "")
    run = subprocess.run(
        ["python3", "get-image-id-by-name.py"], cwd=elsewhere, env=env | {"ARCH": "amd64"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert "is arm64, not amd64" in run.stderr
    shutil.copy(built / "create-spot-instance.py", elsewhere)
    env |= {"ALIYUN_SECURITY_GROUP_ID": "sg-local-cn-hangzhou"}
    run = subprocess.run(
        ["python3", "create-spot-instance.py"], cwd=elsewhere, env=env, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"INSTANCE_ID=(i-\w+)\n\1\n", run.stdout)


def test_a_single_file_script_is_compiled_once(bare: dict[str, str], tmp_path: Path) -> None:
    """As a module: until it changes, and where nothing can be written, each time."""
    subprocess.run([sys.executable, ROOT / "tools/build_scripts.py", tmp_path], check=True, capture_output=True)
    script = tmp_path / "get-image-id-by-name.py"
    env = bare | {"ALIYUN_REGION_ID": "cn-hangzhou", "IMAGE_NAME": "github-runner-ubuntu24-arm64-latest"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)

    def run() -> str:
        done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout

    assert run() == "IMAGE_ID=m-localnewarm64\n"
    kept = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.pyc")}
    assert {"config", "client", "lookup"} < {file.name.split(".")[0] for file in kept}
    assert run() == "IMAGE_ID=m-localnewarm64\n"
    assert kept == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.pyc")}
    script.write_text(script.read_text().replace('"IMAGE_ID"', '"IMAGE_NO"'))
    os.utime(script, (1e9, 1e9))
    assert run() == "IMAGE_NO=m-localnewarm64\n"
    assert not set(kept.items()) & {(file, file.stat().st_mtime_ns) for file in tmp_path.rglob("*.pyc")}
    shutil.rmtree(tmp_path / "__pycache__")
    (tmp_path / "__pycache__").write_text("no folder")
    assert run() == "IMAGE_NO=m-localnewarm64\n"


PROFILES: list[dict[str, str]] = [
    {"name": "default", "mode": "AK", "access_key_id": seed.KEY.id, "access_key_secret": seed.KEY.secret},
    {
        "name": "default",
        "mode": "StsToken",
        "access_key_id": "STS.guide",
        "access_key_secret": "sec",
        "sts_token": "tok",
    },
]


@pytest.mark.parametrize("profile", PROFILES, ids=["AK", "StsToken"])
def test_keys_and_region_are_read_where_the_guides_workflow_leaves_them(
    bare: dict[str, str], populated: Running, tmp_path: Path, profile: dict[str, str]
) -> None:
    """Its action runs `aliyun configure set`; no variable holds a key. Elsewhere the look-up then failed, unnoticed."""
    sts = AccessKey(id="STS.guide", secret="sec", account=seed.ACCOUNT, role="r", user="u", token="tok", expires=9e9)
    populated.cloud.store.put(sts)
    (tmp_path / ".aliyun").mkdir()
    config = {"current": "default", "profiles": [profile | {"region_id": "cn-hangzhou"}], "meta_path": ""}
    (tmp_path / ".aliyun/config.json").write_text(json.dumps(config))
    env = {name: value for name, value in bare.items() if "ACCESS_KEY" not in name} | {"HOME": str(tmp_path)}
    env |= {"IMAGE_NAME": "github-runner-ubuntu24-arm64-latest"}
    run = bash("python3 .github/scripts/get-image-id-by-name.py", env)
    assert (run.returncode, run.stdout, run.stderr) == (0, f"IMAGE_ID={IDS['arm64']}\n", "")
    run = bash(
        "python3 .github/scripts/create-spot-instance.py", env | {"ALIYUN_SECURITY_GROUP_ID": "sg-local-cn-hangzhou"}
    )
    assert run.returncode == 0, run.stderr


def read_outputs(text: str) -> dict[str, str]:
    """What GitHub reads from a step's output file: `name=value` lines and `name<<delimiter` blocks."""
    outputs = {}
    lines = iter(text.splitlines())
    for line in lines:
        if "<<" in line and "=" not in line:
            name, delimiter = line.split("<<")
            outputs[name] = "\n".join(iter(lambda: next(lines), delimiter))
        else:
            name, _, value = line.partition("=")
            outputs[name] = value
    return outputs


def test_the_copy_of_the_guide_is_whole() -> None:
    """Every file that the guide names is here or announced."""
    assert (ROOT / ".github/scripts/get-image-id-by-name.py").is_file()
    assert "python3 .github/scripts/get-image-id-by-name.py" in GUIDE
    assert os.access(ROOT / ".github/scripts/get-image-id-by-name.py", os.X_OK)
