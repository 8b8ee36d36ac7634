"""Images and snapshots."""

from __future__ import annotations

from local_cloud.records.base import Made

READY = "Available"
DEPRECATED = "Deprecated"


class Image(Made, frozen=True, kw_only=True):
    """An image.

    Attributes:
        state: its status when it is ready.
        shared_with: accounts that may use it.
        public: a community image.
        copying: a copy of another image; it can be cancelled until it is ready.
        imds_support: ``v1`` forbids instances whose metadata requires tokens.
        source_instance: the instance whose disks become the image's, with virtual machines.
        snapshot: of the system disk.
        data: snapshots of the data disks, in the order of ``DATA_DEVICES``.
    """

    state: str = READY
    architecture: str = "x86_64"
    family: str = ""
    description: str = ""
    version: str = ""
    size: int = 40
    os_type: str = "linux"
    os_name: str = "Ubuntu  24.04 64位"
    os_name_en: str = "Ubuntu  24.04 64 bit"
    platform: str = "Ubuntu"
    boot_mode: str = "UEFI-Preferred"
    imds_support: str = "v2"
    snapshot: str = ""
    data: tuple[str, ...] = ()
    shared_with: dict[str, float] = {}  # noqa: RUF012 - a Struct copies it
    public: bool = False
    copying: bool = False
    source_instance: str = ""

    @property
    def snapshots(self) -> tuple[str, ...]:
        """The snapshots that it consists of, the system disk's first."""
        return (*([self.snapshot] if self.snapshot else []), *self.data)

    def status(self, now: float) -> str:
        """The status at a moment."""
        return self.state if now >= self.ready else "Creating"


class Snapshot(Made, frozen=True, kw_only=True):
    """A snapshot of a disk."""

    size: int = 40
    encrypted: bool = False
    key: str = ""
    disk: str = ""
    disk_type: str = "system"
    description: str = ""
