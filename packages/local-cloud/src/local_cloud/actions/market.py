"""The spot market: instance types, stock, prices, reclaim rates."""

from __future__ import annotations

from collections.abc import Iterable

from local_cloud.actions.paging import page_by_token
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.catalogue import REGIONS
from local_cloud.clock import iso, parse_iso
from local_cloud.errors import ApiFault, invalid, missing
from local_cloud.instance_types import INSTANCE_TYPES, InstanceType
from local_cloud.market import (
    PRICE_SECONDS,
    Market,
    average_discount,
    disks_in,
    on_demand_stock,
    reclaim_rate,
    sold_in,
    spot_price,
    told_stock,
)

CURRENCY = "CNY"
DISK_PRICES = {  # CNY for a GiB and hour
    "cloud_efficiency": 0.00049,
    "cloud_ssd": 0.0014,
    "cloud_essd": 0.0021,
    "cloud_auto": 0.0014,
    "cloud_essd_entry": 0.00049,
}
SPOT_STRATEGIES = ("NoSpot", "SpotWithPriceLimit", "SpotAsPriceGo")
MAX_TYPES_ADVISED = 10
HISTORY_SECONDS = 3 * 3600.0
MAX_HISTORY_SECONDS = 30 * 86400.0
HISTORY_PAGE = 1000


@action("DescribeInstanceTypes", regionless=True)
def describe_instance_types(call: Call) -> Answer:
    """Instance types by name, family, architecture, vCPUs and memory; the same in every region."""
    params = call.params
    names = params.items("InstanceTypes")
    if len(names) > MAX_TYPES_ADVISED:
        raise invalid("InstanceTypes")
    architecture = params.choice("CpuArchitecture", ("X86", "ARM"))
    family = params.text("InstanceTypeFamily")
    low = params.number("MinimumCpuCoreCount", 1, 1, 10_000)
    high = params.number("MaximumCpuCoreCount", 10_000, 1, 10_000)
    least, most = _decimal(call, "MinimumMemorySize", 0.0), _decimal(call, "MaximumMemorySize", 1e9)
    found = [
        kind
        for kind in INSTANCE_TYPES.values()
        if (not names or kind.id in names)
        and family in ("", kind.family)
        and architecture in ("", _architecture(kind))
        and low <= kind.cpus <= high
        and least <= kind.memory <= most
    ]
    size = params.number("MaxResults", 1600, 1, 1600)
    shown, token = page_by_token(found, params.text("NextToken"), size)
    return {"NextToken": token, "InstanceTypes": {"InstanceType": [_describe(kind) for kind in shown]}}


@action("DescribeAvailableResource")
def describe_available_resource(call: Call) -> Answer:
    """Which types (``InstanceType``) or system disks (``SystemDisk``, of one type) a zone has in stock."""
    params = call.params
    wanted = params.choice("DestinationResource", ("InstanceType", "SystemDisk", "Zone"))
    spot = params.choice("SpotStrategy", SPOT_STRATEGIES, "NoSpot") != "NoSpot"
    type_id, disk = params.text("InstanceType"), params.text("SystemDiskCategory")
    cores, memory = params.text("Cores"), _decimal(call, "Memory", 0.0)
    if wanted == "SystemDisk" and not type_id:
        raise missing("InstanceType")
    if type_id and type_id not in INSTANCE_TYPES:
        raise ApiFault(400, "InvalidInstanceType.ValueNotSupported", "The specified InstanceType is not supported.")
    kinds = [
        kind
        for kind in INSTANCE_TYPES.values()
        if type_id in ("", kind.id) and cores in ("", str(kind.cpus)) and memory in (0.0, kind.memory)
    ]
    zones, market = [], call.settings.market
    told = told_stock if spot else on_demand_stock
    for zone in _zones(call):
        stock = {
            kind.id: told(market, kind, zone, call.now)
            for kind in kinds
            if sold_in(market, kind, zone) and (not disk or disk in disks_in(market, kind, zone))
        }
        total = sum(stock.values())
        if wanted == "Zone":
            resources: list[Answer] = []
        elif wanted == "InstanceType":
            resources = [_resource("InstanceType", list(stock.items()))]
        else:
            # A type that is not sold has no disks.
            resources = [
                _resource("SystemDisk", [(name, stock[kind.id]) for name in disks_in(market, kind, zone)])
                for kind in kinds
                if kind.id in stock
            ]
        zones.append(
            {
                "RegionId": call.region,
                "ZoneId": zone,
                **_status(total),
                "AvailableResources": {"AvailableResource": resources},
            }
        )
    return {"AvailableZones": {"AvailableZone": zones}}


