"""The categories of disks, and how large a disk of each may be.

Source: ``Category``, ``PerformanceLevel`` and ``Size`` of RunInstances, CreateDisk and ResizeDisk.
"""

from __future__ import annotations

ESSD = "cloud_essd"
BASIC = "cloud"
MAX_SYSTEM_SIZE = 2048  # GiB
MAX_SIZE = 65_536  # GiB
LARGEST_NUMBER = 10**9  # that is read as a size, to be refused with a code of its own
DEFAULT_LEVEL = "PL1"
LEVELS = {"PL0": 1, "PL1": 20, "PL2": 461, "PL3": 1261}  # GiB that an ESSD of the performance level has at least
# GiB that a data disk has at least and at most.
_SIZES = {
    BASIC: (5, 2000),
    "cloud_efficiency": (20, 32_768),
    "cloud_ssd": (20, 32_768),
    ESSD: (1, MAX_SIZE),
    "cloud_auto": (1, MAX_SIZE),
    "cloud_essd_entry": (10, 32_768),
}
CATEGORIES = tuple(_SIZES)
# The real cloud has them too: disks that belong to no zone, or that cannot be detached or copied.
OTHERS = ("cloud_regional_disk_auto", "elastic_ephemeral_disk_standard", "elastic_ephemeral_disk_premium")
LOCAL = ("local_ssd_pro", "local_hdd_pro", "ephemeral", "ephemeral_ssd")


def level_of(category: str, level: str) -> str:
    """Return the performance level that a disk has: an ESSD without a given one the default, other disks none."""
    return (level or DEFAULT_LEVEL) if category == ESSD else ""


def sizes(kind: str, category: str, level: str) -> range:
    """Return the sizes in GiB that a system disk or a data disk may have."""
    if kind == "data":
        least, most = _SIZES.get(category, (1, MAX_SIZE))
    elif category == BASIC:
        least, most = 20, 500
    else:
        least, most = 1 if category in (ESSD, "cloud_auto") else 20, MAX_SYSTEM_SIZE
    return range(max(least, LEVELS.get(level_of(category, level), 0)), most + 1)
