"""The regions, and their zones. Sources: DescribeRegions, DescribeZones."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from goldrun.cloud.client import EcsClient
from goldrun.errors import GoldrunError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    T = TypeVar("T")

PARALLEL_REGIONS = 8  # well below the API's rate


def list_regions(client: EcsClient) -> list[str]:
    """Return the ids of all regions, in alphabetical order.

    Raises:
        GoldrunError: the API refused, or cannot be reached.
    """
    return sorted(region["RegionId"] for region in client.call("DescribeRegions")["Regions"]["Region"])


def read_other_regions(client: EcsClient, read: Callable[[str], T]) -> dict[str, T | GoldrunError]:
    """Return what ``read`` returns for each region but the client's own, several at once, or the error that it raises.

    Raises:
        GoldrunError: the regions cannot be listed.
    """
    from concurrent.futures import ThreadPoolExecutor

    def attempt(region: str) -> T | GoldrunError:
        try:
            return read(region)
        except GoldrunError as error:
            return error

    others = [region for region in list_regions(client) if region != client.region]
    with ThreadPoolExecutor(max_workers=PARALLEL_REGIONS) as pool:
        return dict(zip(others, pool.map(attempt, others), strict=True))


def check_zones(client: EcsClient, zones: Iterable[str]) -> None:
    """Check that zones which somebody named are zones of the client's region.

    Raises:
        UsageError: one is not.
        GoldrunError: the API refused, or cannot be reached.
    """
    answer = client.call("DescribeZones", {"Verbose": "false"})
    known = sorted(zone["ZoneId"] for zone in answer["Zones"]["Zone"])
    for zone in zones:
        if zone not in known:
            raise UsageError(
                f"--zone {zone!r} is not a zone of {client.region}.", fix=[f"use one of: {', '.join(known)}"]
            )
