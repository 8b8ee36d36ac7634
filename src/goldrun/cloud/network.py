"""Where instances can be put: vSwitches, zone by zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from goldrun.cloud.client import EcsClient, Parameter
from goldrun.cloud.endpoints import VPC
from goldrun.errors import NotFoundError, UsageError

PAGE = 50


class VSwitch(NamedTuple):
    """A vSwitch.

    Attributes:
        id: its id.
        zone: its zone.
        vpc: its VPC; empty where only its name was given.
        free: addresses that it has left; None: not asked.
    """

    id: str
    zone: str
    vpc: str = ""
    free: int | None = None


def zone_of_letter(region: str, letter: str) -> str:
    """The zone that ``ALIYUN_VSWITCH_ID_K`` is of: ``cn-hangzhou-k``, but ``ap-southeast-1a``."""
    joint = "" if region[-1].isdigit() else "-"
    return f"{region}{joint}{letter.lower()}"


def find_vswitches(
    client: EcsClient, *, ids: Sequence[str] = (), vpc: str = "", security_group: str = ""
) -> list[VSwitch]:
    """The vSwitches that have addresses left, from one call (and one for the security group's VPC, where it matters).

    Args:
        client: the cloud.
        ids: these alone; none: all.
        vpc: of this VPC alone.
        security_group: of this group's VPC alone.

    Raises:
        NotFoundError: there is none.
    """
    found = [one for one in _read(client, vpc) if not ids or one.id in ids]
    if missing := set(ids) - {one.id for one in found}:
        raise NotFoundError(f"vSwitch not found: {', '.join(sorted(missing))} in {client.region}.")
    if security_group and not vpc and len({one.vpc for one in found}) > 1:
        home = vpc_of_group(client, security_group)
        found = [one for one in found if one.vpc == home]
    usable = [one for one in found if one.free != 0]
    if not usable:
        raise NotFoundError(
            f"There is no vSwitch with free addresses in {client.region}{f' in {vpc}' if vpc else ''}.",
            fix=["create one in the VPC console, or name one: --vswitch, ALIYUN_VSWITCH_ID."],
        )
    return usable


def vpc_of_group(client: EcsClient, security_group: str) -> str:
    """The VPC that a security group belongs to.

    Raises:
        UsageError: there is no such group.
    """
    answer = client.call("DescribeSecurityGroups", {"SecurityGroupId": security_group})
    groups = answer["SecurityGroups"]["SecurityGroup"]
    if not groups:
        raise UsageError(
            f"There is no security group {security_group} in {client.region}.",
            fix=["check ALIYUN_SECURITY_GROUP_ID (or --security-group) and the region."],
        )
    return str(groups[0]["VpcId"])


def by_zone(vswitches: Sequence[VSwitch]) -> Mapping[str, VSwitch]:
    """The vSwitch of each zone: the one with the most addresses left."""
    best: dict[str, VSwitch] = {}
    for one in vswitches:
        if one.zone not in best or (one.free or 0) > (best[one.zone].free or 0):
            best[one.zone] = one
    return best


def _read(client: EcsClient, vpc: str) -> list[VSwitch]:
    found: list[VSwitch] = []
    number = 1
    while True:
        params: dict[str, Parameter] = {"PageSize": PAGE, "PageNumber": number, "VpcId": vpc or None}
        answer = client.call("DescribeVSwitches", params, api=VPC)
        page = answer["VSwitches"]["VSwitch"]
        found += [
            VSwitch(one["VSwitchId"], one["ZoneId"], one["VpcId"], int(one["AvailableIpAddressCount"])) for one in page
        ]
        if not page or number * PAGE >= int(answer["TotalCount"]):
            return found
        number += 1
