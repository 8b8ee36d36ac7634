"""Calls of the table for networks, their addresses and key pairs."""

from __future__ import annotations

from conformance.call import REGION, ZONE, Call, ecs


def network(product: str) -> tuple[Call, ...]:
    """A VPC and a vSwitch from creation to deletion, by the VPC API or by ECS's own older actions."""
    vpc, vswitch = f"vpc_{product}", f"vsw_{product}"
    attributes = (
        Call("DescribeVpcAttribute", {"RegionId": REGION, "VpcId": f"${vpc}"}, {"VpcName": "lab"}, product=product),
        Call(
            "DescribeVSwitchAttributes",
            {"RegionId": REGION, "VSwitchId": f"${vswitch}"},
            {"CidrBlock": "10.8.1.0/24", "VpcId": f"${vpc}"},
            product=product,
        ),
    )
    return (
        Call(
            "CreateVpc",
            {"RegionId": REGION, "CidrBlock": "10.8.0.0/16", "VpcName": "lab", "ClientToken": f"lab-{product}"},
            {"RouteTableId": None},
            {vpc: "VpcId"},
            product=product,
        ),
        Call(
            "CreateVSwitch",
            {"VpcId": f"${vpc}", "ZoneId": ZONE, "CidrBlock": "10.8.1.0/24", "VSwitchName": "lab-k"},
            gives={vswitch: "VSwitchId"},
            product=product,
        ),
        Call("ModifyVpcAttribute", {"VpcId": f"${vpc}", "Description": "changed"}, product=product),
        Call("ModifyVSwitchAttribute", {"VSwitchId": f"${vswitch}", "VSwitchName": "renamed"}, product=product),
        Call(
            "CreateVSwitch",
            {"VpcId": f"${vpc}", "ZoneId": ZONE, "CidrBlock": "10.8.1.128/25"},
            error="InvalidCidrBlock.Overlapped",
            product=product,
        ),
        Call(
            "DescribeVpcs",
            {"RegionId": REGION, "VpcId": f"${vpc}"},
            {
                "Vpcs.Vpc.0.CidrBlock": "10.8.0.0/16",
                "Vpcs.Vpc.0.Description": "changed",
                "Vpcs.Vpc.0.VSwitchIds.VSwitchId.0": f"${vswitch}",
            },
            product=product,
        ),
        Call(
            "DescribeVSwitches",
            {"RegionId": REGION, "VpcId": f"${vpc}"},
            {
                "VSwitches.VSwitch.0.VSwitchId": f"${vswitch}",
                "VSwitches.VSwitch.0.AvailableIpAddressCount": 252,
                "VSwitches.VSwitch.0.VSwitchName": "renamed",
            },
            product=product,
        ),
        *(attributes if product == "vpc" else ()),
        Call("DeleteVpc", {"VpcId": f"${vpc}"}, error="DependencyViolation.VSwitch", product=product),
        Call("DeleteVSwitch", {"VSwitchId": f"${vswitch}"}, product=product),
        Call("DeleteVpc", {"VpcId": f"${vpc}"}, product=product),
        Call("DeleteVpc", {"VpcId": f"${vpc}"}, error="InvalidVpcId.NotFound", product=product),
    )


def eip(product: str) -> tuple[Call, ...]:
    """An EIP from allocation to release, by the VPC API or by ECS's own older actions; ``$plain`` has it meanwhile."""
    name = f"eip_{product}"
    return (
        Call(
            "AllocateEipAddress",
            {"RegionId": REGION, "Bandwidth": "5", "InternetChargeType": "PayByTraffic", "ClientToken": name},
            {"EipAddress": None},
            {name: "AllocationId"},
            product=product,
        ),
        Call(
            "ModifyEipAddressAttribute",
            {"RegionId": REGION, "AllocationId": f"${name}", "Bandwidth": "10"},
            product=product,
        ),
        Call(
            "AssociateEipAddress",
            {"RegionId": REGION, "AllocationId": f"${name}", "InstanceId": "$plain"},
            product=product,
        ),
        Call(
            "DescribeEipAddresses",
            {"RegionId": REGION, "AllocationId": f"${name}"},
            {
                "EipAddresses.EipAddress.0.Status": "InUse",
                "EipAddresses.EipAddress.0.InstanceId": "$plain",
                "EipAddresses.EipAddress.0.Bandwidth": "10",
            },
            product=product,
        ),
        Call("ReleaseEipAddress", {"AllocationId": f"${name}"}, error="IncorrectEipStatus", product=product),
        Call("UnassociateEipAddress", {"AllocationId": f"${name}", "InstanceId": "$plain"}, product=product),
        Call("ReleaseEipAddress", {"AllocationId": f"${name}"}, product=product),
        Call("ReleaseEipAddress", {"AllocationId": f"${name}"}, error="InvalidAllocationId.NotFound", product=product),
    )


