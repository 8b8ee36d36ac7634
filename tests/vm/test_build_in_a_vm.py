"""Real virtual machines: a recipe is run in one, becomes an image, boots in another, and is proved there.

Run by `make vm-test` (GOLDRUN_TEST_VM=1); needs root, QEMU and Debian's packages. Without KVM a boot takes two minutes;
the test of stages boots five times: `GOLDRUN_TEST_VM_STAGES=1 make vm-test`.
"""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
from pathlib import Path

import pytest

from goldrun.contents import cyclonedx
from tests.commands import GOLDRUN
from tests.vm.conftest import MachineShell

pytestmark = pytest.mark.skipif(os.environ.get("GOLDRUN_TEST_VM") != "1", reason="make vm-test runs real machines")

RECIPE = """
family = "vm-tools"
manifest = "manifest.sh"
[base]
amd64 = "acs:debian_13_x64"
[versions]
greet = "1.0"
[[disks]]
mount = "/srv/cache"
size = 20
[[disks]]
mount = "/srv/more"
size = 25
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
[[smoke]]
name = "its data disks are too"
command = "grep filled /srv/cache/note && mountpoint /srv/more"
[builder]
cpu = "2.."
memory = "2.."
disk = 20
[limits]
boot = "20m"
"""
FILES = {
    "recipe.toml": RECIPE,
    "greet": "#!/bin/sh\necho 'hello from goldrun'\n",
    "install.sh": "#!/bin/bash\necho installing greet $GREET_VERSION on $(uname -m)\n: > /var/lib/goldrun-installed\n"
    "mountpoint /srv/cache && echo filled > /srv/cache/note\n",
    "manifest.sh": "#!/bin/bash\n. /etc/os-release\necho debian=$VERSION_ID\n",
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


def test_a_recipe_becomes_an_image_that_boots(shell: MachineShell, recipe: Path, tmp_path: Path) -> None:
    built = shell("image", "build", str(recipe), "--sbom", str(tmp_path))
    (bill,) = tmp_path.glob("vm-tools-amd64-*.cdx.json")
    contents = cyclonedx.read(bill.read_text(), bill.name)
    assert (contents.system, contents.release) == ("debian", "13")
    assert {"bash", "cloud-init", "openssh-server"} <= {one.name for one in contents.components if one.kind == "deb"}
    assert "| cloud-init |" in bill.with_name(bill.name.replace("cdx.json", "md")).read_text()
    assert "installing greet 1.0 on x86_64" in built.stderr
    assert "hello from goldrun" in built.stderr
    assert "SKIP_BUILD=false" in built.stdout
    assert "/srv/cache: /dev/vdb, 20 GiB, ext4" in built.stderr
    assert "/srv/more: /dev/vdc, 25 GiB, ext4" in built.stderr
    inspected = shell("image", "inspect", "vm-tools", "--arch", "amd64").stdout
    assert "debian=13" in inspected
    assert "passed" in inspected
    assert shell("instance", "ls", "-q").stdout == ""
    assert "SKIP_BUILD=true" in shell("image", "build", str(recipe)).stdout


def on_a_terminal(shell: MachineShell, *words: str, keys: str) -> tuple[int, str]:
    """Run a command on a terminal, press keys when it has let a key in, and return its exit code and what was seen."""
    ours, theirs = pty.openpty()
    seen = b""
    with subprocess.Popen([*GOLDRUN, *words], env=shell.env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        pressed = False
        with contextlib.suppress(OSError):  # the other side is closed
            while block := os.read(ours, 65536):
                seen += block
                if not pressed and b"root@" in seen:
                    pressed = True
                    os.write(ours, keys.encode())
        code = process.wait(timeout=600)
    os.close(ours)
    return code, seen.decode(errors="replace")


STAGED = """
family = "vm-staged"
[base]
amd64 = "acs:debian_13_x64"
[versions]
late = "1"
[[steps]]
name = "early"
script = "early.sh"
reboot = true
[[steps]]
name = "seen after a restart"
script = "restarted.sh"
cache = true
[[files]]
source = "note"
target = "/opt/note"
before = "late"
[[steps]]
name = "late"
script = "late.sh"
[[smoke]]
name = "all of it is there"
command = "test $(cat /opt/late) = $LATE_VERSION && test -e /opt/early && test -e /opt/note"
[[smoke]]
name = "the machine is not the builder"
command = "test $(cat /etc/machine-id) != $(cat /opt/builders-id)"
[builder]
cpu = "2.."
memory = "2.."
disk = 20
[limits]
boot = "20m"
"""
STEPS = {
    "recipe.toml": STAGED,
    "note": "sent late\n",
    "early.sh": "#!/bin/bash\nset -eu\ncat /proc/sys/kernel/random/boot_id > /opt/early\nsleep 60\necho early done\n",
    "restarted.sh": "#!/bin/bash\nset -eu\ntest $(cat /opt/early) != $(cat /proc/sys/kernel/random/boot_id)\n"
    "if env | grep -q ^LATE_; then exit 1; fi\ncat /etc/machine-id > /opt/builders-id\n",
    "late.sh": "#!/bin/bash\nset -eu\necho $LATE_VERSION > /opt/late\necho late $LATE_VERSION\n",
}


@pytest.mark.skipif(
    os.environ.get("GOLDRUN_TEST_VM_STAGES") != "1", reason="GOLDRUN_TEST_VM_STAGES=1 make vm-test runs it"
)
def test_a_build_starts_from_a_stage_of_a_real_disk(shell: MachineShell, tmp_path: Path) -> None:
    """A restart is one (another boot id), a stage holds what was written, and late changes start from it."""
    for name, text in STEPS.items():
        (tmp_path / name).write_text(text)
    first = shell("image", "build", str(tmp_path)).stderr
    assert "early done" in first
    (tmp_path / "recipe.toml").write_text(STAGED.replace('late = "1"', 'late = "2"'))
    second = shell("image", "build", str(tmp_path)).stderr
    assert "early done" not in second
    assert "has the first 2 steps" in second
    assert "late 2" in second
    assert shell("instance", "ls", "-q").stdout == ""


def test_a_recipe_that_breaks_is_not_published(shell: MachineShell, recipe: Path) -> None:
    """Somebody logs in to the builder, on a terminal, and looks at what the step has left."""
    before = shell("image", "id", "vm-tools", "--arch", "amd64").stdout
    (recipe / "install.sh").write_text("#!/bin/bash\necho about to break >&2\necho left > /root/left\nexit 42\n")
    code, seen = on_a_terminal(
        shell,
        "image",
        "build",
        str(recipe),
        "--on-failure",
        "ssh",
        "--public-ip",
        keys="echo it is $(cat /root/left)\nexit\n",
    )
    assert code == 5, seen
    assert "'install' ended with exit code 42" in seen
    assert "about to break" in seen
    assert "it is left" in seen
    assert shell("image", "id", "vm-tools", "--arch", "amd64").stdout == before
    assert shell("instance", "ls", "-q").stdout == ""
    assert "nothing to sweep" in shell("sweep", "--yes").stderr
