"""NAT gateways, their public addresses and what they translate.

Sources: CreateNatGateway, CreateSnatEntry, AllocateEipAddress and the other actions' pages of the VPC API.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from goldrun.cloud.client import EcsClient
from goldrun.cloud.endpoints import VPC
from goldrun.cloud.paging import elements_by_number
from goldrun.cloud.rpc import Parameter
from goldrun.cloud.tags import Tags, has, to_api

_MBITS = 100


class Gateway(NamedTuple):
    """A NAT gateway: its id, VPC, vSwitch, SNAT table, and whether it is ready."""

    id: str
    vpc: str
    vswitch: str
    table: str
    ready: bool


class Address(NamedTuple):
    """An EIP: its id, address, and what has it (empty: nothing)."""

    id: str
    ip: str
    bound_to: str


class Entry(NamedTuple):
    """What a gateway translates: its id, table, vSwitch (empty: a block) and public address."""

    id: str
    table: str
    vswitch: str
    ip: str


def describe_gateways(client: EcsClient, tags: Tags, *, vpc: str = "") -> list[Gateway]:
    """Return the NAT gateways of the region with these tags, or those of a VPC."""
    params: dict[str, Parameter] = {"Tag": to_api(tags) or None, "VpcId": vpc or None}
    found = elements_by_number(client, "DescribeNatGateways", params, ("NatGateways", "NatGateway"), api=VPC)
    return [_gateway(element) for element in found if has(element, tags)]


def _gateway(element: dict[str, Any]) -> Gateway:
    tables = element["SnatTableIds"]["SnatTableId"]
    return Gateway(
        element["NatGatewayId"],
        element["VpcId"],
        str(element.get("NatGatewayPrivateInfo", {}).get("VswitchId") or ""),
        tables[0] if tables else "",
        element["Status"] == "Available",
    )


def create_gateway(client: EcsClient, vpc: str, vswitch: str, name: str, tags: Tags, token: str) -> None:
    """Create a NAT gateway that is paid by use; it is ready some time later.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {
        "VpcId": vpc,
        "VSwitchId": vswitch,
        "Name": name,
        "NatType": "Enhanced",
        "NetworkType": "internet",
        "InternetChargeType": "PayByLcu",
        "InstanceChargeType": "PostPaid",
        "Tag": to_api(tags),
        "ClientToken": token,
    }
    client.call("CreateNatGateway", params, api=VPC)


def delete_gateway(client: EcsClient, gateway: str) -> None:
    """Delete a NAT gateway without entries and addresses.

    Raises:
        ApiError: it was refused.
    """
    client.call("DeleteNatGateway", {"NatGatewayId": gateway}, api=VPC)


def describe_addresses(client: EcsClient, tags: Tags) -> list[Address]:
    """Return the EIPs of the region with these tags."""
    found = elements_by_number(
        client, "DescribeEipAddresses", {"Tag": to_api(tags)}, ("EipAddresses", "EipAddress"), api=VPC
    )
    return [
        Address(element["AllocationId"], element["IpAddress"], str(element.get("InstanceId") or ""))
        for element in found
        if has(element, tags)
    ]


def allocate_address(client: EcsClient, name: str, tags: Tags, token: str) -> None:
    """Allocate an EIP that is paid by traffic.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {
        "Name": name,
        "Bandwidth": str(_MBITS),
        "InternetChargeType": "PayByTraffic",
        "InstanceChargeType": "PostPaid",
        "Tag": to_api(tags),
        "ClientToken": token,
    }
    client.call("AllocateEipAddress", params, api=VPC)


def bind_address(client: EcsClient, address: str, gateway: str) -> None:
    """Give an EIP to a NAT gateway.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {"AllocationId": address, "InstanceId": gateway, "InstanceType": "Nat"}
    client.call("AssociateEipAddress", params, api=VPC)


def unbind_address(client: EcsClient, address: str, gateway: str) -> None:
    """Take an EIP from a NAT gateway.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {"AllocationId": address, "InstanceId": gateway, "InstanceType": "Nat"}
    client.call("UnassociateEipAddress", params, api=VPC)


def release_address(client: EcsClient, address: str) -> None:
    """Release an EIP that nothing has.

    Raises:
        ApiError: it was refused.
    """
    client.call("ReleaseEipAddress", {"AllocationId": address}, api=VPC)


def describe_entries(client: EcsClient, table: str) -> list[Entry]:
    """Return the entries of an SNAT table."""
    found = elements_by_number(
        client, "DescribeSnatTableEntries", {"SnatTableId": table}, ("SnatTableEntries", "SnatTableEntry"), api=VPC
    )
    return [
        Entry(element["SnatEntryId"], table, str(element.get("SourceVSwitchId") or ""), element["SnatIp"])
        for element in found
    ]


def create_entry(client: EcsClient, table: str, vswitch: str, ip: str, name: str, token: str) -> None:
    """Let a vSwitch reach the internet by a public address.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {
        "SnatTableId": table,
        "SourceVSwitchId": vswitch,
        "SnatIp": ip,
        "SnatEntryName": name,
        "ClientToken": token,
    }
    client.call("CreateSnatEntry", params, api=VPC)


def delete_entry(client: EcsClient, table: str, entry: str) -> None:
    """Delete an entry.

    Raises:
        ApiError: it was refused.
    """
    client.call("DeleteSnatEntry", {"SnatTableId": table, "SnatEntryId": entry}, api=VPC)
