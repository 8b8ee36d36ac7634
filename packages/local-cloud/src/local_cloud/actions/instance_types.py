"""``DescribeInstanceTypes``: the instance types, in stock or not.

Every filter compares with a member of the answer, so hardware that no type here has (for example a GPU) yields an
empty list. Other filters, such as those for clock speeds and bandwidths, are refused.
"""

from __future__ import annotations

from collections.abc import Callable

from local_cloud.actions.paging import page_by_token
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.errors import invalid
from local_cloud.instance_types import INSTANCE_TYPES, InstanceType
from local_cloud.params import Params
from local_cloud.records import DATA_DEVICES

MAX_LISTED = 10
MOST_SHOWN = 1600
ARCHITECTURES = ("X86", "ARM")

Test = Callable[[Answer], bool]

# Filters by a word: the parameter, the one of a list of words, and the member of the answer.
_WORDS = (
    ("CpuArchitecture", "CpuArchitectures", "CpuArchitecture"),
    ("InstanceTypeFamily", "InstanceTypeFamilies", "InstanceTypeFamily"),
    ("", "InstanceTypes", "InstanceTypeId"),
    ("InstanceCategory", "InstanceCategories", "InstanceCategory"),
    ("InstanceFamilyLevel", "", "InstanceFamilyLevel"),
    ("LocalStorageCategory", "LocalStorageCategories", "LocalStorageCategory"),
    ("NvmeSupport", "", "NvmeSupport"),
)
# Filters by a part of a text ("fuzzy match is supported").
_PARTS = (
    ("GPUSpec", "GpuSpecs", "GPUSpec"),
    ("PhysicalProcessorModel", "PhysicalProcessorModels", "PhysicalProcessorModel"),
)
# Filters by the least and the most of a number.
_LEAST = {
    "MinimumCpuCoreCount": "CpuCoreCount",
    "MinimumMemorySize": "MemorySize",
    "MinimumGPUAmount": "GPUAmount",
    "MinimumLocalStorageAmount": "LocalStorageAmount",
    "MinimumLocalStorageCapacity": "LocalStorageCapacity",
    "MinimumDiskQuantity": "DiskQuantity",
    "MinimumEniQuantity": "EniQuantity",
    "MinimumEniIpv6AddressQuantity": "EniIpv6AddressQuantity",
    "MinimumEriQuantity": "EriQuantity",
    "MinimumQueuePairNumber": "QueuePairNumber",
    "MinimumBaselineCredit": "BaselineCredit",
    "MinimumInitialCredit": "InitialCredit",
}
_MOST = {
    "MaximumCpuCoreCount": "CpuCoreCount",
    "MaximumMemorySize": "MemorySize",
    "MaximumGPUAmount": "GPUAmount",
}
_CATEGORIES = {"c": "Compute-optimized", "g": "General-purpose", "r": "Memory-optimized", "h": "High Clock Speed"} | {
    "i": "Local SSDs",
    "u": "General-purpose",
}


@action("DescribeInstanceTypes", regionless=True)
def describe_instance_types(call: Call) -> Answer:
    """The instance types by what they have; the same in every region."""
    params = call.params
    params.choice("CpuArchitecture", ARCHITECTURES)
    tests = [*_by_words(params), *_by_parts(params), *_by_numbers(params)]
    found = [row for row in map(_describe, INSTANCE_TYPES.values()) if all(test(row) for test in tests)]
    size = params.number("MaxResults", MOST_SHOWN, 1, MOST_SHOWN)
    shown, token = page_by_token(found, params.text("NextToken"), size)
    return {"NextToken": token, "InstanceTypes": {"InstanceType": shown}}


def architecture(kind: InstanceType) -> str:
    """Return a type's architecture in the words of the API."""
    return "ARM" if kind.architecture == "arm64" else "X86"


def _by_words(params: Params) -> list[Test]:
    wanted = [(_listed(params, one, many), member) for one, many, member in _WORDS]
    return [_is_one_of(words, member) for words, member in wanted if words]


def _is_one_of(words: list[str], member: str) -> Test:
    return lambda row: row[member] in words


def _by_parts(params: Params) -> list[Test]:
    wanted = [(_listed(params, one, many), member) for one, many, member in _PARTS]
    return [_has_one_of([part.lower() for part in parts], member) for parts, member in wanted if parts]


def _has_one_of(parts: list[str], member: str) -> Test:
    return lambda row: any(part in row[member].lower() for part in parts)


def _by_numbers(params: Params) -> list[Test]:
    least = [(params.decimal(name, 0.0), member) for name, member in _LEAST.items()]
    most = [(params.decimal(name, float("inf")), member) for name, member in _MOST.items()]
    return [
        *(_is_at_least(number, member) for number, member in least if number > 0),
        *(_is_at_most(number, member) for number, member in most if number != float("inf")),
    ]


def _is_at_least(number: float, member: str) -> Test:
    return lambda row: row[member] >= number


def _is_at_most(number: float, member: str) -> Test:
    return lambda row: row[member] <= number


def _listed(params: Params, one: str, many: str) -> list[str]:
    """Return the words of both spellings of a filter, of which some filters have one."""
    listed = params.items(many) if many else []
    if len(listed) > MAX_LISTED:
        raise invalid(many)
    word = params.text(one) if one else ""
    return [*([word] if word else []), *listed]


def _describe(kind: InstanceType) -> Answer:
    return {
        "InstanceTypeId": kind.id,
        "InstanceTypeFamily": kind.family,
        "CpuCoreCount": kind.cpus,
        "MemorySize": kind.memory,
        "CpuArchitecture": architecture(kind),
        "PhysicalProcessorModel": kind.processor,
        "InstanceCategory": _CATEGORIES[kind.family.removeprefix("ecs.")[0]],
        "InstanceFamilyLevel": "EnterpriseLevel",
        "LocalStorageCategory": "local_ssd_pro" if kind.local_disk else "",
        "LocalStorageCapacity": kind.local_disk,
        "LocalStorageAmount": int(kind.local_disk > 0),
        "GPUAmount": 0,
        "GPUSpec": "",
        "NvmeSupport": "supported",
        "DiskQuantity": 1 + len(DATA_DEVICES),
        "EniQuantity": 4,
        "EniIpv6AddressQuantity": 0,
        "EriQuantity": 0,
        "QueuePairNumber": 0,
        "BaselineCredit": 0,
        "InitialCredit": 0,
        "SupportedBootModes": {"SupportedBootMode": ["BIOS", "UEFI"]},
    }
