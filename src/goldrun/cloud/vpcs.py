"""VPCs, vSwitches and security groups with certain tags: listed, created, deleted.

Sources: CreateVpc, CreateVSwitch, DescribeVpcs, DescribeVSwitches of the VPC API; CreateSecurityGroup,
DescribeSecurityGroups and DescribeSecurityGroupAttribute of ECS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from goldrun.cloud.client import EcsClient
from goldrun.cloud.endpoints import ECS, VPC, Api
from goldrun.cloud.rpc import Parameter
from goldrun.cloud.tags import Tags, from_api, to_api

PAGE = 50
# Where a rule lets in from; it has one of these.
_SOURCES = ("SourceCidrIp", "Ipv6SourceCidrIp", "SourceGroupId", "SourcePrefixListId")


class Vpc(NamedTuple):
    """A VPC: its id, and its block of addresses."""

    id: str
    cidr: str


class Subnet(NamedTuple):
    """A vSwitch: its id, VPC, zone and block of addresses."""

    id: str
    vpc: str
    zone: str
    cidr: str


class Group(NamedTuple):
    """A security group: its id and its VPC."""

    id: str
    vpc: str


def describe_vpcs(client: EcsClient, tags: Tags) -> list[Vpc]:
    """Return the VPCs of the region with these tags."""
    found = numbered(client, "DescribeVpcs", {"Tag": to_api(tags)}, ("Vpcs", "Vpc"), api=VPC)
    return [Vpc(element["VpcId"], element["CidrBlock"]) for element in found if has(element, tags)]


def create_vpc(client: EcsClient, name: str, cidr: str, tags: Tags, token: str) -> None:
    """Create a VPC.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {"VpcName": name, "CidrBlock": cidr, "Tag": to_api(tags), "ClientToken": token}
    client.call("CreateVpc", params, api=VPC)


def delete_vpc(client: EcsClient, vpc: str) -> None:
    """Delete a VPC that has nothing in it.

    Raises:
        ApiError: it was refused.
    """
    client.call("DeleteVpc", {"VpcId": vpc}, api=VPC)


def describe_subnets(client: EcsClient, tags: Tags) -> list[Subnet]:
    """Return the vSwitches of the region with these tags."""
    found = numbered(client, "DescribeVSwitches", {"Tag": to_api(tags)}, ("VSwitches", "VSwitch"), api=VPC)
    return [
        Subnet(element["VSwitchId"], element["VpcId"], element["ZoneId"], element["CidrBlock"])
        for element in found
        if has(element, tags)
    ]


def create_subnet(client: EcsClient, vpc: str, zone: str, name: str, cidr: str, tags: Tags, token: str) -> None:
    """Create a vSwitch.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {
        "VpcId": vpc,
        "ZoneId": zone,
        "VSwitchName": name,
        "CidrBlock": cidr,
        "Tag": to_api(tags),
        "ClientToken": token,
    }
    client.call("CreateVSwitch", params, api=VPC)


def delete_subnet(client: EcsClient, vswitch: str) -> None:
    """Delete a vSwitch that nothing uses.

    Raises:
        ApiError: it was refused.
    """
    client.call("DeleteVSwitch", {"VSwitchId": vswitch}, api=VPC)


def describe_groups(client: EcsClient, tags: Tags) -> list[Group]:
    """Return the security groups of the region with these tags."""
    found = numbered(client, "DescribeSecurityGroups", {"Tag": to_api(tags)}, ("SecurityGroups", "SecurityGroup"))
    return [Group(element["SecurityGroupId"], element["VpcId"]) for element in found if has(element, tags)]


def create_group(client: EcsClient, vpc: str, name: str, tags: Tags, token: str) -> None:
    """Create a security group, which lets nothing in.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {
        "VpcId": vpc,
        "SecurityGroupName": name,
        "Description": "goldrun: runners and builders; nothing comes in",
        "Tag": to_api(tags),
        "ClientToken": token,
    }
    client.call("CreateSecurityGroup", params)


def delete_group(client: EcsClient, group: str) -> None:
    """Delete a security group that nothing is in.

    Raises:
        ApiError: it was refused.
    """
    client.call("DeleteSecurityGroup", {"SecurityGroupId": group})


def open_ports(client: EcsClient, group: str) -> list[str]:
    """Return what a security group lets in, as ``PROTOCOL PORTS from WHERE``."""
    answer = client.call("DescribeSecurityGroupAttribute", {"SecurityGroupId": group, "Direction": "ingress"})
    return [
        f"{rule['IpProtocol']} {rule['PortRange']} from {next(filter(None, map(rule.get, _SOURCES)), '?')}"
        for rule in answer["Permissions"]["Permission"]
        if str(rule.get("Policy", "Accept")).lower() == "accept"
    ]


def numbered(
    client: EcsClient, action: str, params: dict[str, Parameter], names: tuple[str, str], *, api: Api = ECS
) -> Iterator[dict[str, Any]]:
    """Yield the elements of a list that the API pages by number."""
    number = seen = 0
    while True:
        number += 1
        answer = client.call(action, {**params, "PageSize": PAGE, "PageNumber": number}, api=api)
        page = answer[names[0]][names[1]]
        yield from page
        seen += len(page)
        if not page or seen >= int(answer["TotalCount"]):
            return


def has(element: dict[str, Any], tags: Tags) -> bool:
    """Return whether an element has these tags: what is deleted is not chosen by the server alone."""
    found = from_api(element)
    return all(found.get(key) == value for key, value in tags.items())
