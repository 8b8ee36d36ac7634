"""The files of virtual machines' disks: overlays over those of their images.

The system disk of an image is in the image's own file, and each data disk in its snapshot's.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from local_cloud.machines.base_image import disk_file
from local_cloud.records import Disk, Instance

SYSTEM = "disk.qcow2"
ALL = "i-*/*.qcow2"


def system_disk(folder: Path, images: Path, instance: Instance) -> Path:
    """Return the file of an instance's system disk, made if it is new."""
    file, base = folder / instance.id / SYSTEM, disk_file(images, instance.image)
    if not file.exists():
        size = max(instance.disk_size << 30, _virtual_size(base))
        _image_tool("create", "-q", "-f", "qcow2", "-b", str(base), "-F", "qcow2", str(file), str(size))
    return file


def data_disk(folder: Path, images: Path, disk: Disk) -> Path:
    """Return the file of a data disk that is attached to an instance, made if it is new."""
    file = data_file(folder, disk.instance, disk.id)
    base = ("-b", str(disk_file(images, disk.snapshot)), "-F", "qcow2") if disk.snapshot else ()
    if not file.exists():
        _image_tool("create", "-q", "-f", "qcow2", *base, str(file), str(disk.size << 30))
    return file


def data_file(folder: Path, instance_id: str, disk_id: str) -> Path:
    """Return the path of a data disk's file."""
    return folder / instance_id / f"{disk_id}.qcow2"


def copy(disk: Path, target: Path) -> None:
    """Copy a disk with all that it is an overlay of; what is at ``target`` is complete."""
    part = target.with_suffix(".part")
    _image_tool("convert", "-U", "-O", "qcow2", str(disk), str(part))
    part.replace(target)


def drive(file: Path) -> tuple[str, str]:
    """Return QEMU's option for a disk."""
    return "-drive", f"file={file},if=virtio,cache=unsafe,discard=unmap"


def _virtual_size(disk: Path) -> int:
    """Return a disk's size in bytes, as a guest sees it."""
    return int(json.loads(_image_tool("info", "--output=json", str(disk)))["virtual-size"])


def _image_tool(*words: str) -> bytes:
    return subprocess.run(["qemu-img", *words], check=True, stdin=subprocess.DEVNULL, capture_output=True).stdout
