"""The filters of DescribeDisks, with the errors of its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from local_cloud.actions.creation_span import by_creation
from local_cloud.actions.disk_rows import level, portable, status
from local_cloud.actions.filters import Tests, by_words, choice
from local_cloud.actions.registry import Call
from local_cloud.catalogue import REGIONS
from local_cloud.disk_categories import CATEGORIES, LOCAL, OTHERS
from local_cloud.errors import ApiFault
from local_cloud.params import Params
from local_cloud.records import Disk

STATUSES = ("All", "In_use", "Available", "Attaching", "Detaching", "Creating", "ReIniting")

_WORDS: Mapping[str, Callable[[Disk], str | bool]] = {
    "DeleteWithInstance": lambda disk: disk.with_instance,
    "DiskName": lambda disk: disk.name,
    "InstanceId": lambda disk: disk.instance,
    "KMSKeyId": lambda disk: disk.key,
    "PerformanceLevel": level,
    "Portable": portable,
    "SnapshotId": lambda disk: disk.snapshot,
    "ZoneId": lambda disk: disk.zone,
    # Nothing here is in a resource group, shared, or copied by a snapshot policy.
    "AutoSnapshotPolicyId": lambda _: "",
    "DeleteAutoSnapshot": lambda _: False,
    "EnableAutoSnapshot": lambda _: False,
    "EnableAutomatedSnapshotPolicy": lambda _: False,
    "EnableShared": lambda _: False,
    "ResourceGroupId": lambda _: "",
}


def tests(call: Call) -> Tests[Disk]:
    """Return the tests that a disk has to pass to be listed.

    Raises:
        ApiFault: a filter has a value that the API does not know.
    """
    params = call.params
    if params.text("ZoneId") and params.text("ZoneId") not in REGIONS[call.region].zones:
        raise ApiFault(400, "InvalidZoneId.NotFound", "The zoneId provided does not exist in our records.")
    found = [*by_words(params, _WORDS)]
    if (kind := params.choice("DiskType", ("all", "system", "data"), "all")) != "all":
        found.append(lambda disk: disk.kind == kind)
    if (category := params.choice("Category", ("all", *CATEGORIES, *OTHERS, *LOCAL), "all")) != "all":
        found.append(lambda disk: disk.category == category)
    if (wanted := params.choice("Status", STATUSES, "All")) != "All":
        found.append(lambda disk: status(disk) == wanted)
    if params.flag("Encrypted"):  # false filters nothing: "whether to query only encrypted disks"
        found.append(lambda disk: disk.encrypted)
    if _wants_other_kinds(params):
        found.append(lambda _: False)
    return [*found, *by_creation(params)]


def _wants_other_kinds(params: Params) -> bool:
    """Return whether the call lists prepaid, locked or shared disks, which do not exist here."""
    charge = ApiFault(404, "InvalidDiskChargeType.NotFound", "The DiskChargeType does not exist in our records.")
    lock = ApiFault(404, "InvalidLockReason.NotFound", "The specified LockReason is not found.")
    sharing = ApiFault(403, "InvalidParameter.MultiAttach", "The specified param MultiAttach is not valid.")
    wanted = {
        choice(params, "DiskChargeType", ("prepaid", "postpaid"), charge),
        choice(params, "LockReason", ("financial", "security"), lock),
        choice(params, "MultiAttach", ("disabled", "enabled", "legacyshared"), sharing),
    }
    return not wanted <= {"", "postpaid", "disabled"}
