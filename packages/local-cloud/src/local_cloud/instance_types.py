"""The instance types that the local cloud sells: families, sizes and list prices of a realistic shape.

Names, vCPUs and memory follow the real catalogue ("Overview of instance families" in the ECS documentation). List
prices are of the right order, but not exact.
"""

from __future__ import annotations

from typing import NamedTuple

ESSD = ("cloud_essd", "cloud_auto", "cloud_essd_entry")
CLASSIC_DISKS = ("cloud_efficiency", "cloud_ssd", "cloud_essd")


class InstanceType(NamedTuple):
    """An instance type.

    Attributes:
        id: e.g. ``ecs.c7.2xlarge``.
        family: e.g. ``ecs.c7``.
        architecture: ``x86_64`` or ``arm64``.
        cpus: vCPUs.
        memory: GiB.
        price: list price per hour, in CNY.
        processor: its model.
        disks: system disk categories that it can have.
        local_disk: GiB of its local SSD; 0: it has none.
    """

    id: str
    family: str
    architecture: str
    cpus: int
    memory: float
    price: float
    processor: str
    disks: tuple[str, ...]
    local_disk: int = 0


class _Family(NamedTuple):
    name: str
    architecture: str
    ratio: int  # GiB for each vCPU
    price: float  # CNY for each vCPU and hour
    processor: str
    disks: tuple[str, ...]
    local_disk: int = 0  # GiB for each vCPU


_X86, _ARM = "x86_64", "arm64"
_FAMILIES = (
    _Family("g6", _X86, 4, 0.25, "Intel(R) Xeon(R) Platinum 8269CY", CLASSIC_DISKS),
    _Family("c6", _X86, 2, 0.195, "Intel(R) Xeon(R) Platinum 8269CY", CLASSIC_DISKS),
    _Family("r6", _X86, 8, 0.33, "Intel(R) Xeon(R) Platinum 8269CY", CLASSIC_DISKS),
    _Family("g7", _X86, 4, 0.262, "Intel(R) Xeon(R) Platinum 8369B", ESSD),
    _Family("c7", _X86, 2, 0.205, "Intel(R) Xeon(R) Platinum 8369B", ESSD),
    _Family("r7", _X86, 8, 0.345, "Intel(R) Xeon(R) Platinum 8369B", ESSD),
    _Family("g7a", _X86, 4, 0.235, "AMD EPYC 7T83", ESSD),
    _Family("c7a", _X86, 2, 0.185, "AMD EPYC 7T83", ESSD),
    _Family("r7a", _X86, 8, 0.31, "AMD EPYC 7T83", ESSD),
    _Family("g8i", _X86, 4, 0.27, "Intel(R) Xeon(R) Platinum 8475B", ESSD),
    _Family("c8i", _X86, 2, 0.211, "Intel(R) Xeon(R) Platinum 8475B", ESSD),
    _Family("r8i", _X86, 8, 0.355, "Intel(R) Xeon(R) Platinum 8475B", ESSD),
    _Family("g8a", _X86, 4, 0.245, "AMD EPYC 9T24", ESSD),
    _Family("c8a", _X86, 2, 0.193, "AMD EPYC 9T24", ESSD),
    _Family("u1-c1m2", _X86, 2, 0.155, "Intel(R) Xeon(R) Platinum", ESSD),
    _Family("u1-c1m4", _X86, 4, 0.2, "Intel(R) Xeon(R) Platinum", ESSD),
    _Family("hfc7", _X86, 2, 0.228, "Intel(R) Xeon(R) Gold 6348H", ESSD),
    _Family("i4", _X86, 8, 0.52, "Intel(R) Xeon(R) Platinum 8369B", ESSD, 240),
    _Family("g6r", _ARM, 4, 0.205, "Ampere Altra", CLASSIC_DISKS),
    _Family("c6r", _ARM, 2, 0.16, "Ampere Altra", CLASSIC_DISKS),
    _Family("g8y", _ARM, 4, 0.2, "Yitian 710", ESSD),
    _Family("c8y", _ARM, 2, 0.152, "Yitian 710", ESSD),
    _Family("r8y", _ARM, 8, 0.265, "Yitian 710", ESSD),
)
_SIZES = {"large": 2, "xlarge": 4, "2xlarge": 8, "3xlarge": 12, "4xlarge": 16, "6xlarge": 24, "8xlarge": 32}
_BIG_SIZES = {"16xlarge": 64}
_SMALLER = frozenset({"c6r", "g6r", "u1-c1m2", "u1-c1m4"})  # no 64 vCPUs there


def _types() -> dict[str, InstanceType]:
    made: dict[str, InstanceType] = {}
    for family in _FAMILIES:
        sizes = _SIZES if family.name in _SMALLER else _SIZES | _BIG_SIZES
        for size, cpus in sizes.items():
            type_id = f"ecs.{family.name}.{size}"
            made[type_id] = InstanceType(
                type_id,
                f"ecs.{family.name}",
                family.architecture,
                cpus,
                float(cpus * family.ratio),
                round(cpus * family.price, 3),
                family.processor,
                family.disks,
                cpus * family.local_disk,
            )
    return made


INSTANCE_TYPES: dict[str, InstanceType] = _types()
