"""This repository's own workflows, and those of the user's guide, executed offline."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from goldrun.bake.template import TEMPLATE
from local_cloud import seed
from local_cloud.access import Denial
from local_cloud.records import Image, Instance
from tests.conftest import Running
from tests.workflows.engine import ROOT, Engine, arguments, offline, shell_command
from tests.workflows.expressions import evaluate, interpolate

GUIDE = (ROOT / "docs/image-usage-guide.zh-CN.md").read_text(encoding="utf-8")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for path, text in TEMPLATE.items():
        (tmp_path / "recipe" / path).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "recipe" / path).write_text(text.replace("FAMILY", "tools"))
    return tmp_path / "recipe"


def run_of(cloud: Running, folder: Path, name: str, **fields: Any) -> Engine:
    run = offline(cloud, folder, workflow=ROOT / ".github/workflows" / name, **fields)
    run.secrets = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": seed.KEY.id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": seed.KEY.secret,
        **run.secrets,
    }
    run.env = {name: value for name, value in run.env.items() if "ACCESS_KEY" not in name}
    return run


def test_build_images(cloud: Running, tmp_path: Path, recipe: Path) -> None:
    """Built; skipped by the next night; forced."""
    cloud.cloud.clock.set_speed(50)
    names = []
    for number, (inputs, skipped) in enumerate((({}, "false"), ({}, "true"), ({"force_build": True}, "false"))):
        run = run_of(
            cloud,
            tmp_path / str(number),
            "build-images.yml",
            inputs={"recipe": str(recipe), "architectures": '["amd64"]', **inputs},
        )
        run.variables = {**run.variables, "KEEP_IMAGE_COUNT": "2"}
        assert run.execute() == {"build": "success"}, run.output
        assert f"SKIP_BUILD={skipped}" in run.output
        assert "### tools" in run.output
        stated = json.loads((tmp_path / str(number) / "build/image-amd64.json").read_bytes())
        assert f"IMAGE_ID={stated['image']}" in run.output
        names = [image.name for image in cloud.cloud.store.all(Image) if image.name.startswith("tools-")]
    assert len(names) == 2, "KEEP_IMAGE_COUNT is 2"
    assert "tools-amd64-latest" in names


# GitHub's issues, as the client of the command line has them.
GH = """#!/usr/bin/env python3
import json, os, sys
from pathlib import Path
file = Path(os.environ["GH_ISSUES"])
issues = json.loads(file.read_text()) if file.exists() else []
assert os.environ["GH_TOKEN"] and os.environ["GH_REPO"]
what, words = sys.argv[2], sys.argv[3:]
given = dict(zip(words, words[1:]))
if what == "list":
    print(*[one["number"] for one in issues if one["state"] == "open" and one["title"] == os.environ["TITLE"]][:1])
elif what == "create":
    body = Path(given["--body-file"]).read_text()
    issues.append({"number": len(issues) + 1, "state": "open", "title": given["--title"], "body": body})
elif what == "edit":
    issues[int(words[0]) - 1]["body"] = Path(given["--body-file"]).read_text()
elif what == "close":
    issues[int(words[0]) - 1] |= {"state": "closed", "comment": given["--comment"]}