@action("DescribeSpotPriceHistory")
def describe_spot_price_history(call: Call) -> Answer:
    """The spot prices of one type, zone by zone, as they changed."""
    params = call.params
    kind = _kind(params.require("InstanceType"))
    params.choice("NetworkType", ("vpc", "classic"))
    end = _moment(call, "EndTime", call.now)
    start = _moment(call, "StartTime", end - HISTORY_SECONDS)
    if start > end or end - start > MAX_HISTORY_SECONDS:
        raise invalid("StartTime")
    market = call.settings.market
    rows = [
        {
            "InstanceType": kind.id,
            "ZoneId": zone,
            "NetworkType": "vpc",
            "IoOptimized": "optimized",
            "Timestamp": iso(hour * PRICE_SECONDS),
            "SpotPrice": spot_price(market, kind, zone, hour * PRICE_SECONDS),
            "OriginPrice": kind.price,
        }
        for zone in _zones(call)
        if sold_in(market, kind, zone)
        for hour in range(int(start // PRICE_SECONDS), int(min(end, call.now) // PRICE_SECONDS) + 1)
    ]
    offset = params.number("Offset", 0, 0, 10**9)
    shown = rows[offset : offset + HISTORY_PAGE]
    following = offset + len(shown) if offset + len(shown) < len(rows) else 0
    return {"Currency": CURRENCY, "NextOffset": following, "SpotPrices": {"SpotPriceType": shown}}


@action("DescribeSpotAdvice")
def describe_spot_advice(call: Call) -> Answer:
    """Reclaim rates of spot instances, and their average discounts in the last 30 days."""
    params = call.params
    names = params.items("InstanceTypes")
    if len(names) > MAX_TYPES_ADVISED:
        raise invalid("InstanceTypes")
    cores, least = params.number("Cores", 0, 0, 10_000), params.number("MinCores", 0, 0, 10_000)
    memory, least_memory = _decimal(call, "Memory", 0.0), _decimal(call, "MinMemory", 0.0)
    family = params.text("InstanceTypeFamily")
    market = call.settings.market
    return {
        "RegionId": call.region,
        "AvailableSpotZones": {
            "AvailableSpotZone": [
                {
                    "ZoneId": zone,
                    "AvailableSpotResources": {
                        "AvailableSpotResource": [
                            _advice(market, kind, zone)
                            for kind in INSTANCE_TYPES.values()
                            if sold_in(market, kind, zone)
                            and (not names or kind.id in names)
                            and family in ("", kind.family)
                            and cores in (0, kind.cpus)
                            and kind.cpus >= least
                            and memory in (0.0, kind.memory)
                            and kind.memory >= least_memory
                        ]
                    },
                }
                for zone in _zones(call)
            ]
        },
    }


@action("DescribePrice")
def describe_price(call: Call) -> Answer:
    """The price per hour of an instance, including its system disk."""
    params = call.params
    params.choice("ResourceType", ("instance",), "instance")
    params.choice("PriceUnit", ("Hour",), "Hour")
    kind = _kind(params.require("InstanceType"))
    amount = params.number("Amount", 1, 1, 1000)
    spot = params.choice("SpotStrategy", SPOT_STRATEGIES, "NoSpot") != "NoSpot"
    zone = next(iter(_zones(call)))
    protected = params.number("SpotDuration", 1, 0, 1) > 0
    hourly = spot_price(call.settings.market, kind, zone, call.now, protected=protected) if spot else kind.price
    rows = [_price_row("instanceType", kind.price * amount, hourly * amount)]
    category = params.text("SystemDisk.Category")
    if category:
        size = params.number("SystemDisk.Size", 40, 1, 2048)
        disk = DISK_PRICES.get(category, DISK_PRICES["cloud_essd"]) * size * amount
        rows.append(_price_row("systemDisk", disk, disk))
    original, trade = (round(sum(row[name] for row in rows), 3) for name in ("OriginalPrice", "TradePrice"))
    return {
        "PriceInfo": {
            "Price": {
                "Currency": CURRENCY,
                "OriginalPrice": original,
                "TradePrice": trade,
                "DiscountPrice": round(original - trade, 3),
                "DetailInfos": {"DetailInfo": rows},
            },
            "Rules": {"Rule": []},
        }
    }


def _kind(type_id: str) -> InstanceType:
    kind = INSTANCE_TYPES.get(type_id)
    if kind is None:
        raise ApiFault(400, "InvalidInstanceType.ValueNotSupported", "The specified InstanceType is not supported.")
    return kind


def _zones(call: Call) -> Iterable[str]:
    zones = REGIONS[call.region].zones
    zone = call.params.text("ZoneId")
    if not zone:
        return zones
    if zone not in zones:
        raise ApiFault(404, "InvalidZoneId.NotFound", "The specified zone does not exist.")
    return (zone,)


def _status(amount: int) -> Answer:
    if amount == 0:
        return {"Status": "SoldOut", "StatusCategory": "WithoutStock"}
    return {"Status": "Available", "StatusCategory": "WithStock" if amount > 10 else "ClosedWithStock"}


def _resource(kind: str, values: list[tuple[str, int]]) -> Answer:
    sizes = {"Min": 20, "Max": 2048, "Unit": "GiB"} if kind == "SystemDisk" else {}
    supported = [{"Value": name, **_status(amount), **sizes} for name, amount in values]
    return {"Type": kind, "SupportedResources": {"SupportedResource": supported}}


def _advice(market: Market, kind: InstanceType, zone: str) -> Answer:
    rate = reclaim_rate(market, kind, zone)
    return {
        "InstanceType": kind.id,
        "InterruptionRate": rate,
        "InterruptRateDesc": f"0-{rate:.0%}",
        "AverageSpotDiscount": round(100 * average_discount(market, kind, zone)),
    }


def _price_row(resource: str, original: float, trade: float) -> Answer:
    return {
        "Resource": resource,
        "OriginalPrice": round(original, 4),
        "TradePrice": round(trade, 4),
        "DiscountPrice": round(original - trade, 4),
        "SubRules": {"Rule": []},
    }


def _architecture(kind: InstanceType) -> str:
    return "ARM" if kind.architecture == "arm64" else "X86"


def _describe(kind: InstanceType) -> Answer:
    return {
        "InstanceTypeId": kind.id,
        "InstanceTypeFamily": kind.family,
        "CpuCoreCount": kind.cpus,
        "MemorySize": kind.memory,
        "CpuArchitecture": _architecture(kind),
        "PhysicalProcessorModel": kind.processor,
        "InstanceCategory": "General-purpose",
        "InstanceFamilyLevel": "EnterpriseLevel",
        "LocalStorageCategory": "local_ssd_pro" if kind.local_disk else "",
        "LocalStorageCapacity": kind.local_disk,
        "LocalStorageAmount": int(kind.local_disk > 0),
        "GPUAmount": 0,
        "GPUSpec": "",
        "NvmeSupport": "supported",
        "EniQuantity": 4,
        "SupportedBootModes": {"SupportedBootMode": ["BIOS", "UEFI"]},
    }


def _decimal(call: Call, name: str, default: float) -> float:
    text = call.params.text(name)
    try:
        return float(text) if text else default
    except ValueError:
        raise invalid(name) from None


def _moment(call: Call, name: str, default: float) -> float:
    text = call.params.text(name)
    try:
        moment = parse_iso(text) if text else default
    except ValueError:
        raise invalid(name) from None
    if moment < 0:  # nothing was sold then, and earlier moments may be out of range
        raise invalid(name)
    return moment
