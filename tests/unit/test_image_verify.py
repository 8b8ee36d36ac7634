"""``goldrun image verify`` and ``image id --verified``, as people and workflows use them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from local_cloud.market import Market
from local_cloud.records import Image
from tests.conftest import Running
from tests.simulation.test_provenance import make_key


@pytest.fixture
def goldrun(populated: Running, tmp_path: Path) -> Any:
    store = populated.cloud.store
    quick = {"boot_seconds": 1.0, "release_seconds": 0.5, "image_seconds": 1.0, "stop_seconds": 0.5}
    store.put(replace(store.settings(), market=Market(seed=11, phantoms=0.0, scarcity=0.0), **quick))
    populated.cloud.clock.set_speed(50)

    def run(*words: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        own = {"HOME": str(tmp_path), "ALIYUN_SECURITY_GROUP_ID": "sg-local-cn-hangzhou", **env}
        done = subprocess.run(
            [sys.executable, "-m", "goldrun.cli.main", *words],
            env=populated.environment(**own),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    return run


def test_who_built_it_and_from_what(populated: Running, goldrun: Any, tmp_path: Path) -> None:
    key = make_key(tmp_path)
    public = str(key.with_suffix(".pub"))
    goldrun("recipe", "init", "tools")
    build = ("image", "build", "tools", "--arch", "amd64")
    assert "is no private key" in goldrun(*build, code=2, GOLDRUN_SIGNING_KEY_FILE=public).stderr
    goldrun(*build)
    verify = ("image", "verify", "tools", "--arch", "amd64")
    assert "has no signature" in goldrun(*verify, "--key", public, code=5).stderr
    goldrun(*build, GOLDRUN_SIGNING_KEY_FILE=str(key), GITHUB_REPOSITORY="octo-org/octo-repo", GITHUB_SHA="abc")
    shown = goldrun(*verify, "--key", public, "--recipe", "tools")
    assert "VersionHash" in shown.stdout
    assert "it was built from tools." in shown.stderr
    assert '"format":"goldrun-image-1"' in goldrun(*verify, "--key", public, "--statement").stdout
    assert "No key is named to verify with." in goldrun(*verify, code=2).stderr
    found = ("image", "id", "tools", "--arch", "amd64", "--verified")
    assert "IMAGE_ID=m-" in goldrun(*found, GOLDRUN_VERIFY_KEY_FILE=public).stdout
    assert "exclude each other" in goldrun(*found, "--all-regions", code=2, GOLDRUN_VERIFY_KEY_FILE=public).stderr
    (tmp_path / "tools/files/motd").write_text("another\n")
    assert "was not built from tools" in goldrun(*verify, "--key", public, "--recipe", "tools", code=5).stderr
    image = next(one for one in populated.cloud.store.all(Image) if one.name == "tools-amd64-latest")
    populated.cloud.store.put(replace(image, tags={**image.tags, "Source": "evil/evil@abc"}))
    forged = goldrun(*found, code=5, GOLDRUN_VERIFY_KEY_FILE=public)
    assert forged.stdout == ""
    assert "a signature that is not right" in forged.stderr
