"""The disks that virtual machines boot from."""

from __future__ import annotations

from pathlib import Path

import click

from goldrun.cli import output
from goldrun.errors import UsageError
from local_cloud.cli.common import DATA, machines_folder
from local_cloud.machines import base_image as images
from local_cloud.machines.hardware import HARDWARE, X86_64

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("base-image")
@DATA
@click.option(
    "--arch",
    type=click.Choice([kind.debian for kind in HARDWARE.values()]),
    default=X86_64.debian,
    show_default=True,
    help="Architecture; another one than this computer's is emulated.",
)
@click.option("--mirror", default=images.MIRROR, show_default=True, help="Mirror of Debian's packages.")
@click.option("--import", "disk", type=FILE, help="Disk file to use instead, such as a cloud image.")
@click.option("--kernel", type=FILE, help="Kernel of the disk.")
@click.option("--initrd", type=FILE, help="Initial RAM disk of the disk.")
@click.option("--root", default="/dev/vda1", show_default=True, help="Root file system of --import.")
def base_image(
    data: Path, arch: str, mirror: str, disk: Path | None, kernel: Path | None, initrd: Path | None, root: str
) -> None:
    """Make the disk that virtual machines boot from (`goldrun local up --machines qemu`): the family acs:debian_13_x64.

    With `--arch arm64` it is acs:debian_13_arm64. Another processor than this computer's is emulated, which is about as
    fast as its own without KVM. Both images can be there at once.

    From Debian's packages, which takes about a minute, as root, or from a cloud image's disk (qcow2 or raw, with
    cloud-init and the guest agent on it), its kernel and its initial RAM disk.
    """
    folder = machines_folder(data) / "images"
    hardware = next(kind for kind in HARDWARE.values() if kind.debian == arch)
    if disk:
        if not kernel or not initrd:
            raise UsageError("--import needs --kernel and --initrd: virtual machines boot without a boot loader.")
        images.take(folder, disk, kernel, initrd, root, hardware=hardware)
    else:
        images.make(folder, output.note, hardware=hardware, mirror=mirror)
    output.note(f"{hardware.family} is ready: goldrun local up --machines qemu")