file.write_text(json.dumps(issues))
"""
PACKAGES = "#!/bin/bash\n# simulate: seconds=1 output=os\tubuntu\t24.04\n# simulate: output=npm\tlodash\t4.17.20\n"


def test_new_advisories_open_an_issue_and_no_more_of_them_close_it(
    cloud: Running, tmp_path: Path, recipe: Path
) -> None:
    cloud.cloud.clock.set_speed(50)
    (recipe / "recipe.toml").write_text('packages = "scripts/list.sh"\n' + (recipe / "recipe.toml").read_text())
    (recipe / "scripts/list.sh").write_text(PACKAGES)
    inputs = {"recipe": str(recipe), "architectures": '["amd64"]'}
    assert run_of(cloud, tmp_path / "build", "build-images.yml", inputs=inputs).execute() == {"build": "success"}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text(GH)
    (tmp_path / "bin/gh").chmod(0o755)

    def scan(name: str, *advisories: dict[str, Any]) -> list[dict[str, Any]]:
        (tmp_path / "osv/npm").mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(tmp_path / "osv/npm/all.zip", "w") as archive:
            for one in advisories:
                archive.writestr(f"{one['id']}.json", json.dumps(one))
        run = run_of(cloud, tmp_path / name, "scan-images.yml", inputs={"image": "tools", **inputs})
        here = {"GOLDRUN_ADVISORIES_URL": f"file://{tmp_path}/osv", "GOLDRUN_ADVISORIES_ECOSYSTEMS": "npm"}
        run.variables = {**run.variables, **here}
        path = f"{tmp_path}/bin:{os.environ['PATH']}"
        run.env = {**run.env, "PATH": path, "GH_ISSUES": str(tmp_path / "issues")}
        assert run.execute() == {"scan": "success"}, run.output
        return list(json.loads((tmp_path / "issues").read_text())) if (tmp_path / "issues").exists() else []

    harmless = npm_advisory("GHSA-1", "lodash", fixed="4.17.19")
    assert scan("clean", harmless) == []
    (opened,) = scan("found", harmless, npm_advisory("GHSA-2", "lodash", fixed="4.17.21"))
    assert (opened["state"], opened["title"]) == ("open", "Advisories concern tools (amd64)")
    assert "| high | `GHSA-2` | `lodash 4.17.20` | `4.17.21` | a trouble of @\u200bsomebody |" in opened["body"]
    assert "GHSA-1" not in opened["body"]
    more = [npm_advisory(f"GHSA-{number}", "lodash", fixed="4.17.21") for number in (2, 3)]
    (edited,) = scan("more", *more)
    assert "GHSA-3" in edited["body"]
    (closed,) = scan("fixed", harmless)
    assert closed["state"] == "closed"
    assert closed["comment"].startswith("None concerns it any more")


def npm_advisory(name: str, package: str, *, fixed: str) -> dict[str, Any]:
    ranges = [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    return {
        "id": name,
        "modified": "2026-11-01T00:00:00Z",
        "summary": "a trouble of @somebody",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}],
        "affected": [{"package": {"ecosystem": "npm", "name": package}, "ranges": ranges}],
    }


def test_a_repository_that_is_not_set_up_builds_nothing(cloud: Running, tmp_path: Path) -> None:
    for name, job in (("build-images.yml", "build"), ("sweep.yml", "sweep")):
        run = run_of(cloud, tmp_path / name, name)
        run.variables = {}
        assert run.execute() == {job: "skipped"}


def test_sweep(cloud: Running, tmp_path: Path) -> None:
    store, now = cloud.cloud.store, cloud.cloud.clock.now()
    left = Instance(
        id="i-left",
        region=seed.REGION,
        owner=seed.ACCOUNT,
        created=now - 86400,
        image="m-x",
        tags={"ManagedBy": "goldrun"},
    )
    store.put(left, replace(left, id="i-foreign", tags={}))
    cloud.cloud.jobs.register("octo-org/octo-repo", "goldrun-cn-hangzhou-20260101000000-00000000", ["x"], 1)
    run = run_of(cloud, tmp_path, "sweep.yml", inputs={"dry_run": True})
    assert run.execute() == {"sweep": "success"}, run.output
    assert "::warning title=sweep::" in run.output
    assert store.get(Instance, "i-left") is not None
    run = run_of(cloud, tmp_path / "real", "sweep.yml")
    assert run.execute() == {"sweep": "success"}, run.output
    assert "it has no instance" in run.output
    assert cloud.cloud.jobs.runners("octo-org/octo-repo") == []
    cloud.cloud.clock.advance(60)
    again = run_of(cloud, tmp_path / "again", "sweep.yml")
    assert again.execute() == {"sweep": "success"}
    assert "nothing to sweep" in again.output
    assert [one.id for one in store.all(Instance)] == ["i-foreign"]


def test_a_failing_sweep_fails_its_job(cloud: Running, tmp_path: Path) -> None:
    """It was green for every failure: its pipe ended well, and GitHub's default shell has no pipefail."""
    cloud.cloud.store.put(Denial(id="ecs:DescribeInstances"))
    run = run_of(cloud, tmp_path, "sweep.yml")
    assert run.execute() == {"sweep": "failure"}, run.output
    assert "Forbidden.RAM" in run.output


