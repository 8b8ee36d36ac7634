"""examples/serve: what is deployed there is what the command takes."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import hcl2
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


def test_terraform_starts_two_servers_with_a_role_and_no_secret() -> None:
    text = (FOLDER / "terraform/main.tf").read_text(encoding="utf-8")
    parts = hcl2.loads(text)
    names = {part.strip('"') for block in parts["variable"] for part in block}
    used = set(re.findall(r"var\.(\w+)", text))
    assert names == used
    assert not any("key" in name or "secret" in name for name in names)
    (server,) = [block for block in parts["resource"] if "alicloud_instance" in str(next(iter(block)))]
    assert "required" in str(server)
    assert "role_name" in str(server)


def test_terraforms_script_is_a_valid_one(tmp_path: Path) -> None:
    text = (FOLDER / "terraform/server.sh.tftpl").read_text(encoding="utf-8")
    main = (FOLDER / "terraform/main.tf").read_text(encoding="utf-8")
    values = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "YWJj")
    assert all(re.search(rf"^    {name} +=", main, re.MULTILINE) for name in values)
    script = tmp_path / "server.sh"
    script.write_text(re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], text))
    checker = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([str(checker), str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    known = {name for one in vars(config).values() if isinstance(one, config.Variable) for name in one.names}
    assert set(re.findall(r"^(?:Environment=)?([A-Z][A-Z_]+)=", text, re.MULTILINE)) <= known | {"DEBIAN_FRONTEND"}
