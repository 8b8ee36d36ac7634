"""VPCs and vSwitches: created, described, deleted.

Both the VPC API and ECS's own, older actions do this; Packer's plugin for Alibaba Cloud uses the latter. Sources:
CreateVpc, CreateVSwitch and the other actions' pages of the VPC API, with their error tables.
"""

from __future__ import annotations

import ipaddress

from msgspec.structs import replace

from local_cloud.actions.filters import Tests, by_words, passes
from local_cloud.actions.owned import listed, own, require_own
from local_cloud.actions.paging import page_by_number
from local_cloud.actions.private_addresses import count_free
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_free_name, check_tags, tag_rows
from local_cloud.catalogue import REGIONS
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, invalid
from local_cloud.params import Params
from local_cloud.records import Instance, NatGateway, Network, NetworkInterface, SecurityGroup, SnatEntry, VSwitch

DEFAULT_CIDR = "172.16.0.0/12"
Cidr = ipaddress.IPv4Network
# A vSwitch has from 8 to 65,536 addresses, a VPC from 16 to 16 million.
VPC_PREFIXES, VSWITCH_PREFIXES = range(8, 29), range(16, 30)


@action("CreateVpc", "vpc", idempotent=True)
@action("CreateVpc", idempotent=True)
def create_vpc(call: Call) -> Answer:
    """Create a VPC; without a block of addresses it has 172.16.0.0/12."""
    params = call.params
    cidr = _cidr(params.text("CidrBlock", DEFAULT_CIDR), VPC_PREFIXES)
    vpc = Network(
        id=call.new_id("vpc-"),
        region=call.region,
        owner=call.account,
        name=check_free_name(params.text("VpcName"), "VpcName"),
        description=_description(params, "Vpc"),
        created=call.now,
        tags=check_tags(params.pairs("Tag")),
        cidr=str(cidr),
    )
    call.store.put(vpc)
    return {"VpcId": vpc.id, "VRouterId": router_id(vpc), "RouteTableId": table_id(vpc.id), "ResourceGroupId": ""}


@action("CreateDefaultVpc", "vpc", idempotent=True)
def create_default_vpc(call: Call) -> Answer:
    """Create the default VPC: a launch that names no vSwitch uses one of its vSwitches."""
    if any(vpc.default for vpc in own(call, Network)):
        raise ApiFault(400, "OperationFailed.DefaultVpcExist", "The default VPC exists already in this region.")
    vpc = _create_default_vpc(call)
    return {"VpcId": vpc.id, "VRouterId": router_id(vpc), "RouteTableId": table_id(vpc.id), "ResourceGroupId": ""}


@action("DescribeVpcs", "vpc")
@action("DescribeVpcs")
def describe_vpcs(call: Call) -> Answer:
    """The VPCs by id and name."""
    params = call.params
    ids = [word for word in params.text("VpcId").split(",") if word]
    tests: Tests[Network] = by_words(params, {"VpcName": lambda vpc: vpc.name, "IsDefault": lambda vpc: vpc.default})
    found = [vpc for vpc in listed(call, Network) if (not ids or vpc.id in ids) and passes(vpc, tests)]
    shown, paging = page_by_number(params, found, most=50)
    return {**paging, "Vpcs": {"Vpc": [_describe_vpc(call, vpc) for vpc in shown]}}


@action("DescribeVpcAttribute", "vpc")
def describe_vpc_attribute(call: Call) -> Answer:
    """One VPC."""
    return _describe_vpc(call, _vpc(call))


@action("ModifyVpcAttribute", "vpc", regionless=True)
@action("ModifyVpcAttribute", regionless=True)
def modify_vpc_attribute(call: Call) -> Answer:
    """Change a VPC's name and description."""
    vpc, params = _vpc(call), call.params
    name = check_free_name(params.text("VpcName"), "VpcName") or vpc.name
    call.store.put(replace(vpc, name=name, description=_description(params, "Vpc") or vpc.description))
    return {}


@action("DeleteVpc", "vpc", regionless=True)
@action("DeleteVpc", regionless=True)
def delete_vpc(call: Call) -> Answer:
    """Delete a VPC that has neither vSwitches nor security groups."""
    vpc = _vpc(call)
    if any(vswitch.vpc == vpc.id for vswitch in call.store.all(VSwitch)):
        raise ApiFault(400, "DependencyViolation.VSwitch", "The specified VPC has vSwitches, and cannot be deleted.")
    if any(group.vpc == vpc.id for group in call.store.all(SecurityGroup)):
        raise ApiFault(400, "DependencyViolation.SecurityGroup", "The specified VPC has security groups in it.")
    if any(gateway.vpc == vpc.id for gateway in call.store.all(NatGateway)):
        raise ApiFault(400, "DependencyViolation.NatGateway", "The specified VPC has NAT gateways in it.")
    call.store.remove(vpc)
    return {}


