"""examples/serve: what is deployed there is what the command takes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from tools.house import ROOT

from goldrun import config
from goldrun.cli.serve import serve_run
from goldrun.serve.loading import load

FOLDER = ROOT / "examples/serve"


def manifest(kind: str) -> dict[str, Any]:
    parts = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8"))
    return next(part for part in parts if part["kind"] == kind)


def container() -> dict[str, Any]:
    (found,) = manifest("Deployment")["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def unit() -> dict[str, str]:
    lines = (FOLDER / "goldrun-serve.service").read_text(encoding="utf-8").splitlines()
    return dict(line.partition("=")[::2] for line in lines if "=" in line and not line.startswith("#"))


def require_taken(words: list[str]) -> None:
    """The command takes these words."""
    serve_run.make_context("serve", list(words), resilient_parsing=False).close()


def test_the_commands_are_taken() -> None:
    require_taken(container()["args"])
    words = shlex.split(unit()["ExecStart"])
    assert words[1] == "serve"
    require_taken(words[2:])
    with pytest.raises(click.UsageError):
        require_taken([*words[2:], "--nothing"])


def test_the_manifests_configuration_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "runners.toml"
    file.write_text(manifest("ConfigMap")["data"]["runners.toml"])
    assert load(file).profile.keys() == {"ubuntu-spot"}


def test_the_manifest_gives_no_more_than_is_needed() -> None:
    spec = manifest("Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["template"]["spec"]["automountServiceAccountToken"] is False
    security = container()["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    known = {name for one in vars(config).values() if isinstance(one, config.Variable) for name in one.names}
    assert {one["name"] for one in container()["env"]} <= known


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (FOLDER / "goldrun-serve.service").read_text(encoding="utf-8")
    copy = tmp_path / "goldrun-serve.service"
    copy.write_text(text.replace("/opt/goldrun/bin/goldrun", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "goldrun-serve" in line]
    assert not ours
