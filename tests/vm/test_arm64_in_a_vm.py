"""An image for arm64, built, booted and tested on an emulated processor.

Run by request, since its base image takes a quarter of an hour where programs for arm64 are emulated:
`GOLDRUN_TEST_VM_ARM64=1 make vm-test`; it needs qemu-system-arm, qemu-efi-aarch64 and qemu-user-static.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud.machines.base_image import disk_file
from local_cloud.machines.hardware import ARM64
from tests.vm.conftest import MachineShell, cloud
from tests.vm.test_build_in_a_vm import FILES

pytestmark = pytest.mark.skipif(
    os.environ.get("GOLDRUN_TEST_VM") != "1" or os.environ.get("GOLDRUN_TEST_VM_ARM64") != "1",
    reason="GOLDRUN_TEST_VM_ARM64=1 make vm-test runs it",
)


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MachineShell]:
    folder = tmp_path_factory.mktemp("arm")
    shell = MachineShell(folder)
    made = os.environ.get("GOLDRUN_TEST_BASE", "")  # a folder where an earlier run has made it
    images = folder / "cloud.db.machines/images"
    if made and disk_file(Path(made), ARM64.image_id).exists():
        shutil.copytree(made, images)
    else:
        shell("local", "base-image", "--arch", "arm64", "--data", str(folder / "cloud.db"))
    yield from cloud(shell)


def test_an_image_for_arm64_is_built_and_boots(arm: MachineShell, tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace('amd64 = "acs:debian_13_x64"', f'arm64 = "{ARM64.family}"'))
    built = arm("image", "build", str(tmp_path))
    assert "installing greet 1.0 on aarch64" in built.stderr
    inspected = arm("image", "inspect", "vm-tools", "--arch", "arm64").stdout
    assert "debian=13" in inspected
    assert "passed" in inspected
    assert arm("instance", "ls", "-q").stdout == ""
