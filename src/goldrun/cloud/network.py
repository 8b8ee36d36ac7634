"""vSwitches and security groups. Sources: DescribeVSwitches of the VPC API, DescribeSecurityGroups."""

from __future__ import annotations

from typing import Any, NamedTuple

from goldrun.cloud.client import EcsClient
from goldrun.cloud.endpoints import VPC
from goldrun.cloud.paging import elements_by_number
from goldrun.cloud.rpc import Parameter
from goldrun.cloud.tags import Tags, from_api, has, to_api
from goldrun.errors import UsageError


class VSwitch(NamedTuple):
    """A vSwitch.

    Attributes:
        id: its id.
        zone: its zone.
        vpc: its VPC; empty: not known.
        free: number of free addresses; None: not known.
        cidr: its block of addresses; empty: not known.
    """

    id: str
    zone: str
    vpc: str = ""
    free: int | None = None
    cidr: str = ""


def zone_of_letter(region: str, letter: str) -> str:
    """Return the zone of ``ALIYUN_VSWITCH_ID_K``: ``cn-hangzhou-k``, but ``ap-southeast-1a``."""
    joint = "" if region[-1].isdigit() else "-"
    return f"{region}{joint}{letter.lower()}"


def vpc_of_group(client: EcsClient, security_group: str) -> str:
    """Return the VPC that a security group belongs to.

    Raises:
        UsageError: the group was not found.
    """
    return str(_find_group(client, security_group)["VpcId"])


def group_tags(client: EcsClient, security_group: str) -> dict[str, str]:
    """Return the tags of a security group.

    Raises:
        UsageError: the region has no such security group.
    """
    return from_api(_find_group(client, security_group))


def _find_group(client: EcsClient, security_group: str) -> dict[str, Any]:
    answer = client.call("DescribeSecurityGroups", {"SecurityGroupId": security_group})
    groups: list[dict[str, Any]] = answer["SecurityGroups"]["SecurityGroup"]
    if not groups:
        raise UsageError(
            f"Security group not found: {security_group} in {client.region}.",
            fix=["check ALIYUN_SECURITY_GROUP_ID and the region."],
        )
    return groups[0]


def describe_vswitches(client: EcsClient, vpc: str = "", tags: Tags | None = None) -> list[VSwitch]:
    """Return the vSwitches of the region: all, or those of one VPC, or with these tags."""
    params: dict[str, Parameter] = {"VpcId": vpc or None, "Tag": to_api(tags or {})}
    return [
        VSwitch(
            element["VSwitchId"],
            element["ZoneId"],
            element["VpcId"],
            int(element["AvailableIpAddressCount"]),
            element["CidrBlock"],
        )
        for element in elements_by_number(client, "DescribeVSwitches", params, ("VSwitches", "VSwitch"), api=VPC)
        if has(element, tags or {})
    ]
