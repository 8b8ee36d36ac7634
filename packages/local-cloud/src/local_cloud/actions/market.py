"""The market: stock, prices, reclaim rates."""

from __future__ import annotations

from collections.abc import Iterable

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
    reported_stock,
    sold_in,
    spot_price,
)
from local_cloud.params import Params

CURRENCY = "CNY"
DISK_PRICES = {  # CNY for a GiB and hour
    "cloud_efficiency": 0.00049,
    "cloud_ssd": 0.0014,
    "cloud_essd": 0.0021,
    "cloud_auto": 0.0014,
    "cloud_essd_entry": 0.00049,
}
LEVEL_PRICES = {"PL0": 0.5, "PL1": 1.0, "PL2": 2.0, "PL3": 4.0}  # of ESSDs, for PL1's
SPOT_STRATEGIES = ("NoSpot", "SpotWithPriceLimit", "SpotAsPriceGo")
MAX_TYPES_ADVISED = 10
RECLAIM_BANDS = ((3, "0-3%"), (5, "3-5%"), (10, "5-10%"), (100, "10-100%"))
HISTORY_SECONDS = 3 * 3600.0
MAX_HISTORY_SECONDS = 30 * 86400.0
HISTORY_PAGE = 1000


@action("DescribeAvailableResource")
def describe_available_resource(call: Call) -> Answer:
    """Which types (``InstanceType``) or system disks (``SystemDisk``, of one type) a zone has in stock."""
    params = call.params
    wanted = params.choice("DestinationResource", ("InstanceType", "SystemDisk", "Zone"))
    spot = params.choice("SpotStrategy", SPOT_STRATEGIES, "NoSpot") != "NoSpot"
    type_id = params.text("InstanceType")
    wanted_disks = {params.text("SystemDiskCategory"), params.text("DataDiskCategory")} - {""}
    _only_what_is_sold(params)
    params.only("ResourceType", "instance")
    params.only("NetworkCategory", "vpc")
    params.only("SpotDuration", "0", "1")
    cores, memory = params.text("Cores"), params.decimal("Memory", 0.0)
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
    stock_of = reported_stock if spot else on_demand_stock
    for zone in _zones(call):
        stock = {
            kind.id: stock_of(market, kind, zone, call.now)
            for kind in kinds
            if sold_in(market, kind, zone) and wanted_disks.issubset(disks_in(market, kind, zone))
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
    params.only("OSType", "linux")
    params.only("IoOptimized", "optimized")
    protected = params.number("SpotDuration", 1, 0, 1) > 0
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
            "SpotPrice": spot_price(market, kind, zone, hour * PRICE_SECONDS, protected=protected),
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
    memory, least_memory = params.decimal("Memory", 0.0), params.decimal("MinMemory", 0.0)
    family = params.text("InstanceTypeFamily")
    params.only("InstanceFamilyLevel", "EnterpriseLevel")
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
    """The price per hour of an instance with its disks."""
    params = call.params
    _only_what_is_sold(params)
    params.only("InstanceNetworkType", "vpc")
    params.only("Platform", "Linux")
    params.only("Period", "1")
    params.only("InternetMaxBandwidthOut", "0")
    params.choice("ResourceType", ("instance",), "instance")
    params.choice("PriceUnit", ("Hour",), "Hour")
    kind = _kind(params.require("InstanceType"))
    amount = params.number("Amount", 1, 1, 1000)
    spot = params.choice("SpotStrategy", SPOT_STRATEGIES, "NoSpot") != "NoSpot"
    zone = next(iter(_zones(call)))
    protected = params.number("SpotDuration", 1, 0, 1) > 0
    hourly = spot_price(call.settings.market, kind, zone, call.now, protected=protected) if spot else kind.price
    rows = [_price_row("instanceType", kind.price * amount, hourly * amount)]
    system_disk = [params.text(f"SystemDisk.{word}") for word in ("Category", "Size", "PerformanceLevel")]
    if any(system_disk):
        rows.append(_disk_row(params, "systemDisk", "SystemDisk", amount))
    rows += [_disk_row(params, "dataDisk", f"DataDisk.{number}", amount) for number in params.numbers("DataDisk")]
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


def _disk_row(params: Params, resource: str, stem: str, amount: int) -> Answer:
    """Return the price of one disk of each instance."""
    category = params.text(f"{stem}.Category", "cloud_efficiency")
    level = params.choice(f"{stem}.PerformanceLevel", tuple(LEVEL_PRICES), "PL1")
    size = params.number(f"{stem}.Size", 40, 1, 2048 if resource == "systemDisk" else 32_768)
    price = DISK_PRICES.get(category, DISK_PRICES["cloud_essd"]) * size * amount
    if category == "cloud_essd":
        price *= LEVEL_PRICES[level]
    return _price_row(resource, price, price)


def _only_what_is_sold(params: Params) -> None:
    """Refuse subscriptions and instances that are not I/O optimized: the local cloud sells neither."""
    params.only("InstanceChargeType", "PostPaid")
    params.only("IoOptimized", "optimized")


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
    percent = 100 * reclaim_rate(market, kind, zone)
    return {
        "InstanceType": kind.id,
        "InterruptionRate": round(percent, 2),
        "InterruptRateDesc": next(band for most, band in RECLAIM_BANDS if percent <= most),
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


def _moment(call: Call, name: str, default: float) -> float:
    text = call.params.text(name)
    try:
        moment = parse_iso(text) if text else default
    except ValueError:
        raise invalid(name) from None
    if moment < 0:  # nothing was sold then, and earlier moments may be out of range
        raise invalid(name)
    return moment
