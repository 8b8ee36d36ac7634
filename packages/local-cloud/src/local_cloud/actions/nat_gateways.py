"""NAT gateways and their SNAT entries, by which instances without a public address reach the internet.

Sources: CreateNatGateway, CreateSnatEntry and the other actions' pages of the VPC API, with their error tables. Only
enhanced gateways to the internet exist, as for accounts of today.
"""

from __future__ import annotations

import ipaddress

from msgspec.structs import replace

from local_cloud.actions.filters import Tests, by_words, passes
from local_cloud.actions.owned import listed, own, require_own
from local_cloud.actions.paging import page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_description, check_plain_name, check_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, invalid
from local_cloud.records import Eip, NatGateway, Network, SnatEntry, VSwitch

# A real one takes longer; what matters is that it is not there at once.
CREATE_SECONDS = 5.0


@action("CreateNatGateway", "vpc", idempotent=True)
def create_nat_gateway(call: Call) -> Answer:
    """Create a gateway in a vSwitch; it is Available some seconds later."""
    params = call.params
    fault = ApiFault(404, "InvalidVpcId.NotFound", "Specified VPC does not exist.")
    vpc = require_own(call, Network, params.require("VpcId"), fault)
    params.choice("NatType", ("Enhanced",), "Enhanced")
    params.choice("NetworkType", ("internet",), "internet")
    params.choice("InternetChargeType", ("PayByLcu",), "PayByLcu")
    vswitch = call.store.get(VSwitch, params.require("VSwitchId"))
    if vswitch is None or vswitch.vpc != vpc.id:
        raise ApiFault(404, "InvalidVSwitchId.NotFound", "Specified virtual switch does not exist.")
    gateway = NatGateway(
        id=call.new_id("ngw-"),
        region=call.region,
        owner=call.account,
        name=check_plain_name(params.text("Name"), "Name", code="InvalidNatGatewayName.MalFormed"),
        description=check_description(params.text("Description"), "InvalidNatGatewayDescription.MalFormed"),
        created=call.now,
        tags=check_tags(params.pairs("Tag")),
        vpc=vpc.id,
        vswitch=vswitch.id,
        ready=call.now + CREATE_SECONDS,
    )
    call.store.put(gateway)
    return {
        "NatGatewayId": gateway.id,
        "SnatTableIds": {"SnatTableId": [snat_table(gateway)]},
        "ForwardTableIds": {"ForwardTableId": [forward_table(gateway)]},
        "FullNatTableIds": {"FullNatTableId": []},
    }


@action("DescribeNatGateways", "vpc")
def describe_nat_gateways(call: Call) -> Answer:
    """The gateways by id, VPC, name and status."""
    params = call.params
    tests: Tests[NatGateway] = by_words(
        params,
        {
            "NatGatewayId": lambda gateway: gateway.id,
            "VpcId": lambda gateway: gateway.vpc,
            "Name": lambda gateway: gateway.name,
            "Status": lambda gateway: _status(call, gateway),
            "NatType": lambda _: "Enhanced",
            "NetworkType": lambda _: "internet",
            "InstanceChargeType": lambda _: "PostPaid",
        },
    )
    found = [gateway for gateway in listed(call, NatGateway) if passes(gateway, tests)]
    shown, paging = page_by_number(params, found, most=50)
    return {**paging, "NatGateways": {"NatGateway": [_describe(call, gateway) for gateway in shown]}}


@action("DeleteNatGateway", "vpc")
def delete_nat_gateway(call: Call) -> Answer:
    """Delete a gateway; by force with its entries, and its EIPs are released from it."""
    gateway = _gateway(call, call.params.require("NatGatewayId"))
    entries = _entries(call, gateway)
    bound = [address for address in call.store.all(Eip) if address.bound_to == gateway.id]
    if not call.params.flag("Force"):
        if entries:
            raise ApiFault(400, "DependencyViolation.SnatTable", "The NAT gateway has SNAT entries.")
        if bound:
            raise ApiFault(400, "DependencyViolation.EIPS", "The NAT gateway has EIPs.")
    call.store.remove(gateway, *entries)
    call.store.put(*(replace(address, bound_to="") for address in bound))
    return {}


@action("CreateSnatEntry", "vpc", idempotent=True)
def create_snat_entry(call: Call) -> Answer:
    """Translate the addresses of a vSwitch, or of a block, to an EIP that the gateway has."""
    params = call.params
    gateway = _gateway(call, "ngw-" + params.require("SnatTableId").removeprefix("stb-"))
    if call.now < gateway.ready:
        raise ApiFault(400, "IncorrectStatus.NatGateway", "The status of the NAT gateway does not support this.")
    vswitch_id, ip = params.text("SourceVSwitchId"), params.require("SnatIp")
    if not any((address.ip, address.bound_to) == (ip, gateway.id) for address in call.store.all(Eip)):
        raise ApiFault(400, "InvalidSnatIp.NotFound", "The SnatIp is not bound to the NAT gateway.")
    if vswitch_id:
        fault = ApiFault(404, "InvalidVSwitchId.NotFound", "Specified virtual switch does not exist.")
        vswitch = require_own(call, VSwitch, vswitch_id, fault)
        if vswitch.vpc != gateway.vpc:
            raise fault
        cidr = vswitch.cidr
    else:
        cidr = params.require("SourceCIDR")
        try:
            ipaddress.IPv4Network(cidr)
        except ValueError:
            raise invalid("SourceCIDR") from None
    if any(entry.cidr == cidr for entry in _entries(call, gateway)):
        raise ApiFault(400, "Forbidden.SourceCIDR.Duplicated", "The source is in another SNAT entry already.")
    entry = SnatEntry(
        id=call.new_id("snat-"),
        region=gateway.region,
        owner=call.account,
        name=params.text("SnatEntryName"),
        created=call.now,
        nat=gateway.id,
        vswitch=vswitch_id,
        cidr=cidr,
        ip=ip,
    )
    call.store.put(entry)
    return {"SnatEntryId": entry.id}


