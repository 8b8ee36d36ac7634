"""VPCs, vSwitches and security groups with certain tags: listed, created, deleted; see ``network``, too.

Sources: CreateVpc, CreateVSwitch, DescribeVpcs, DescribeVSwitches of the VPC API; CreateSecurityGroup,
DescribeSecurityGroups and DescribeSecurityGroupAttribute of ECS.
"""

from __future__ import annotations

from typing import NamedTuple

from goldrun.cloud.client import EcsClient
from goldrun.cloud.endpoints import VPC
from goldrun.cloud.paging import elements_by_number
from goldrun.cloud.rpc import Parameter
from goldrun.cloud.tags import Tags, has, to_api

# Where a rule lets in from; it has one of these.
_SOURCES = ("SourceCidrIp", "Ipv6SourceCidrIp", "SourceGroupId", "SourcePrefixListId")


class Vpc(NamedTuple):
    """A VPC: its id, and its block of addresses."""

    id: str
    cidr: str


class Group(NamedTuple):
    """A security group: its id and its VPC."""

    id: str
    vpc: str


def describe_vpcs(client: EcsClient, tags: Tags) -> list[Vpc]:
    """Return the VPCs of the region with these tags."""
    found = elements_by_number(client, "DescribeVpcs", {"Tag": to_api(tags)}, ("Vpcs", "Vpc"), api=VPC)
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


def create_vswitch(client: EcsClient, vpc: str, zone: str, name: str, cidr: str, tags: Tags, token: str) -> None:
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


def delete_vswitch(client: EcsClient, vswitch: str) -> None:
    """Delete a vSwitch that nothing uses.

    Raises:
        ApiError: it was refused.
    """
    client.call("DeleteVSwitch", {"VSwitchId": vswitch}, api=VPC)


def describe_groups(client: EcsClient, tags: Tags) -> list[Group]:
    """Return the security groups of the region with these tags."""
    found = elements_by_number(
        client, "DescribeSecurityGroups", {"Tag": to_api(tags)}, ("SecurityGroups", "SecurityGroup")
    )
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
