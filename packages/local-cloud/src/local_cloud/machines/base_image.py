"""Makes a base disk from Debian's packages: small, quick to boot without KVM, with cloud-init and the guest agent.

No boot loader: QEMU starts its kernel directly. Needs root, mmdebstrap, e2fsprogs and qemu-utils.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from goldrun.errors import UnavailableError, UsageError
from local_cloud.machines.hardware import X86_64, Hardware, missing

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = (
    *("systemd-sysv", "udev", "cloud-init", "qemu-guest-agent", "linux-image-cloud-{debian}"),
    *("initramfs-tools", "e2fsprogs", "iproute2", "ca-certificates", "curl", "openssh-server"),
)
DISK_GIB = 4
_HANDLERS = "/proc/sys/fs/binfmt_misc"
ROOT_DEVICE = "/dev/vda"
BOOT_FILES = ("vmlinuz", "initrd", "root")  # beside the disk: kernel, initial RAM disk, the root file system's device
PROGRAMS = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "qemu-img": "qemu-utils"}
_FILES = {
    # Only the modules that a virtual machine here needs: the usual ones take a minute without KVM.
    "etc/cloud/cloud.cfg.d/99-goldrun.cfg": """\
datasource_list: [AliYun, None]
network: {config: disabled}
users: []
disable_root: false
ssh_genkeytypes: [ed25519]
cloud_init_modules: [seed_random, resizefs, write_files, set_hostname, ssh]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts_user, final_message]
""",
    "etc/systemd/network/10-dhcp.network": "[Match]\nName=e*\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\n",
    "etc/resolv.conf": "nameserver 100.100.100.3\n",
    "etc/fstab": "/dev/vda / ext4 defaults,noatime 0 1\n",
    "etc/machine-id": "",
    "etc/hostname": "goldrun\n",
}
_ENABLED = ("systemd-networkd", "ssh", "qemu-guest-agent", "serial-getty@{console}.service")
_MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "fstrim.timer", "e2scrub_all.timer", "dpkg-db-backup.timer"),
    *("systemd-networkd-wait-online.service", "systemd-timesyncd.service", "e2scrub_reap.service"),
    *("ldconfig.service", "systemd-hwdb-update.service", "systemd-journal-catalog-update.service"),
    *("systemd-binfmt.service", "systemd-pcrphase.service", "systemd-tpm2-setup.service", "getty@tty1.service"),
)
_INITRAMFS = (
    'mkdir -p "$1/etc/initramfs-tools/conf.d";'
    ' echo MODULES=list > "$1/etc/initramfs-tools/conf.d/goldrun";'
    ' printf "virtio_pci\\nvirtio_blk\\next4\\n" > "$1/etc/initramfs-tools/modules"'
)


def make(folder: Path, report: Callable[[str], None], *, hardware: Hardware = X86_64, mirror: str = MIRROR) -> None:
    """Make the base disk, its kernel and its initial RAM disk in ``folder``.

    Another architecture than this computer's takes ten times as long and more: its programs are emulated
    (binfmt_misc, with qemu-user-static).

    Raises:
        UsageError: a program or a permission is missing.
        UnavailableError: it cannot be made; with the last output of the program that failed.
    """
    needed = {**PROGRAMS, **hardware.needs}
    if not hardware.is_native:
        needed[f"{_HANDLERS}/qemu-{hardware.machine}"] = "qemu-user-static"
    if packages := missing(needed):
        raise UsageError("A base image cannot be made here.", fix=[f"apt-get install {' '.join(packages)}"])
    if os.geteuid() != 0:
        raise UsageError("A base image is made as root.", fix=["sudo goldrun local base-image"])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        root = work / "root"
        report(f"Debian {SUITE} from {mirror}: about {'a minute' if hardware.is_native else 'a quarter of an hour'}.")
        without = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "doc", "locale")]
        included = ",".join(PACKAGES).format(debian=hardware.debian)
        options = ["--variant=minbase", "--mode=root", f"--architectures={hardware.debian}", f"--include={included}"]
        options += without
        _run(["mmdebstrap", *options, f"--essential-hook={_INITRAMFS}", SUITE, str(root), mirror])
        for path, text in _FILES.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)
            file.write_text(text, encoding="utf-8")
        _run(
            ["chroot", str(root), "systemctl", "enable", *(name.format(console=hardware.console) for name in _ENABLED)]
        )
        _run(["chroot", str(root), "systemctl", "mask", *_MASKED])
        for place in ("etc", "var"):
            # All of it is new: nothing needs to be brought up to date at the first boot.
            (root / place / ".updated").touch()
        boot = root / "boot"
        shutil.copy(next(boot.glob("vmlinuz-*")), work / "vmlinuz")
        shutil.copy(next(boot.glob("initrd.img-*")), work / "initrd")
        report("the disk.")
        _run(["mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", str(root), str(work / "disk.raw"), f"{DISK_GIB}G"])
        _run(["qemu-img", "convert", "-O", "qcow2", str(work / "disk.raw"), str(work / "disk.qcow2")])
        (work / "root-device").write_text(ROOT_DEVICE, encoding="utf-8")
        parts = {"qcow2": "disk.qcow2", "vmlinuz": "vmlinuz", "initrd": "initrd", "root": "root-device"}
        for suffix, made in parts.items():
            (work / made).replace(disk_file(folder, hardware.image_id, suffix))


def take(folder: Path, disk: Path, kernel: Path, initrd: Path, root: str, *, hardware: Hardware = X86_64) -> None:
    """Import an existing disk, which contains cloud-init and the guest agent.

    Args:
        folder: the folder of disks.
        disk: qcow2 or raw.
        kernel: its kernel.
        initrd: its initial RAM disk.
        root: the device of its root file system, e.g. ``/dev/vda1``.
        hardware: what it boots on.

    Raises:
        UnavailableError: it is not a valid disk image.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _run(["qemu-img", "convert", "-O", "qcow2", str(disk), str(disk_file(folder, hardware.image_id))])
    shutil.copy(kernel, disk_file(folder, hardware.image_id, "vmlinuz"))
    shutil.copy(initrd, disk_file(folder, hardware.image_id, "initrd"))
    disk_file(folder, hardware.image_id, "root").write_text(root, encoding="utf-8")


def disk_file(folder: Path, image_id: str, suffix: str = "qcow2") -> Path:
    """Return the path of an image's disk (or of one of ``BOOT_FILES``)."""
    return folder / f"{image_id}.{suffix}"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise UnavailableError(f"{command[0]} failed.", why=words)