@action("DescribeSnatTableEntries", "vpc")
def describe_snat_table_entries(call: Call) -> Answer:
    """The entries by table, gateway, id and vSwitch."""
    params = call.params
    tests: Tests[SnatEntry] = by_words(
        params,
        {
            "SnatTableId": _table_of,
            "NatGatewayId": lambda entry: entry.nat,
            "SnatEntryId": lambda entry: entry.id,
            "SourceVSwitchId": lambda entry: entry.vswitch,
            "SnatEntryName": lambda entry: entry.name,
            "SnatIp": lambda entry: entry.ip,
            "SourceCIDR": lambda entry: entry.cidr,
        },
    )
    found = [entry for entry in own(call, SnatEntry) if passes(entry, tests)]
    shown, paging = page_by_number(params, found, most=50)
    rows = [
        {
            "SnatEntryId": entry.id,
            "SnatEntryName": entry.name,
            "SnatTableId": _table_of(entry),
            "NatGatewayId": entry.nat,
            "SnatIp": entry.ip,
            "SourceVSwitchId": entry.vswitch,
            "SourceCIDR": entry.cidr,
            "Status": "Available",
            "EipAffinity": "0",
        }
        for entry in shown
    ]
    return {**paging, "SnatTableEntries": {"SnatTableEntry": rows}}


@action("DeleteSnatEntry", "vpc")
def delete_snat_entry(call: Call) -> Answer:
    """Delete an entry."""
    fault = ApiFault(404, "InvalidSnatEntryId.NotFound", "Specified SNAT entry ID does not exist.")
    entry = require_own(call, SnatEntry, call.params.require("SnatEntryId"), fault)
    if call.params.require("SnatTableId") != _table_of(entry):
        raise ApiFault(404, "InvalidSnatTableId.NotFound", "Specified SNAT table does not exist.")
    call.store.remove(entry)
    return {}


def snat_table(gateway: NatGateway) -> str:
    """Return the id of a gateway's SNAT table."""
    return f"stb-{gateway.id.removeprefix('ngw-')}"


def forward_table(gateway: NatGateway) -> str:
    """Return the id of a gateway's DNAT table."""
    return f"ftb-{gateway.id.removeprefix('ngw-')}"


def _table_of(entry: SnatEntry) -> str:
    return f"stb-{entry.nat.removeprefix('ngw-')}"


def _gateway(call: Call, gateway_id: str) -> NatGateway:
    fault = ApiFault(404, "InvalidNatGatewayId.NotFound", "Specified NAT gateway does not exist.")
    return require_own(call, NatGateway, gateway_id, fault)


def _entries(call: Call, gateway: NatGateway) -> list[SnatEntry]:
    return [entry for entry in call.store.all(SnatEntry) if entry.nat == gateway.id]


def _status(call: Call, gateway: NatGateway) -> str:
    return "Available" if call.now >= gateway.ready else "Creating"


def _describe(call: Call, gateway: NatGateway) -> Answer:
    addresses = [address for address in call.view.all(Eip) if address.bound_to == gateway.id]
    entries = [entry.ip for entry in call.view.all(SnatEntry) if entry.nat == gateway.id]
    return {
        "NatGatewayId": gateway.id,
        "Name": gateway.name,
        "Description": gateway.description,
        "RegionId": gateway.region,
        "VpcId": gateway.vpc,
        "NatType": "Enhanced",
        "NetworkType": "internet",
        "Spec": "",
        "Status": _status(call, gateway),
        "BusinessStatus": "Normal",
        "InstanceChargeType": "PostPaid",
        "InternetChargeType": "PayByLcu",
        "EipBindMode": "MULTI_BINDED",
        "DeletionProtection": False,
        "EcsMetricEnabled": True,
        "IcmpReplyEnabled": True,
        "PrivateLinkEnabled": False,
        "AutoPay": False,
        "ResourceGroupId": "",
        "CreationTime": iso(gateway.created),
        "ExpiredTime": "",
        "SnatTableIds": {"SnatTableId": [snat_table(gateway)]},
        "ForwardTableIds": {"ForwardTableId": [forward_table(gateway)]},
        "FullNatTableIds": {"FullNatTableId": []},
        "IpLists": {
            "IpList": [
                {
                    "AllocationId": address.id,
                    "IpAddress": address.ip,
                    "UsingStatus": "UsedBySnatTable" if address.ip in entries else "Idle",
                    "SnatEntryEnabled": True,
                    "ApiExternalEnabled": True,
                }
                for address in addresses
            ]
        },
        "NatGatewayPrivateInfo": {
            "VswitchId": gateway.vswitch,
            "IzNo": "",
            "PrivateIpAddress": "",
            "EniInstanceId": "",
        },
        "Tags": tag_rows(gateway.tags, key="Key", value="Value"),
    }
