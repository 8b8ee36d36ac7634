"""Other regions with the same setup: they share its roles, policies and identity provider, which are the account's."""

from __future__ import annotations

from goldrun.cloud.client import EcsClient
from goldrun.cloud.regions import read_other_regions
from goldrun.cloud.tags import Tags
from goldrun.cloud.vpcs import describe_vpcs
from goldrun.errors import GoldrunError


def regions_with(client: EcsClient, tags: Tags) -> dict[str, str]:
    """Return the other regions with a setup; those that cannot be asked may have it, and come with the reason.

    Raises:
        GoldrunError: the regions cannot be listed.
    """
    answers = read_other_regions(client, lambda region: describe_vpcs(client.in_region(region), tags))
    return {
        region: answer.what if isinstance(answer, GoldrunError) else "" for region, answer in answers.items() if answer
    }
