"""What is not installed is named with a command that is true for this installation."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from goldrun import extras

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
WHEEL = {"url": "file:///srv/dist%20a/goldrun-1.0.0-py3-none-any.whl", "archive_info": {}}
TREE = {"url": "file:///srv/goldrun", "dir_info": {"editable": True}}
FOLDER = {"url": "file:///srv/goldrun", "dir_info": {}}
GIT = {"url": "https://example.com/goldrun.git", "vcs_info": {"vcs": "git", "requested_revision": "v1"}}


def installed_by(monkeypatch: pytest.MonkeyPatch, prefix: Path, origin: object, *, active: bool = True) -> None:
    """Make it look as if a tool had installed goldrun into ``prefix`` from ``origin``."""
    text = json.dumps(origin) if origin else None
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(sys, "executable", str(prefix / "bin/python"))
    monkeypatch.setattr(metadata, "distribution", lambda name: SimpleNamespace(read_text=lambda file: text))
    monkeypatch.setattr(extras, "_installed", lambda: ["credentials", "otel"])
    if active:
        monkeypatch.setenv("VIRTUAL_ENV", str(prefix))
    else:
        monkeypatch.delenv("VIRTUAL_ENV", raising=False)


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pip install 'goldrun[plot]'"),
        (
            WHEEL,
            "pip install --find-links '/srv/dist a' 'goldrun[plot] @ file:///srv/dist%20a/goldrun-1.0.0-py3-none-any.whl'",
        ),
        (TREE, "pip install -e '/srv/goldrun[plot]'"),
        (FOLDER, "pip install '/srv/goldrun[plot]'"),
        (GIT, "pip install 'goldrun[plot] @ git+https://example.com/goldrun.git@v1'"),
    ],
)
def test_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, origin: object, command: str) -> None:
    installed_by(monkeypatch, tmp_path, origin)
    assert extras.install_command("plot") == command
    installed_by(monkeypatch, tmp_path, origin, active=False)
    assert extras.install_command("plot") == f"{tmp_path}/bin/python -m {command}"


def test_an_environment_without_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed_by(monkeypatch, tmp_path, None)
    monkeypatch.setitem(sys.modules, "pip", None)
    assert extras.install_command("plot") == f"uv pip install --python {tmp_path}/bin/python 'goldrun[plot]'"


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "uv tool install --force 'goldrun[credentials,otel,plot]'"),
        (
            WHEEL,
            "uv tool install --force --find-links '/srv/dist a' 'goldrun[credentials,otel,plot] @ file:///srv/dist%20a/goldrun-1.0.0-py3-none-any.whl'",
        ),
        (TREE, "uv tool install --force -e '/srv/goldrun[credentials,otel,plot]'"),
    ],
)
def test_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, origin: object, command: str) -> None:
    (tmp_path / "uv-receipt.toml").touch()
    installed_by(monkeypatch, tmp_path, origin)
    assert extras.install_command("plot") == command


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pipx install --force 'goldrun[credentials,otel,plot]'"),
        (
            WHEEL,
            "pipx install --force --pip-args=\"--find-links '/srv/dist a'\" 'goldrun[credentials,otel,plot] @ file:///srv/dist%20a/goldrun-1.0.0-py3-none-any.whl'",
        ),
    ],
)
def test_pipx(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, origin: object, command: str) -> None:
    (tmp_path / "pipx_metadata.json").touch()
    installed_by(monkeypatch, tmp_path, origin)
    assert extras.install_command("plot") == command


def test_every_optional_package_is_known() -> None:
    known = {*extras.MODULES.values()}
    assert known == {*tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]}


def test_other_modules_are_not_explained() -> None:
    assert extras.explain(ModuleNotFoundError(name="local_cloudy")) is None
    assert extras.explain(ModuleNotFoundError(name="opentelemetry.sdk")) is not None


@pytest.mark.parametrize("page", ["upgrading.md", "upgrading.zh-CN.md"])
def test_the_docs_list_every_extra(page: str) -> None:
    rows = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    listed = {
        name for row in re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE) for name in re.findall(r"`(\w[\w-]*)`", row)
    }
    assert {*extras.MODULES.values()} == listed & {*extras.MODULES.values()}


def test_an_extra_is_installed_if_all_its_packages_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """`local` brings PyNaCl, which alone is not the extra `setup`."""
    there = {"PyNaCl", "cryptography", "goldrun-local-cloud"}
    listed = [
        "PyNaCl<2,>=1.5; extra == 'setup'",
        "PyJWT<3; extra == 'setup'",
        "click>=8",
        "cryptography; extra == 'seal'",
        'goldrun-local-cloud==0.1.0 ; extra == "local"',
    ]

    def distribution(name: str) -> None:
        if name not in there:
            raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", lambda _: listed)
    monkeypatch.setattr(metadata, "distribution", distribution)
    assert extras._installed() == ["local", "seal"]