@action("CreateVSwitch", "vpc", regionless=True, idempotent=True)
@action("CreateVSwitch", regionless=True, idempotent=True)
def create_vswitch(call: Call) -> Answer:
    """Create a vSwitch in a zone, from addresses of its VPC that no other vSwitch has."""
    params = call.params
    vpc = _vpc(call)
    zone = params.require("ZoneId")
    if zone not in REGIONS[vpc.region].zones:
        raise ApiFault(404, "InvalidZoneId.NotFound", "Specified value of ZoneId is not exists.")
    cidr = _cidr(params.require("CidrBlock"), VSWITCH_PREFIXES)
    if not cidr.subnet_of(ipaddress.IPv4Network(vpc.cidr)):
        raise ApiFault(400, "InvalidCidrBlock.Malformed", "Specified CIDR block is not within the VPC's CIDR block.")
    if any(cidr.overlaps(Cidr(other.cidr)) for other in call.store.all(VSwitch) if other.vpc == vpc.id):
        raise ApiFault(400, "InvalidCidrBlock.Overlapped", "Specified CIDR block overlapped with other subnets.")
    vswitch = VSwitch(
        id=call.new_id("vsw-"),
        region=vpc.region,
        owner=call.account,
        name=check_free_name(params.text("VSwitchName"), "VSwitchName"),
        description=_description(params, "VSwitch"),
        created=call.now,
        tags=check_tags(params.pairs("Tag")),
        vpc=vpc.id,
        zone=zone,
        cidr=str(cidr),
    )
    call.store.put(vswitch)
    return {"VSwitchId": vswitch.id}


@action("DescribeVSwitches", "vpc")
@action("DescribeVSwitches")
def describe_vswitches(call: Call) -> Answer:
    """The vSwitches by VPC, zone, id and name, with their numbers of free addresses."""
    params = call.params
    tests: Tests[VSwitch] = by_words(
        params,
        {
            "VSwitchId": lambda vswitch: vswitch.id,
            "VpcId": lambda vswitch: vswitch.vpc,
            "ZoneId": lambda vswitch: vswitch.zone,
            "VSwitchName": lambda vswitch: vswitch.name,
            "IsDefault": lambda vswitch: vswitch.default,
        },
    )
    found = [vswitch for vswitch in listed(call, VSwitch) if passes(vswitch, tests)]
    shown, paging = page_by_number(params, found, most=50)
    return {**paging, "VSwitches": {"VSwitch": [_describe_vswitch(call, vswitch) for vswitch in shown]}}


@action("DescribeVSwitchAttributes", "vpc")
def describe_vswitch_attributes(call: Call) -> Answer:
    """One vSwitch."""
    return _describe_vswitch(call, _vswitch(call))


@action("ModifyVSwitchAttribute", "vpc", regionless=True)
@action("ModifyVSwitchAttribute", regionless=True)
def modify_vswitch_attribute(call: Call) -> Answer:
    """Change a vSwitch's name and description."""
    vswitch, params = _vswitch(call), call.params
    name = check_free_name(params.text("VSwitchName"), "VSwitchName") or vswitch.name
    call.store.put(replace(vswitch, name=name, description=_description(params, "VSwitch") or vswitch.description))
    return {}


@action("CreateDefaultVSwitch", "vpc", idempotent=True)
def create_default_vswitch(call: Call) -> Answer:
    """Create the default vSwitch of a zone, and the default VPC if there is none."""
    zone = call.params.require("ZoneId")
    if zone not in REGIONS[call.region].zones:
        raise ApiFault(404, "InvalidZoneId.NotFound", "Specified value of ZoneId is not exists.")
    if any(vswitch.default and vswitch.zone == zone for vswitch in own(call, VSwitch)):
        raise ApiFault(400, "OperationFailed.DefaultVSwitchExist", "The zone has a default vSwitch already.")
    return {"VSwitchId": _default_vswitch(call, zone).id}


@action("DeleteVSwitch", "vpc", regionless=True)
@action("DeleteVSwitch", regionless=True)
def delete_vswitch(call: Call) -> Answer:
    """Delete a vSwitch that no instance, network interface or NAT gateway uses."""
    vswitch = _vswitch(call)
    users: tuple[Instance | NetworkInterface | NatGateway | SnatEntry, ...] = (
        *call.store.all(Instance),
        *call.store.all(NetworkInterface),
        *call.store.all(NatGateway),
        *call.store.all(SnatEntry),
    )
    if any(user.vswitch == vswitch.id for user in users):
        raise ApiFault(400, "DependencyViolation.NetworkInterface", "Specified object has dependent resources.")
    call.store.remove(vswitch)
    return {}


