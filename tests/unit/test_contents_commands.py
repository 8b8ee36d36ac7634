"""``image sbom``, ``scan`` and ``diff`` with bills of materials, as people and programs see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goldrun.contents import cyclonedx
from goldrun.contents.components import parse
from tests.commands import Goldrun
from tests.conftest import Running
from tests.unit.test_contents import LIST, NOW, advisory


@pytest.fixture
def bill(tmp_path: Path) -> Path:
    file = tmp_path / "runner.cdx.json"
    file.write_text(cyclonedx.write(parse(LIST), "runner", "m-1", NOW))
    return file


def test_scan_a_bill_of_materials(goldrun: Goldrun, bill: Path, tmp_path: Path) -> None:
    advisory(tmp_path / "osv")
    failed = goldrun("image", "scan", "--sbom", str(bill), "--advisories", "osv", "--report", "found.md", code=5)
    assert "| critical | `UBUNTU-CVE-2026-1000` |" in (tmp_path / "found.md").read_text()
    assert "UBUNTU-CVE-2026-1000" in failed.stdout
    assert "1 of 1 advisories are severe enough to fail." in failed.stderr
    found = json.loads(goldrun("image", "scan", "--sbom", str(bill), "--advisories", "osv", "--json", code=5).stdout)
    assert [(one["package"], one["fixed"], one["blocks"]) for one in found] == [
        ("libssl3t64", "3.0.13-0ubuntu3.5", True)
    ]
    advisory(tmp_path / "osv", severity=[{"type": "Ubuntu", "score": "low"}])
    passed = goldrun("image", "scan", "--sbom", str(bill), "--report", "found.md", GOLDRUN_ADVISORIES="osv")
    assert (tmp_path / "found.md").read_text() == ""
    assert "7 packages, 1 advisories, none of which fails." in passed.stderr
    goldrun("image", "scan", "--sbom", str(bill), "--fail", "low", "--advisories", "osv", code=5)


def test_what_cannot_be_compared_is_told(goldrun: Goldrun, bill: Path, tmp_path: Path) -> None:
    rpms = "os\talinux\t3\nrpm\tbash\t5.1-1\nrpm\tjq\t1.6-1\nnpm\tlodash\t4.17.20\n"
    (tmp_path / "alinux.cdx.json").write_text(cyclonedx.write(parse(rpms), "runner", "m-1", NOW))
    advisory(tmp_path / "osv")
    told = goldrun("image", "scan", "--sbom", "alinux.cdx.json", "--advisories", "osv").stderr
    assert "2 packages of alinux 3 are not compared: OSV has no advisories about them." in told
    told = goldrun("image", "scan", "--sbom", str(bill), "--advisories", "osv", code=5).stderr
    assert "of ubuntu 24.04 are not compared" not in told
    assert "1 packages of PyPI are not compared: the database has no advisories about them." in told


def test_a_workflow_gets_warnings(goldrun: Goldrun, bill: Path, tmp_path: Path) -> None:
    advisory(tmp_path / "osv")
    failed = goldrun("image", "scan", "--sbom", str(bill), "--advisories", "osv", code=5, GITHUB_ACTIONS="true")
    assert "::warning::critical: UBUNTU-CVE-2026-1000 in libssl3t64" in failed.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Name an image, or a bill of materials"),
        (("--sbom", "runner.cdx.json", "image"), "Name an image, or a bill of materials"),
        (("--sbom", "runner.cdx.json"), "No advisory database is given."),
        (("--sbom", "runner.cdx.json", "--advisories", "empty"), "There are no advisories at empty."),
        (("--sbom", "empty/no.json", "--advisories", "empty"), "does not exist"),
        (("--sbom", "broken.json", "--advisories", "osv"), "broken.json is not a bill of materials"),
        (("--sbom", "runner.cdx.json", "--advisories", "osv", "--fail", "extreme"), "extreme"),
        (("--sbom", "runner.cdx.json", "--advisories", "osv", "--recipe", "empty"), "recipe.toml"),
        (("--sbom", "runner.cdx.json", "--advisories", "osv", "--report", "no/x.md"), "no/x.md cannot be written."),
    ],
)
def test_mistakes(goldrun: Goldrun, bill: Path, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    advisory(tmp_path / "osv")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.json").write_text("{")
    assert told in goldrun("image", "scan", *words, code=2).stderr


def test_a_bill_that_cannot_be_written_is_told_before_anything_boots(goldrun: Goldrun) -> None:
    told = goldrun("image", "sbom", "github-runner-ubuntu24", "--arch", "amd64", "-o", "no/x.json", code=2)
    assert "no/x.json cannot be written." in told.stderr


def test_two_bills_of_materials_are_compared(goldrun: Goldrun, bill: Path, tmp_path: Path) -> None:
    other = LIST.replace("4.17.20", "4.17.21").replace("tool\tnode\t24.1.0\tx64\n", "npm\tlodash\t3.0.0\n")
    (tmp_path / "after.cdx.json").write_text(cyclonedx.write(parse(other), "runner", "m-2", NOW))
    found = json.loads(goldrun("image", "diff", str(bill), "after.cdx.json", "--json").stdout)
    assert found == {
        "added": {},
        "removed": {"tool node": "24.1.0"},
        "changed": {"npm lodash": {"before": "4.17.20", "after": "3.0.0 4.17.21"}},
    }
    assert "they are the same." in goldrun("image", "diff", str(bill), str(bill)).stderr
    assert "compared with another one" in goldrun("image", "diff", str(bill), "m-localnewamd64", code=2).stderr
    assert "There is no file nowhere.json" in goldrun("image", "diff", str(bill), "nowhere.json", code=1).stderr


def test_a_recipe_that_scans_needs_a_database_before_anything_is_built(
    populated: Running, goldrun: Goldrun, tmp_path: Path
) -> None:
    goldrun("recipe", "init", "tools")
    recipe = tmp_path / "tools/recipe.toml"
    recipe.write_text(recipe.read_text() + "\n[scan]\n")
    before = dict(populated.cloud.gateway.calls)
    assert "No advisory database is given." in goldrun("image", "build", "tools", "--arch", "amd64", code=2).stderr
    (tmp_path / "osv").mkdir()
    words = ("image", "build", "tools", "--arch", "amd64", "--advisories", "osv")
    assert "There are no advisories at osv." in goldrun(*words, code=2).stderr
    assert dict(populated.cloud.gateway.calls) == before
