"""Networks and access of instances: VPCs, vSwitches, security groups, key pairs."""

from __future__ import annotations

import ipaddress
from functools import cache
from typing import TypeVar

from local_cloud.actions.paging import page, page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import has_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.records import (
    Instance,
    KeyPair,
    Network,
    Resource,
    SecurityGroup,
    VSwitch,
)
from local_cloud.store import View

RESERVED_ADDRESSES = 4  # of each vSwitch: the first and the last three
R = TypeVar("R", bound=Resource)


@action("DescribeVSwitches", "vpc")
def describe_vswitches(call: Call) -> Answer:
    """The vSwitches by VPC, zone, id and name, with their numbers of free addresses."""
    params = call.params
    found = [
        vswitch
        for vswitch in own(call, VSwitch)
        if params.text("VSwitchId") in ("", vswitch.id)
        and params.text("VpcId") in ("", vswitch.vpc)
        and params.text("ZoneId") in ("", vswitch.zone)
        and params.text("VSwitchName") in ("", vswitch.name)
    ]
    shown, paging = page_by_number(params, found, most=50)
    return {
        **paging,
        "VSwitches": {
            "VSwitch": [
                {
                    "VSwitchId": vswitch.id,
                    "VSwitchName": vswitch.name,
                    "VpcId": vswitch.vpc,
                    "ZoneId": vswitch.zone,
                    "CidrBlock": vswitch.cidr,
                    "Status": "Available",
                    "IsDefault": False,
                    "AvailableIpAddressCount": len(free_addresses(call.view, vswitch)),
                    "CreationTime": iso(vswitch.created),
                    "Tags": tag_rows(vswitch.tags, key="Key", value="Value"),
                }
                for vswitch in shown
            ]
        },
    }


@action("DescribeVpcs", "vpc")
def describe_vpcs(call: Call) -> Answer:
    """The VPCs."""
    found = [network for network in own(call, Network) if call.params.text("VpcId") in ("", network.id)]
    shown, paging = page_by_number(call.params, found, most=50)
    return {
        **paging,
        "Vpcs": {
            "Vpc": [
                {
                    "VpcId": network.id,
                    "VpcName": network.name,
                    "RegionId": network.region,
                    "CidrBlock": network.cidr,
                    "Status": "Available",
                    "IsDefault": False,
                    "CreationTime": iso(network.created),
                    "VSwitchIds": {
                        "VSwitchId": [vswitch.id for vswitch in call.view.all(VSwitch) if vswitch.vpc == network.id]
                    },
                }
                for network in shown
            ]
        },
    }


@action("DescribeSecurityGroups")
def describe_security_groups(call: Call) -> Answer:
    """The security groups by VPC, id and name."""
    params = call.params
    found = [
        group
        for group in own(call, SecurityGroup)
        if params.text("SecurityGroupId") in ("", group.id)
        and params.text("VpcId") in ("", group.vpc)
        and params.text("SecurityGroupName") in ("", group.name)
    ]
    shown, paging = page(params, found)
    return {
        **paging,
        "RegionId": call.region,
        "SecurityGroups": {
            "SecurityGroup": [
                {
                    "SecurityGroupId": group.id,
                    "SecurityGroupName": group.name,
                    "SecurityGroupType": "normal",
                    "VpcId": group.vpc,
                    "Description": "",
                    "CreationTime": iso(group.created),
                    "Tags": tag_rows(group.tags),
                }
                for group in shown
            ]
        },
    }


@action("DescribeKeyPairs")
def describe_key_pairs(call: Call) -> Answer:
    """The key pairs by name; their private keys are not stored."""
    found = [pair for pair in own(call, KeyPair) if call.params.text("KeyPairName") in ("", pair.name)]
    shown, paging = page_by_number(call.params, found)
    return {
        **paging,
        "KeyPairs": {
            "KeyPair": [
                {
                    "KeyPairName": pair.name,
                    "KeyPairFingerPrint": pair.fingerprint,
                    "CreationTime": iso(pair.created),
                    "Tags": tag_rows(pair.tags),
                }
                for pair in shown
            ]
        },
    }


def own(call: Call, kind: type[R]) -> list[R]:
    """Return the caller's resources of a kind in the region that have the requested tags."""
    tags = call.params.pairs("Tag")
    return [
        resource
        for resource in call.view.all(kind)
        if resource.owner == call.account and resource.region == call.region and has_tags(resource.tags, tags)
    ]


def free_addresses(view: View, vswitch: VSwitch) -> list[str]:
    """Return the free addresses of a vSwitch."""
    taken = {instance.ip for instance in view.all(Instance) if instance.vswitch == vswitch.id}
    return [address for address in _addresses(vswitch.cidr) if address not in taken]


@cache
def _addresses(cidr: str) -> tuple[str, ...]:
    hosts = list(ipaddress.ip_network(cidr))
    return tuple(str(address) for address in hosts[1 : len(hosts) - RESERVED_ADDRESSES + 1])
