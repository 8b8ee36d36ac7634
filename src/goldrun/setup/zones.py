"""The zones of a setup: those with spot instances in stock, and those where it has a vSwitch already."""

from __future__ import annotations

from goldrun.cloud.client import EcsClient
from goldrun.cloud.market import Reader, read_stock
from goldrun.cloud.network import describe_vswitches
from goldrun.cloud.tags import Tags
from goldrun.errors import RefusedError


def find_zones(client: EcsClient, tags: Tags) -> tuple[str, ...]:
    """Return the zones; one that is sold out for the moment stays.

    Raises:
        RefusedError: no zone has any stock.
    """
    stocked = {zone for _, zone in read_stock(Reader(client, None), spot=True, disk="cloud_essd")}
    found = stocked | {vswitch.zone for vswitch in describe_vswitches(client, tags=tags)}
    if not found:
        raise RefusedError(f"No zone of {client.region} has spot instances in stock.", fix=["another region: --region"])
    return tuple(sorted(zone for zone in found if zone[-1].isalpha()))
