"""The kinds of virtual machines: what QEMU emulates for each architecture, and the base image that boots on it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

_FIRMWARE = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"


@dataclass(frozen=True)
class Hardware:
    """A kind of virtual machine.

    Attributes:
        architecture: as ECS names it.
        debian: as Debian names it.
        machine: as the kernel names it (``uname -m``).
        program: QEMU's program.
        options: what the program needs beside disk, network and memory.
        processor: the one that is emulated where KVM cannot be used.
        console: the serial console.
        needs: files that the programs of Debian's packages bring, and these packages.
        image_id: the base image.
        family: its family.
    """

    architecture: str
    debian: str
    machine: str
    program: str
    options: tuple[str, ...]
    processor: str
    console: str
    needs: dict[str, str]
    image_id: str
    family: str

    @property
    def is_native(self) -> bool:
        """Whether this computer has such a processor itself."""
        return os.uname().machine == self.machine


def missing(needs: dict[str, str]) -> list[str]:
    """Return the packages whose programs or files are not on this computer."""
    return [package for name, package in needs.items() if not (shutil.which(name) or Path(name).exists())]


X86_64 = Hardware(
    architecture="x86_64",
    debian="amd64",
    machine="x86_64",
    program="qemu-system-x86_64",
    options=(),
    processor="max",
    console="ttyS0",
    needs={"qemu-system-x86_64": "qemu-system-x86"},
    image_id="debian_13_x64_goldrun.qcow2",
    family="acs:debian_13_x64",
)
ARM64 = Hardware(
    architecture="arm64",
    debian="arm64",
    machine="aarch64",
    program="qemu-system-aarch64",
    # Only firmware shows a guest the name of its maker, by which cloud-init knows Alibaba Cloud.
    options=("-machine", "virt", "-bios", _FIRMWARE),
    processor="cortex-a72",  # `max` signs pointers, which takes most of the time where it is emulated
    console="ttyAMA0",
    needs={"qemu-system-aarch64": "qemu-system-arm", _FIRMWARE: "qemu-efi-aarch64"},
    image_id="debian_13_arm64_goldrun.qcow2",
    family="acs:debian_13_arm64",
)
HARDWARE = {kind.architecture: kind for kind in (X86_64, ARM64)}
