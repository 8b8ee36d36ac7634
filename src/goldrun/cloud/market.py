"""The market: stock, sizes, prices and reclaim rates of instance types.

Sources: DescribeAvailableResource, DescribeInstanceTypes, DescribeSpotAdvice, DescribeSpotPriceHistory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from goldrun.cloud.client import EcsClient
from goldrun.cloud.rpc import Parameter

TYPES_A_CALL = 10
IN_STOCK = ("WithStock", "ClosedWithStock")
ARCHITECTURES = {"X86": "amd64", "ARM": "arm64"}

Element = Mapping[str, Any]
Place = tuple[str, str]  # an instance type and a zone


class Cache(Protocol):
    """Keeps the answers of reading calls for minutes, so that the next launch makes fewer calls."""

    def get(self, key: str) -> Element | None:
        """Return the kept answer; None: there is none, or it is stale."""

    def put(self, key: str, answer: Element) -> None:
        """Keep an answer."""


@dataclass(frozen=True)
class Reader:
    """Calls the market's actions, through a cache if there is one."""

    client: EcsClient
    cache: Cache | None = None

    def read(self, action: str, params: Mapping[str, Parameter]) -> Element:
        """Return the answer of a reading action, or its cached answer."""
        given = sorted((name, str(value)) for name, value in params.items() if value is not None)
        key = f"{self.client.region} {action} {given}"
        if self.cache and (kept := self.cache.get(key)) is not None:
            return kept
        answer = self.client.call(action, params)
        if self.cache:
            self.cache.put(key, answer)
        return answer


@dataclass(frozen=True, slots=True)
class Size:
    """The size of an instance type.

    Attributes:
        cpus: vCPUs.
        memory: GiB.
        architecture: ``amd64`` or ``arm64``.
        ordinary: neither burstable, which is slow for a CI job, nor with accelerators, which it does not need.
    """

    cpus: int = 0
    memory: float = 0.0
    architecture: str = ""
    ordinary: bool = True

    @property
    def units(self) -> float:
        """What the list price is roughly proportional to: vCPUs, and GiB at a fifth."""
        return self.cpus + 0.2 * self.memory

    @classmethod
    def from_api(cls, element: Element) -> Size:
        """Return the size that an element of ``InstanceTypes.InstanceType`` of DescribeInstanceTypes describes."""
        return cls(
            cpus=int(element["CpuCoreCount"]),
            memory=float(element["MemorySize"]),
            architecture=ARCHITECTURES.get(element["CpuArchitecture"], ""),
            ordinary=not element.get("GPUAmount") and element.get("InstanceFamilyLevel") != "CreditEntryLevel",
        )


@dataclass(frozen=True, slots=True)
class Series:
    """The spot prices of a type in a zone, oldest first.

    Attributes:
        prices: per hour.
        list_price: the price without the spot discount.
        times: when each price took effect.
    """

    prices: tuple[float, ...]
    list_price: float
    times: tuple[str, ...] = ()

    def price(self, *, spot: bool) -> float:
        """Return the price now, of a spot instance or of another one."""
        return self.prices[-1] if spot else self.list_price

    @classmethod
    def from_api(cls, rows: Sequence[Element]) -> Series:
        """Return the series of elements of ``SpotPrices.SpotPriceType`` of DescribeSpotPriceHistory."""
        return cls(
            tuple(float(row["SpotPrice"]) for row in rows),
            float(rows[-1]["OriginPrice"]),
            tuple(str(row["Timestamp"]) for row in rows),
        )


@dataclass(frozen=True, slots=True)
class Priced:
    """The prices of a type by zone."""

    currency: str
    zones: Mapping[str, Series]


@dataclass(frozen=True, slots=True)
class Advice:
    """What the market reports about an offer for the last 30 days.

    Attributes:
        rate: the share of instances that were reclaimed.
        discount: the average spot price as a share of the list price.
    """

    rate: float
    discount: float


