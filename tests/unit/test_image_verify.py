"""``goldrun image verify`` and ``image id --verified``, as people and workflows use them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from local_cloud.records import Image
from tests.commands import Goldrun
from tests.conftest import QUICK, Running
from tests.simulation.test_provenance import make_key


@pytest.fixture
def populated(populated: Running) -> Running:
    return populated.always_in_stock(speed=50, **QUICK)


def test_who_built_it_and_from_what(populated: Running, goldrun: Goldrun, tmp_path: Path) -> None:
    key = make_key(tmp_path)
    public = str(key.with_suffix(".pub"))
    goldrun("recipe", "init", "tools")
    build = ("image", "build", "tools", "--arch", "amd64")
    assert "is not a P-256 private key" in goldrun(*build, code=2, GOLDRUN_SIGNING_KEY_FILE=public).stderr
    goldrun(*build)
    verify = ("image", "verify", "tools", "--arch", "amd64")
    assert "has no signature" in goldrun(*verify, "--key", public, code=5).stderr
    goldrun(*build, GOLDRUN_SIGNING_KEY_FILE=str(key), GITHUB_REPOSITORY="octo-org/octo-repo", GITHUB_SHA="abc")
    shown = goldrun(*verify, "--key", public, "--recipe", "tools")
    assert "VersionHash" in shown.stdout
    assert "it was built from tools." in shown.stderr
    assert "No key to verify with is given." in goldrun(*verify, code=2).stderr
    found = ("image", "id", "tools", "--arch", "amd64", "--verified")
    assert "IMAGE_ID=m-" in goldrun(*found, GOLDRUN_VERIFY_KEY_FILE=public).stdout
    assert "exclude each other" in goldrun(*found, "--all-regions", code=2, GOLDRUN_VERIFY_KEY_FILE=public).stderr
    (tmp_path / "tools/files/motd").write_text("another\n")
    assert "was not built from tools" in goldrun(*verify, "--key", public, "--recipe", "tools", code=5).stderr
    image = next(one for one in populated.cloud.store.all(Image) if one.name == "tools-amd64-latest")
    populated.cloud.store.put(replace(image, tags={**image.tags, "Source": "evil/evil@abc"}))
    forged = goldrun(*found, code=5, GOLDRUN_VERIFY_KEY_FILE=public)
    assert forged.stdout == ""
    assert "an invalid signature" in forged.stderr


def test_a_recipe_with_parameters_is_verified_and_scanned_with_them(goldrun: Goldrun, tmp_path: Path) -> None:
    """The error named --set, which these commands did not have."""
    key = make_key(tmp_path)
    goldrun("recipe", "init", "tools")
    recipe = tmp_path / "tools/recipe.toml"
    recipe.write_text(f"{recipe.read_text()}\n[parameters.size]\n")
    build = ("image", "build", "tools", "--arch", "amd64", "--set", "size=small")
    goldrun(*build, GOLDRUN_SIGNING_KEY_FILE=str(key))
    verify = ("image", "verify", "tools", "--arch", "amd64", "--key", str(key.with_suffix(".pub")), "--recipe", "tools")
    assert "--set size=" in goldrun(*verify, code=2).stderr
    assert "it was built from tools." in goldrun(*verify, "--set", "size=small").stderr
    (tmp_path / "large.toml").write_text('size = "large"\n')
    assert "was not built from tools" in goldrun(*verify, "--parameters", "large.toml", code=5).stderr
    (tmp_path / "empty.json").write_text('{"bomFormat": "CycloneDX"}')
    (tmp_path / "osv").mkdir()
    scan = ("image", "scan", "--sbom", "empty.json", "--advisories", "osv", "--recipe", "tools")
    assert "--set size=" in goldrun(*scan, code=2).stderr
    assert "nothing to scan" in goldrun(*scan, "--set", "size=small", code=5).stderr


def check(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    return subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_other_tools_verify_the_statement(goldrun: Goldrun, tmp_path: Path) -> None:
    """Those of the field, on what the command has written: openssl, and cosign where it is installed."""
    key = make_key(tmp_path)
    goldrun("recipe", "init", "tools")
    goldrun("image", "build", "tools", "--arch", "amd64")
    write = ("image", "statement", "tools", "image.json", "--arch", "amd64")
    (tmp_path / "image.json.sig").write_text("another image's")
    unsigned = goldrun(*write)
    assert "has no signature" in unsigned.stderr
    assert not (tmp_path / "image.json.sig").exists()
    goldrun("image", "build", "tools", "--arch", "amd64", GOLDRUN_SIGNING_KEY_FILE=str(key))
    said = dict(line.split("=", 1) for line in goldrun(*write).stdout.splitlines())
    content = (tmp_path / "image.json").read_bytes()
    assert said == {
        "STATEMENT_FILE": "image.json",
        "STATEMENT_SHA256": hashlib.sha256(content).hexdigest(),
        "SIGNATURE_FILE": "image.json.sig",
    }
    assert json.loads(content)["format"] == "goldrun-image-1"
    (tmp_path / "raw.sig").write_bytes(base64.b64decode((tmp_path / "image.json.sig").read_bytes()))
    ssl = ("openssl", "dgst", "-sha256", "-verify", "image.pub", "-signature", "raw.sig", "image.json")
    cosign = ("cosign", "verify-blob", "--key", "image.pub", "--signature", "image.json.sig")
    offline = ("--insecure-ignore-tlog=true", "image.json")
    assert check(tmp_path, *ssl).stdout == "Verified OK\n"
    if shutil.which("cosign"):
        done = check(tmp_path, *cosign, *offline)
        assert "Verified OK" in done.stderr, done.stderr
    (tmp_path / "image.json").write_bytes(content.replace(b"cn-hangzhou", b"cn-shanghai"))
    assert check(tmp_path, *ssl).returncode != 0
    if shutil.which("cosign"):
        assert check(tmp_path, *cosign, *offline).returncode != 0
    assert "cannot be written" in goldrun(*write[:3], "no/where.json", "--arch", "amd64", code=2).stderr


LIST = """#!/bin/bash
# simulate: seconds=1 output=os\tubuntu\t24.04
# simulate: output=deb\tjq\t1.7\tamd64\tjq\t1.7
# simulate: output=npm\tnpm\t11.6
"""


def test_the_packages_that_were_found_are_signed_too(populated: Running, goldrun: Goldrun, tmp_path: Path) -> None:
    key = make_key(tmp_path)
    signing = {"GOLDRUN_SIGNING_KEY_FILE": str(key), "GOLDRUN_VERIFY_KEY_FILE": str(key.with_suffix(".pub"))}
    goldrun("recipe", "init", "tools")
    recipe = tmp_path / "tools/recipe.toml"
    recipe.write_text('packages = "scripts/list.sh"\n' + recipe.read_text())
    (tmp_path / "tools/scripts/list.sh").write_text(LIST)
    goldrun = goldrun.with_env(signing)
    goldrun("image", "build", "tools", "--arch", "amd64", "--sbom", "bills")
    (bill,) = (tmp_path / "bills").glob("*.json")
    verify = ("image", "verify", "tools", "--arch", "amd64")
    done = goldrun(*verify, "--sbom", str(bill))
    assert "is its bill of materials: 2 packages." in done.stderr
    assert "Contents" in done.stdout
    bill.write_text(bill.read_text().replace("11.6", "11.5"))
    assert "is not the list of packages" in goldrun(*verify, "--sbom", str(bill), code=5).stderr
    image = next(one for one in populated.cloud.store.all(Image) if one.name == "tools-amd64-latest")
    without = {key: value for key, value in image.tags.items() if key != "Contents"}
    populated.cloud.store.put(replace(image, tags={**without, "Contents": "0" * 64}))
    assert "an invalid signature" in goldrun(*verify, code=5).stderr
    populated.cloud.store.put(replace(image, tags=without))
    assert "an invalid signature" in goldrun(*verify, code=5).stderr