def named_or_default(call: Call) -> VSwitch | None:
    """Return the vSwitch that a launch names; if it names none, the default VPC's in its zone.

    ECS makes the default ones where they do not exist yet (source: "Default VPC and default vSwitch").
    """
    if named := call.params.text("VSwitchId"):
        return call.store.get(VSwitch, named)
    zones = REGIONS[call.region].zones
    zone = call.params.text("ZoneId", zones[0])
    if zone not in zones:
        raise ApiFault(404, "InvalidZoneId.NotFound", "The specified ZoneId does not exist.")
    return _default_vswitch(call, zone)


def _default_vswitch(call: Call, zone: str) -> VSwitch:
    for vswitch in call.store.all(VSwitch):
        if vswitch.default and (vswitch.owner, vswitch.region, vswitch.zone) == (call.account, call.region, zone):
            return vswitch
    vpc = next((vpc for vpc in own(call, Network) if vpc.default), None) or _create_default_vpc(call)
    # ECS takes 172.16.0.0/20 to 172.31.240.0/20, one for each zone.
    number = REGIONS[call.region].zones.index(zone)
    cidr = list(Cidr(DEFAULT_CIDR).subnets(new_prefix=20))[number]
    vswitch = VSwitch(
        id=call.new_id("vsw-"),
        region=call.region,
        owner=call.account,
        created=call.now,
        vpc=vpc.id,
        zone=zone,
        cidr=str(cidr),
        default=True,
    )
    call.store.put(vswitch)
    return vswitch


def _create_default_vpc(call: Call) -> Network:
    vpc = Network(
        id=call.new_id("vpc-"),
        region=call.region,
        owner=call.account,
        created=call.now,
        cidr=DEFAULT_CIDR,
        default=True,
    )
    call.store.put(vpc)
    return vpc


def _vpc(call: Call) -> Network:
    fault = ApiFault(404, "InvalidVpcId.NotFound", "Specified VPC does not exist.")
    return require_own(call, Network, call.params.require("VpcId"), fault)


def _vswitch(call: Call) -> VSwitch:
    fault = ApiFault(404, "InvalidVSwitchId.NotFound", "Specified virtual switch does not exist.")
    return require_own(call, VSwitch, call.params.require("VSwitchId"), fault)


def _description(params: Params, kind: str) -> str:
    return check_free_name(params.text("Description"), "Description", code=f"Invalid{kind}Discription.Malformed")


def _cidr(text: str, prefixes: range) -> Cidr:
    try:
        cidr = Cidr(text)
    except ValueError:
        raise invalid("CidrBlock") from None
    if cidr.prefixlen not in prefixes or not cidr.is_private:
        raise invalid("CidrBlock")
    return cidr


def router_id(vpc: Network) -> str:
    """Return the id of a VPC's router."""
    return f"vrt-{vpc.id.removeprefix('vpc-')}"


def table_id(vpc_id: str) -> str:
    """Return the id of a VPC's route table."""
    return f"vtb-{vpc_id.removeprefix('vpc-')}"


def _describe_vpc(call: Call, vpc: Network) -> Answer:
    return {
        "VpcId": vpc.id,
        "VpcName": vpc.name,
        "Description": vpc.description,
        "RegionId": vpc.region,
        "OwnerId": int(vpc.owner),
        "CidrBlock": vpc.cidr,
        "SecondaryCidrBlocks": {"SecondaryCidrBlock": []},
        "UserCidrs": {"UserCidr": []},
        "Ipv6CidrBlock": "",
        "Status": "Available",
        "IsDefault": vpc.default,
        "VRouterId": router_id(vpc),
        "RouterTableIds": {"RouterTableIds": [table_id(vpc.id)]},
        "NatGatewayIds": {
            "NatGatewayIds": [gateway.id for gateway in call.view.all(NatGateway) if gateway.vpc == vpc.id]
        },
        "ResourceGroupId": "",
        "CreationTime": iso(vpc.created),
        "Tags": tag_rows(vpc.tags, key="Key", value="Value"),
        "VSwitchIds": {"VSwitchId": [vswitch.id for vswitch in call.view.all(VSwitch) if vswitch.vpc == vpc.id]},
    }


def _describe_vswitch(call: Call, vswitch: VSwitch) -> Answer:
    return {
        "VSwitchId": vswitch.id,
        "VSwitchName": vswitch.name,
        "Description": vswitch.description,
        "VpcId": vswitch.vpc,
        "ZoneId": vswitch.zone,
        "OwnerId": int(vswitch.owner),
        "CidrBlock": vswitch.cidr,
        "Ipv6CidrBlock": "",
        "Status": "Available",
        "IsDefault": vswitch.default,
        "AvailableIpAddressCount": count_free(call.view, vswitch),
        "RouteTable": {"RouteTableId": table_id(vswitch.vpc), "RouteTableType": "System"},
        "ResourceGroupId": "",
        "CreationTime": iso(vswitch.created),
        "Tags": tag_rows(vswitch.tags, key="Key", value="Value"),
    }