def read_stock(reader: Reader, *, spot: bool, disk: str, type_id: str = "") -> dict[Place, str]:
    """Return what is in stock: ``WithStock`` or ``ClosedWithStock`` by place.

    Args:
        reader: the market.
        spot: as spot instances, or at the list price.
        disk: with a system disk of that category.
        type_id: only this type; empty: every type.
    """
    answer = reader.read(
        "DescribeAvailableResource",
        {
            "DestinationResource": "InstanceType",
            "ResourceType": "instance",
            "NetworkCategory": "vpc",
            "SpotStrategy": "SpotAsPriceGo" if spot else "NoSpot",
            "SystemDiskCategory": disk,
            "InstanceType": type_id or None,
        },
    )
    return {
        (found["Value"], zone["ZoneId"]): str(found.get("StatusCategory") or IN_STOCK[0])
        for zone in answer.get("AvailableZones", {}).get("AvailableZone", [])
        for resource in zone["AvailableResources"]["AvailableResource"]
        for found in resource["SupportedResources"]["SupportedResource"]
        if found["Status"] == "Available" and found.get("StatusCategory", IN_STOCK[0]) in IN_STOCK
    }


def read_sizes(
    reader: Reader,
    types: Sequence[str] = (),
    *,
    architecture: str = "",
    min_cpus: int | None = None,
    max_cpus: int | None = None,
) -> dict[str, Size]:
    """Return the sizes of instance types by name: of those named (default: all) that match what is given."""
    found: dict[str, Size] = {}
    for start in range(0, max(1, len(types)), TYPES_A_CALL):
        params: dict[str, Parameter] = {
            "InstanceTypes": list(types[start : start + TYPES_A_CALL]),
            "CpuArchitecture": {"amd64": "X86", "arm64": "ARM"}.get(architecture),
            "MinimumCpuCoreCount": min_cpus,
            "MaximumCpuCoreCount": max_cpus,
        }
        token = ""
        while True:
            answer = reader.read("DescribeInstanceTypes", {**params, "NextToken": token or None})
            elements = answer["InstanceTypes"]["InstanceType"]
            found.update((element["InstanceTypeId"], Size.from_api(element)) for element in elements)
            token = str(answer.get("NextToken") or "")
            if not token:
                break
    return found


def read_advice(reader: Reader, *, cpus: int | None = None, min_cpus: int | None = None) -> dict[Place, Advice]:
    """Return reclaim rates and average discounts by place, of types with exactly or at least that many vCPUs."""
    answer = reader.read("DescribeSpotAdvice", {"Cores": cpus} if cpus is not None else {"MinCores": min_cpus})
    return {  # the API has percents
        (found["InstanceType"], zone["ZoneId"]): Advice(
            float(found["InterruptionRate"]) / 100, float(found["AverageSpotDiscount"]) / 100
        )
        for zone in answer["AvailableSpotZones"]["AvailableSpotZone"]
        for found in zone["AvailableSpotResources"]["AvailableSpotResource"]
    }


def read_price(reader: Reader, type_id: str, *, since: str = "", protected: bool = True) -> Priced:
    """Return the spot prices of a type in every zone.

    Args:
        reader: the market's.
        type_id: the instance type.
        since: a moment in UTC, ISO 8601; empty: 3 hours ago.
        protected: of instances whose first hour is protected; the others cost less.
    """
    params: dict[str, Parameter] = {"InstanceType": type_id, "NetworkType": "vpc", "OSType": "linux"}
    params |= {} if protected else {"SpotDuration": 0}
    rows: list[Element] = []
    currency, offset = "", 0
    while True:
        answer = reader.read(
            "DescribeSpotPriceHistory", {**params, "StartTime": since or None, "Offset": offset or None}
        )
        rows += answer["SpotPrices"]["SpotPriceType"]
        currency = str(answer.get("Currency") or "CNY")
        offset = int(answer.get("NextOffset") or 0)
        if not offset:
            break
    zones: dict[str, list[Element]] = {}
    for row in sorted(rows, key=lambda row: str(row["Timestamp"])):
        zones.setdefault(row["ZoneId"], []).append(row)
    return Priced(currency, {zone: Series.from_api(found) for zone, found in zones.items()})
