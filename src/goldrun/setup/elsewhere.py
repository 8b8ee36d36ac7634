"""Other regions with the same setup: they share its roles, policies and identity provider, which are the account's."""

from __future__ import annotations

from goldrun.cloud.client import EcsClient
from goldrun.cloud.regions import list_regions
from goldrun.cloud.tags import Tags
from goldrun.cloud.vpcs import describe_vpcs
from goldrun.errors import GoldrunError


def regions_with(client: EcsClient, tags: Tags) -> dict[str, str]:
    """Return the other regions with a setup; those that cannot be asked may have it, and come with the reason.

    Raises:
        GoldrunError: the regions cannot be listed.
    """
    found = {}
    for region in list_regions(client):
        if region == client.region:
            continue
        try:
            if describe_vpcs(client.in_region(region), tags):
                found[region] = ""
        except GoldrunError as error:
            found[region] = error.what
    return found