@pytest.mark.parametrize(
    ("shell", "command"),
    [
        ("", "bash -e FILE"),
        ("bash", "bash --noprofile --norc -eo pipefail FILE"),
        ("sh", "sh -e FILE"),
        ("python", "python FILE"),
        ("bash -euo pipefail {0}", "bash -euo pipefail FILE"),
    ],
)
def test_the_executor_starts_shells_as_github_does(shell: str, command: str) -> None:
    assert " ".join(shell_command(shell, Path("FILE"))) == command


PIPE = "jobs: {one: {runs-on: ubuntu-24.04, MORE steps: [{run: 'false | true'}, {run: 'exit 0', shell: sh}]}}"


@pytest.mark.parametrize(
    ("more", "top", "result"),
    [
        ("", "", "success"),
        ("defaults: {run: {shell: bash}},", "", "failure"),
        ("", "defaults: {run: {shell: bash}}", "failure"),
        ("defaults: {run: {shell: sh}},", "defaults: {run: {shell: bash}}", "success"),
    ],
)
def test_the_executors_default_shell_is_githubs(
    cloud: Running, tmp_path: Path, more: str, top: str, result: str
) -> None:
    """Nothing said: no pipefail. The job's default wins over the workflow's."""
    workflow = tmp_path / "pipe.yml"
    workflow.write_text(f"{top}\n{PIPE.replace('MORE', more)}\n")
    assert offline(cloud, tmp_path, workflow=workflow).execute() == {"one": result}


STEPS = [
    (file, step)
    for file in [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("src/goldrun/setup/workflows/*.yml")]
    for job in yaml.safe_load(file.read_text())["jobs"].values()
    for step in job["steps"]
    if "run" in step
]


def test_every_step_with_a_pipe_names_its_shell() -> None:
    pipes = [(file.name, step) for file, step in STEPS if re.search(r"[^|]\|[^|]", step["run"])]
    assert pipes, "the sweep has one"
    assert [name for name, step in pipes if step.get("shell") != "bash"] == []


def blocks() -> list[str]:
    """The guide's workflow examples, as they stand there."""
    return [block for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL) if "steps." in block]


def test_the_guide_has_two_workflow_examples() -> None:
    assert len(blocks()) == 2


@pytest.mark.parametrize("number", [0, 1])
def test_the_guides_workflow_examples_work_as_pasted(cloud: Running, tmp_path: Path, number: int) -> None:
    workflow = tmp_path / "guide.yml"
    steps = yaml.safe_load(blocks()[number])
    assert len(steps) == 2
    check_out = {"uses": "actions/checkout@v4"}
    job = {"runs-on": "ubuntu-24.04", "steps": [check_out, *steps]}
    workflow.write_text(yaml.safe_dump({"jobs": {"create": job}}))
    run = offline(cloud, tmp_path, workflow=workflow)
    # What the guide leaves to the reader ("其他环境变量"): where instances are put.
    run.env = {**run.env, "ALIYUN_SECURITY_GROUP_ID": f"sg-local-{seed.REGION}", "ALIYUN_REGION_ID": seed.REGION}
    assert run.execute() == {"create": "success"}, run.output
    (made,) = cloud.cloud.store.all(Instance)
    image = next(one for one in cloud.cloud.store.all(Image) if one.id == made.image)
    assert image.name == "github-runner-ubuntu24-amd64-latest"


def test_other_peoples_processes_are_not_read() -> None:
    with subprocess.Popen(["bash", "-c", "sleep 60; true", "planted-argument"], start_new_session=True) as child:
        while arguments(child.pid) != {"sleep\x0060\x00"}:
            assert child.poll() is None
        mine = arguments(os.getpid())
        os.killpg(child.pid, signal.SIGKILL)
    assert "sleep\x0060\x00" in mine, "a child's child is seen too"
    assert any("planted-argument" in one for one in mine)
    assert Path("/proc/1/cmdline").read_text() not in mine


def test_expressions() -> None:
    contexts = {"a": {"b": "x", "c": ""}, "n": None}
    for text, value in (
        ("a.b", "x"),
        ("${{ a.c || a.b }}", "x"),
        ("a.b == 'x' && a.c == ''", True),
        ("a.missing.deeper != ''", False),
        ("!(a.b == 'y')", True),
        ("always()", True),
        ("fromJSON('[1, 2]')", [1, 2]),
    ):
        assert evaluate(text, contexts) == value, text
    assert interpolate("<${{ a.b }}-${{ a.none }}>", contexts) == "<x->"
