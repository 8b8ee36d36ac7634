"""``goldrun migrate check``: what has to change, on which line, and what it changes itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from goldrun.cli.main import goldrun
from goldrun.errors import UsageError
from goldrun.migrate import replacements, workflows
from tests.unit.test_json import validate

ROOT = Path(__file__).parents[2]
WORKFLOW = """\
# The action dianplus/cloud-instance-github-runner, in a comment: PUBLISH_PUBLIC
name: CI
on: push
jobs:
  start:
    runs-on: ubuntu-latest
    outputs:
      instance: ${{ steps.runner.outputs.instance_id }}
      cores: ${{ steps.runner.outputs.cpu_cores }}
      other: ${{ steps.other.outputs.instance_id }}
    steps:
      - id: runner
        uses: "dianplus/cloud-instance-github-runner@v2"   # keep this comment
        with:
          aliyun_region_id: cn-hangzhou
          'aliyun_image_family': github-runner-ubuntu24
          min_cpu: 8
          arch: amd64
      - run: |
          aliyun ecs DescribeImages --query 'Images.Image[0].ImageId' --output text
        env:
          SHARE_ACCOUNT_IDS: "1"
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(goldrun, ["migrate", "check", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ci.yml").write_text(WORKFLOW)
    (tmp_path / "plain.yaml").write_text("on: push\njobs: {}\n")
    return tmp_path


def test_every_finding_stands_on_its_line() -> None:
    found = workflows.check(WORKFLOW, "ci.yml")
    assert [(one.line, one.found, one.name) for one in found] == [
        (8, "instance_id", "instance-id"),
        (9, "cpu_cores", ""),
        (13, "dianplus/cloud-instance-github-runner@v2", "./.goldrun/actions/start-runner"),
        (15, "aliyun_region_id", "region"),
        (16, "aliyun_image_family", "image"),
        (17, "min_cpu", ""),
        (20, "--query", ""),
        (22, "SHARE_ACCOUNT_IDS", ""),
    ]
    lines = WORKFLOW.split("\n")
    assert all(lines[one.line - 1][one.column :].startswith(one.found) for one in found if one.name)


def test_a_rewrite_changes_these_places_and_nothing_else() -> None:
    changed = workflows.rewrite(WORKFLOW, workflows.check(WORKFLOW, "ci.yml"))
    yaml.safe_load(changed)
    pairs = list(zip(WORKFLOW.split("\n"), changed.split("\n"), strict=True))
    assert [after.strip() for before, after in pairs if before != after] == [
        "instance: ${{ steps.runner.outputs.instance-id }}",
        'uses: "./.goldrun/actions/start-runner"   # keep this comment',
        "region: cn-hangzhou",
        "'image': github-runner-ubuntu24",
    ]
    again = workflows.check(changed, "ci.yml")
    assert not [one for one in again if one.name]


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "a: &a {b: *a}\n", "a: " + "[" * 300 + "]" * 300])
def test_a_workflow_that_contains_itself_has_an_end(text: str) -> None:
    assert workflows.check(text, "ci.yml") == []


def test_a_workflow_that_is_nested_too_deeply_is_told() -> None:
    with pytest.raises(UsageError, match="cannot be read") as caught:
        workflows.check("a: " + "[" * 5000 + "]" * 5000, "ci.yml")
    assert "nested too deeply" in str(caught.value)


def test_an_image_id_is_the_image_where_no_family_is_named() -> None:
    step = "uses: a/cloud-instance-github-runner@v1\nwith:\n  aliyun_image_id: m-1\n"
    assert workflows.check(step, "x")[1].name == "image"
    both = step + "  aliyun_image_family: f\n"
    assert [one.name for one in workflows.check(both, "x")[1:]] == ["", "image"]


def test_checking_changes_nothing_and_exits_with_5(folder: Path) -> None:
    done = run(str(folder))
    assert isinstance(done.exception, Exception)
    assert getattr(done.exception, "exit_code", None) == 5
    assert re.search(r"ci\.yml:17\tmin_cpu\tcpu, one range for both ends", done.stdout)
    assert (folder / "ci.yml").read_text() == WORKFLOW


def test_writing_changes_what_has_one_answer_and_lists_the_rest(folder: Path) -> None:
    (folder / "ci.yml").chmod(0o640)
    done = run(str(folder), "--write")
    assert getattr(done.exception, "exit_code", None) == 5
    assert "region: cn-hangzhou" in (folder / "ci.yml").read_text()
    assert (folder / "ci.yml").stat().st_mode & 0o777 == 0o640
    assert "aliyun_region_id" not in done.stdout
    assert "min_cpu" in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["ci.yml", "plain.yaml"]


def test_programs_get_every_place(folder: Path) -> None:
    for words, written in (((), False), (("--write",), True)):
        done = run(str(folder), "--json", *words)
        assert getattr(done.exception, "exit_code", None) == 5
        found = json.loads(done.stdout)
        validate("migrate check", found)
        assert [one["line"] for one in found] == [8, 9, 13, 15, 16, 17, 20, 22]
        assert [one["written"] for one in found if one["replacement"]] == [written] * 4
        assert all(one["advice"] for one in found if not one["replacement"])
        assert {one["file"] for one in found} == {str(folder / "ci.yml")}


def test_line_ends_of_windows_stay(tmp_path: Path) -> None:
    file = tmp_path / "ci.yml"
    file.write_bytes(b"uses: a/cloud-instance-github-runner@v1\r\nwith:\r\n  runner_labels: x\r\n")
    run(str(file), "--write")
    assert file.read_bytes() == b"uses: ./.goldrun/actions/start-runner\r\nwith:\r\n  labels: x\r\n"


def test_nothing_to_change_is_a_success(folder: Path) -> None:
    done = run(str(folder / "plain.yaml"))
    assert done.exit_code == 0
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a: [\n", "ci.yml:2 is not valid YAML"), (b"\xff\xfe", "not text in UTF-8"), (b"a: \x01", "not valid YAML")],
)
def test_a_file_that_cannot_be_read_stops_before_anything_is_written(folder: Path, content: bytes, words: str) -> None:
    (folder / "a-first.yml").write_text(WORKFLOW)
    (folder / "ci.yml").write_bytes(content)
    done = run(str(folder), "--write")
    assert words in str(done.exception)
    assert (folder / "a-first.yml").read_text() == WORKFLOW


def test_a_folder_without_workflows_is_told(tmp_path: Path) -> None:
    assert "contains no workflow" in str(run(str(tmp_path)).exception)


def test_the_guides_and_our_own_workflows_need_no_change() -> None:
    for file in (ROOT / ".github/workflows").glob("*.yml"):
        assert workflows.check(file.read_text(), str(file)) == []


@pytest.mark.parametrize("page", ["migrating.md", "migrating.zh-CN.md"])
def test_the_page_has_every_name(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    listed = {*replacements.INPUTS, *replacements.OUTPUTS, *replacements.WORDS}
    for name in listed - {f"vswitch_id_{letter}" for letter in "bcdefghijklmnopqrstuvwxy"}:
        assert f"`{name}`" in text, name


def test_new_names_are_inputs_and_outputs_of_our_action() -> None:
    action = yaml.safe_load((ROOT / "actions/start-runner/action.yml").read_text())
    for table, members in ((replacements.INPUTS, action["inputs"]), (replacements.OUTPUTS, action["outputs"])):
        assert {one.name for one in table.values() if one.name} <= members.keys()
