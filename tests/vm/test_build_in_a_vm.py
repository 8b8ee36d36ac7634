"""Real virtual machines: a recipe is run in one, becomes an image, boots in another, and is proved there.

Run by `make vm-test` (GOLDRUN_TEST_VM=1); needs root, QEMU and Debian's packages. Without KVM a boot takes two minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.environ.get("GOLDRUN_TEST_VM") != "1", reason="make vm-test runs real machines")

GOLDRUN = [sys.executable, "-m", "goldrun.cli.main"]
RECIPE = """
family = "vm-tools"
manifest = "manifest.sh"
[base]
amd64 = "acs:debian_13_x64"
[versions]
greet = "1.0"
[[files]]
source = "greet"
target = "/usr/local/bin/greet"
mode = "0755"
[[steps]]
name = "install"
script = "install.sh"
timeout = "5m"
[[tests]]
name = "greet runs"
command = "greet | grep -Fx 'hello from goldrun'"
[[smoke]]
name = "greet is in the image, on a machine of its own"
command = "greet && test -s /etc/machine-id && test -e /var/lib/goldrun-installed"
[builder]
cpu = "2.."
memory = "2.."
disk = 20
[limits]
boot = "8m"
"""
FILES = {
    "recipe.toml": RECIPE,
    "greet": "#!/bin/sh\necho 'hello from goldrun'\n",
    "install.sh": "#!/bin/bash\necho installing greet $GREET_VERSION on $(uname -m)\n: > /var/lib/goldrun-installed\n",
    "manifest.sh": "#!/bin/bash\n. /etc/os-release\necho debian=$VERSION_ID\n",
}


class Shell:
    """The command line, on a local cloud of its own with real machines."""

    def __init__(self, folder: Path) -> None:
        self.env = {
            **os.environ,
            "HOME": str(folder),
            "GOLDRUN_LOCAL_DATA": str(folder / "cloud.db"),
            "ALIYUN_REGION_ID": "cn-hangzhou",
        }

    def __call__(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            GOLDRUN + list(words), env=self.env, capture_output=True, text=True, timeout=1500, check=False
        )
        print(done.stdout, done.stderr)  # noqa: T201 - what a build says is wanted when it fails
        assert done.returncode == code, done.stderr
        return done


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("vm")
    shell = Shell(folder)
    made = os.environ.get("GOLDRUN_TEST_BASE", "")  # a folder where an earlier run has made the base disk
    if made and Path(made).is_dir():
        shutil.copytree(made, folder / "cloud.db.machines/images")
    else:
        shell("local", "base-image")
    shell("local", "up", "--detach", "--port", "0", "--machines", "qemu")
    for line in shell("local", "env").stdout.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        shell.env[name] = value
    shell("local", "market", "--scarcity", "0", "--phantoms", "0")
    yield shell
    shell("local", "down")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


def test_a_recipe_becomes_an_image_that_boots(shell: Shell, recipe: Path) -> None:
    built = shell("image", "build", str(recipe))
    assert "installing greet 1.0 on x86_64" in built.stderr
    assert "hello from goldrun" in built.stderr
    assert "SKIP_BUILD=false" in built.stdout
    inspected = shell("image", "inspect", "vm-tools", "--arch", "amd64").stdout
    assert "debian=13" in inspected
    assert "passed" in inspected
    assert shell("instance", "ls", "-q").stdout == ""
    assert "SKIP_BUILD=true" in shell("image", "build", str(recipe)).stdout


def test_a_recipe_that_breaks_is_not_published(shell: Shell, recipe: Path) -> None:
    before = shell("image", "id", "vm-tools", "--arch", "amd64").stdout
    (recipe / "install.sh").write_text("#!/bin/bash\necho about to break >&2\nexit 42\n")
    broken = shell("image", "build", str(recipe), code=5)
    assert "'install' ended with exit code 42" in broken.stderr
    assert "about to break" in broken.stderr
    assert shell("image", "id", "vm-tools", "--arch", "amd64").stdout == before
    assert shell("instance", "ls", "-q").stdout == ""
    assert "nothing to sweep" in shell("sweep").stderr
