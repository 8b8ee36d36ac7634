"""The regions. Source: DescribeRegions."""

from __future__ import annotations

from goldrun.cloud.client import EcsClient


def list_regions(client: EcsClient) -> list[str]:
    """Return the ids of all regions, in alphabetical order.

    Raises:
        GoldrunError: the API refused, or cannot be reached.
    """
    return sorted(region["RegionId"] for region in client.call("DescribeRegions")["Regions"]["Region"])
