"""A local cloud with real machines for each worker; the base disk takes a minute and a half: one for all."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from shell import Shell
from tests.vm.garm import Controller, create


class MachineShell(Shell):
    """A shell whose local cloud has virtual machines."""

    timeout = 5400.0  # the runners' image without KVM: three quarters of an hour, and more beside other work

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.env = {**os.environ, **self.env, "ALIYUN_REGION_ID": "cn-hangzhou"}

    def __call__(
        self, *words: str, code: int = 0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = super().__call__(*words, code=code, env=env)
        print(done.stdout, done.stderr)  # noqa: T201 - what a machine says is wanted when a test fails
        return done

    def console(self, instance_id: str) -> str:
        """What a machine has written, also one that is about to be gone."""
        log = self.folder / "cloud.db.machines" / instance_id / "console.log"
        return log.read_text(errors="replace") if log.exists() else ""


@pytest.fixture(scope="session")
def base_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the base disk; whichever worker comes first makes it."""
    made = os.environ.get("GOLDRUN_TEST_BASE", "")  # a folder where an earlier run has made it
    if made and Path(made).is_dir():
        return Path(made)
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own  # the workers' folders are side by side
    with (shared / "base.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        data = shared / "base.db"
        if not (shared / "made").exists():
            MachineShell(shared)("local", "base-image", "--data", str(data))
            (shared / "made").touch()
    return data.with_name(f"{data.name}.machines") / "images"


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory, base_disk: Path) -> Iterator[MachineShell]:
    folder = tmp_path_factory.mktemp("vm")
    shell = MachineShell(folder)
    shutil.copytree(base_disk, folder / "cloud.db.machines/images")
    yield from cloud(shell)


def cloud(shell: MachineShell) -> Iterator[MachineShell]:
    """Start a local cloud with machines, and stop it."""
    shell("local", "up", "--detach", "--port", "0", "--machines", "qemu")
    shell.use()
    shell("local", "market", "--scarcity", "0", "--phantoms", "0")
    yield shell
    shell("local", "down")


@pytest.fixture(scope="session")
def garm(shell: MachineShell) -> Iterator[tuple[Controller, str]]:
    """An instance that GARM has requested, booting, and the engine's side of it."""
    controller, instance_id = create(shell.folder, shell.env)
    yield controller, instance_id
    controller.server.shutdown()
    controller.server.server_close()
