"""The parameters of a new disk, whose names have a common prefix.

Sources: RunInstances (``SystemDisk.``, ``DataDisk.N.``) and CreateDisk, with their error tables.
"""

from __future__ import annotations

from typing import NamedTuple

from local_cloud.disk_categories import CATEGORIES, ESSD, LEVELS, OTHERS, sizes
from local_cloud.errors import ApiFault, not_performed
from local_cloud.params import Params

# What the real cloud does with a disk and this one does not.
_NOT_HERE = ("AutoSnapshotPolicyId", "ProvisionedIops", "StorageClusterId", "StorageSetId")


class Traits(NamedTuple):
    """What a disk is, besides its category and its size."""

    name: str = ""
    description: str = ""
    level: str = ""
    encrypted: bool = False
    key: str = ""


def traits(params: Params, stem: str = "") -> Traits:
    """Return the traits in the parameters that begin with ``stem``.

    Raises:
        ApiFault: they name what does not exist, contradict each other, or are not performed here.
    """
    for name in _NOT_HERE:
        if params.text(f"{stem}{name}") not in ("", "0"):
            raise not_performed(f"disks with {name}")
    if params.flag(f"{stem}BurstingEnabled"):
        raise not_performed("disks with BurstingEnabled")
    if params.text(f"{stem}MultiAttach", "Disabled") != "Disabled":
        raise not_performed("disks with MultiAttach")
    level = params.text(f"{stem}PerformanceLevel")
    if level not in ("", *LEVELS):
        raise ApiFault(
            400, "InvalidPerformanceLevel.Malformed", f"The specified parameter {stem}PerformanceLevel is not valid."
        )
    encrypted, key = params.flag(f"{stem}Encrypted"), params.text(f"{stem}KMSKeyId")
    if key and not encrypted:
        raise ApiFault(
            400,
            "InvalidEncrypted.NotMatchKmsKeyId",
            "The specified parameter Encrypted must be true when KmsKeyId is not empty.",
        )
    return Traits(
        name=params.text(f"{stem}DiskName"),
        description=params.text(f"{stem}Description"),
        level=level,
        encrypted=encrypted,
        key=key,
    )


def check_category(category: str, fault: ApiFault) -> str:
    """Return the category of a disk, if there is one of that name.

    Raises:
        ApiFault: ``fault``; or the local cloud has no disks of that category.
    """
    if category in OTHERS:
        raise not_performed(f"disks of the category {category}")
    if category not in CATEGORIES:
        raise fault
    return category


def check_data_size(size: int, category: str, level: str, fault: ApiFault) -> None:
    """Check that a data disk of a category may have a size.

    Raises:
        ApiFault: it is too small for its performance level; or ``fault``.
    """
    if size in sizes("data", category, level):
        return
    if category == ESSD and level and size in sizes("data", category, "PL0"):
        raise ApiFault(
            403, "OperationDenied.PerformanceLevelNotMatch", "The specified PerformanceLevel and Size do not match."
        )
    raise fault