VPC_TAGS = (
    Call(
        "TagResources",
        {
            "RegionId": REGION,
            "ResourceType": "VSWITCH",
            "ResourceId": [f"vsw-local-{ZONE}"],
            "Tag": [{"Key": "by", "Value": "conformance"}],
        },
        product="vpc",
    ),
    Call(
        "ListTagResources",
        {"RegionId": REGION, "ResourceType": "VSWITCH", "ResourceId": [f"vsw-local-{ZONE}"]},
        {"TagResources.TagResource.0.TagKey": "by"},
        product="vpc",
    ),
    Call(
        "UnTagResources",
        {"RegionId": REGION, "ResourceType": "VSWITCH", "ResourceId": [f"vsw-local-{ZONE}"], "TagKey": ["by"]},
        product="vpc",
    ),
)
ROUTES = (
    Call(
        "DescribeRouteTableList",
        {"RegionId": REGION, "VpcId": "$vpc"},
        {"RouterTableList.RouterTableListType.0.RouteTableType": "System"},
        {"table": "RouterTableList.RouterTableListType.0.RouteTableId"},
        product="vpc",
    ),
    Call(
        "DescribeRouteTables",
        {"RouteTableId": "$table", "RegionId": REGION},
        {"RouteTables.RouteTable.0.RouteEntrys.RouteEntry.0.DestinationCidrBlock": "100.64.0.0/10"},
        product="vpc",
    ),
    Call(
        "DescribeRouteTables",
        {"RouteTableId": "$table", "RegionId": REGION},
        {"RouteTables.RouteTable.0.RouteTableId": "$table"},
    ),
)
KEY_PAIRS = (
    Call(
        "CreateKeyPair",
        {"RegionId": REGION, "KeyPairName": "conformance", "Tag": [{"Key": "by", "Value": "me"}]},
        {"PrivateKeyBody": None, "KeyPairFingerPrint": None},
    ),
    Call("CreateKeyPair", {"RegionId": REGION, "KeyPairName": "conformance"}, error="KeyPair.AlreadyExist"),
    Call(
        "ImportKeyPair",
        {"RegionId": REGION, "KeyPairName": "mine", "PublicKeyBody": "ssh-rsa nonsense"},
        error="InvalidPublicKeyBody.Malformed",
    ),
    ecs("DescribeKeyPairs", {"KeyPairs.KeyPair.0.KeyPairName": "conformance"}, KeyPairName="confor*"),
)
_NAT = {"RegionId": REGION, "NatGatewayId": "$nat"}
NAT = (
    Call(
        "CreateNatGateway",
        {
            "RegionId": REGION,
            "VpcId": f"vpc-local-{REGION}",
            "VSwitchId": f"vsw-local-{ZONE}",
            "NatType": "Enhanced",
            "Name": "way-out",
            "ClientToken": "way-out",
        },
        {"SnatTableIds.SnatTableId.0": None},
        {"nat": "NatGatewayId", "snat_table": "SnatTableIds.SnatTableId.0"},
        product="vpc",
    ),
    Call(
        "DescribeNatGateways",
        _NAT,
        {
            "NatGateways.NatGateway.0.Name": "way-out",
            "NatGateways.NatGateway.0.SnatTableIds.SnatTableId.0": "$snat_table",
            "NatGateways.NatGateway.0.NatGatewayPrivateInfo.VswitchId": f"vsw-local-{ZONE}",
        },
        product="vpc",
    ),
    Call(
        "CreateSnatEntry",
        {
            "RegionId": REGION,
            "SnatTableId": "$snat_table",
            "SourceVSwitchId": f"vsw-local-{ZONE}",
            "SnatIp": "192.0.2.1",
        },
        error="IncorrectStatus.NatGateway",
        product="vpc",
    ),
    Call(
        "DescribeSnatTableEntries",
        {"RegionId": REGION, "SnatTableId": "$snat_table"},
        {"TotalCount": 0},
        product="vpc",
    ),
    Call(
        "DeleteSnatEntry",
        {"RegionId": REGION, "SnatTableId": "$snat_table", "SnatEntryId": "snat-none"},
        error="InvalidSnatEntryId.NotFound",
        product="vpc",
    ),
    Call("DeleteNatGateway", _NAT, product="vpc"),
    Call("DeleteNatGateway", _NAT, error="InvalidNatGatewayId.NotFound", product="vpc"),
)
