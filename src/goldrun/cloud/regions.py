"""The regions, and their zones. Sources: DescribeRegions, DescribeZones."""

from __future__ import annotations

from collections.abc import Iterable

from goldrun.cloud.client import EcsClient
from goldrun.errors import UsageError


def list_regions(client: EcsClient) -> list[str]:
    """Return the ids of all regions, in alphabetical order.

    Raises:
        GoldrunError: the API refused, or cannot be reached.
    """
    return sorted(region["RegionId"] for region in client.call("DescribeRegions")["Regions"]["Region"])


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
