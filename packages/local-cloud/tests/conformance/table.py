"""The table of calls that every official client makes, in order, on a local cloud with the seed's account.

A bridge (``bridges``) makes each call with a client's own types, and returns the answer as JSON. What must hold of each
answer stands beside the call.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REGION, TYPE, ZONE = "cn-hangzhou", "ecs.c7.2xlarge", "cn-hangzhou-k"
NAME, IMAGE = "github-runner-ubuntu24-amd64-latest", "m-localnewamd64"


@dataclass(frozen=True)
class Call:
    """A call, and what must hold of its answer.

    Attributes:
        action: the API action.
        parameters: its parameters, as the API's reference nests them; ``$name`` stands for what an earlier call gave.
        members: paths that the answer must have, and their values (None: any value but an empty one).
        gives: names for values of the answer that later calls use, and their paths.
        error: the code with which the call must be refused; empty: it must succeed.
        product: ``ecs``, ``vpc``, ``sts`` or ``bssapi``.
        wait: seconds that the cloud's clock advances before the call.
    """

    action: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)
    gives: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    product: str = "ecs"
    wait: float = 0.0


def _ecs(action: str, members: Mapping[str, Any] | None = None, **parameters: Any) -> Call:
    return Call(action, {"RegionId": REGION, **parameters}, members or {})


def _network(product: str) -> tuple[Call, ...]:
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
        Call(
            "CreateVSwitch",
            {"VpcId": f"${vpc}", "ZoneId": ZONE, "CidrBlock": "10.8.1.128/25"},
            error="InvalidCidrBlock.Overlapped",
            product=product,
        ),
        Call(
            "DescribeVpcs",
            {"RegionId": REGION, "VpcId": f"${vpc}"},
            {"Vpcs.Vpc.0.CidrBlock": "10.8.0.0/16", "Vpcs.Vpc.0.VSwitchIds.VSwitchId.0": f"${vswitch}"},
            product=product,
        ),
        Call(
            "DescribeVSwitches",
            {"RegionId": REGION, "VpcId": f"${vpc}"},
            {"VSwitches.VSwitch.0.VSwitchId": f"${vswitch}", "VSwitches.VSwitch.0.AvailableIpAddressCount": 252},
            product=product,
        ),
        *(attributes if product == "vpc" else ()),
        Call("DeleteVpc", {"VpcId": f"${vpc}"}, error="DependencyViolation.VSwitch", product=product),
        Call("DeleteVSwitch", {"VSwitchId": f"${vswitch}"}, product=product),
        Call("DeleteVpc", {"VpcId": f"${vpc}"}, product=product),
        Call("DeleteVpc", {"VpcId": f"${vpc}"}, error="InvalidVpcId.NotFound", product=product),
    )


LAUNCH = {
    "RegionId": REGION,
    "ImageId": IMAGE,
    "InstanceType": TYPE,
    "VSwitchId": f"vsw-local-{ZONE}",
    "SecurityGroupId": f"sg-local-{REGION}",
    "InstanceName": "conformance",
    "Amount": 2,
    "SpotStrategy": "SpotAsPriceGo",
    "SystemDisk": {"Category": "cloud_essd", "Size": "60"},
    "Tag": [{"Key": "by", "Value": "conformance"}, {"Key": "blank", "Value": "a b+c/d=é"}],
    "UserData": base64.b64encode(b"#!/bin/sh\ntrue\n").decode(),
    "ClientToken": "conformance-1",
}
MADE = {"RegionId": REGION, "InstanceIds": '["$first"]'}

CALLS: tuple[Call, ...] = (
    Call("DescribeRegions", {}, {"Regions.Region.0.RegionId": None}),
    _ecs("DescribeZones", {"Zones.Zone.0.ZoneId": None}),
    Call(
        "DescribeInstanceTypes",
        {"InstanceTypes": [TYPE]},
        {"InstanceTypes.InstanceType.0.InstanceTypeId": TYPE, "InstanceTypes.InstanceType.0.CpuCoreCount": 8},
    ),
    _ecs(
        "DescribeAvailableResource",
        {"AvailableZones.AvailableZone.0.ZoneId": None},
        DestinationResource="SystemDisk",
        InstanceType=TYPE,
        SpotStrategy="SpotAsPriceGo",
    ),
    _ecs(
        "DescribeSpotPriceHistory",
        {"SpotPrices.SpotPriceType.0.SpotPrice": None, "Currency": "CNY"},
        InstanceType=TYPE,
        NetworkType="vpc",
        ZoneId=ZONE,
    ),
    _ecs("DescribeSpotAdvice", {"AvailableSpotZones.AvailableSpotZone.0.ZoneId": None}, InstanceTypes=[TYPE]),
    _ecs("DescribePrice", {"PriceInfo.Price.OriginalPrice": None}, InstanceType=TYPE, ZoneId=ZONE),
    _ecs("DescribeSecurityGroups", {"SecurityGroups.SecurityGroup.0.SecurityGroupId": f"sg-local-{REGION}"}),
    _ecs("DescribeKeyPairs", {"TotalCount": None}),
    Call("CreateDefaultVpc", {"RegionId": REGION}, gives={"default": "VpcId"}, product="vpc"),
    Call("DeleteVpc", {"VpcId": "$default"}, product="vpc"),
    *_network("vpc"),
    *_network("ecs"),
    Call(
        "CreateVpc", {"RegionId": REGION, "CidrBlock": "10.9.0.0/16"}, {"VpcId": None}, {"vpc": "VpcId"}, product="vpc"
    ),
    Call(
        "CreateSecurityGroup",
        {
            "RegionId": REGION,
            "VpcId": "$vpc",
            "SecurityGroupName": "conformance",
            "Tag": [{"Key": "by", "Value": "me"}],
        },
        gives={"group": "SecurityGroupId"},
    ),
    _ecs("ModifySecurityGroupAttribute", SecurityGroupId="$group", Description="changed"),
    _ecs(
        "AuthorizeSecurityGroup",
        SecurityGroupId="$group",
        IpProtocol="tcp",
        PortRange="22/22",
        SourceCidrIp="192.0.2.0/24",
    ),
    _ecs(
        "AuthorizeSecurityGroupEgress",
        SecurityGroupId="$group",
        IpProtocol="all",
        PortRange="-1/-1",
        DestCidrIp="0.0.0.0/0",
        Policy="drop",
    ),
    _ecs(
        "DescribeSecurityGroupAttribute",
        {
            "Description": "changed",
            "Permissions.Permission.0.PortRange": "22/22",
            "Permissions.Permission.0.Policy": "Accept",
            "Permissions.Permission.1.Direction": "egress",
            "Permissions.Permission.1.Policy": "Drop",
        },
        SecurityGroupId="$group",
    ),
    _ecs(
        "RevokeSecurityGroup",
        SecurityGroupId="$group",
        IpProtocol="tcp",
        PortRange="22/22",
        SourceCidrIp="192.0.2.0/24",
    ),
    _ecs(
        "RevokeSecurityGroupEgress",
        SecurityGroupId="$group",
        IpProtocol="all",
        PortRange="-1/-1",
        DestCidrIp="0.0.0.0/0",
        Policy="drop",
    ),
    Call("DeleteVpc", {"VpcId": "$vpc"}, error="DependencyViolation.SecurityGroup", product="vpc"),
    _ecs("DeleteSecurityGroup", SecurityGroupId="$group"),
    Call(
        "DeleteSecurityGroup",
        {"RegionId": REGION, "SecurityGroupId": "$group"},
        error="InvalidSecurityGroupId.NotFound",
    ),
    Call("DeleteVpc", {"VpcId": "$vpc"}, product="vpc"),
    Call("DescribeVpcs", {"RegionId": REGION}, {"Vpcs.Vpc.0.VpcId": None}, product="vpc"),
    Call("DescribeVSwitches", {"RegionId": REGION}, {"VSwitches.VSwitch.0.VSwitchId": None}, product="vpc"),
    _ecs("DescribeImages", {"TotalCount": None, "Images.Image.0.ImageName": None}, ImageName=NAME, PageSize=100),
    _ecs("DescribeImages", {"Images.Image.0.Architecture": "x86_64", "TotalCount": 1}, ImageId=IMAGE),
    _ecs(
        "DescribeImageFromFamily",
        {"Image.ImageFamily": "acs:ubuntu_24_04_x64"},
        ImageFamily="acs:ubuntu_24_04_x64",
    ),
    Call(
        "RunInstances",
        LAUNCH,
        {"InstanceIdSets.InstanceIdSet.1": None},
        {"first": "InstanceIdSets.InstanceIdSet.0", "second": "InstanceIdSets.InstanceIdSet.1"},
    ),
    Call("RunInstances", LAUNCH, {"InstanceIdSets.InstanceIdSet.0": "$first"}),
    Call("RunInstances", {**LAUNCH, "Amount": 1}, error="IdempotentParameterMismatch"),
    Call(
        "RunInstances",
        {**LAUNCH, "VSwitchId": "vsw-nowhere", "ClientToken": "conformance-2"},
        error="InvalidVSwitchId.NotFound",
    ),
    Call(
        "DescribeInstances",
        MADE,
        {
            "TotalCount": 1,
            "Instances.Instance.0.InstanceId": "$first",
            "Instances.Instance.0.InstanceType": TYPE,
            "Instances.Instance.0.Tags.Tag.0.TagKey": None,
            "Instances.Instance.0.VpcAttributes.PrivateIpAddress.IpAddress.0": None,
        },
        wait=90,
    ),
    _ecs("DescribeInstances", {"TotalCount": 2}, Tag=[{"Key": "blank", "Value": "a b+c/d=é"}], MaxResults=10),
    _ecs(
        "DescribeInstanceStatus",
        {"InstanceStatuses.InstanceStatus.0.Status": "Running"},
        InstanceId=["$first", "$second"],
    ),
    _ecs("ModifyInstanceAutoReleaseTime", InstanceId="$first", AutoReleaseTime="2099-01-01T00:00:00Z"),
    _ecs("GetInstanceConsoleOutput", {"InstanceId": "$first"}, InstanceId="$first"),
    _ecs(
        "DescribeInstanceHistoryEvents",
        {"TotalCount": 0},
        ResourceType="instance",
        ResourceId=["$first"],
        InstanceEventType=["Instance:PreemptibleInstanceInterruption"],
    ),
    _ecs(
        "DescribeCloudAssistantStatus",
        {"InstanceCloudAssistantStatusSet.InstanceCloudAssistantStatus.0.CloudAssistantStatus": "true"},
        InstanceId=["$first"],
    ),
    Call(
        "RunCommand",
        {
            "RegionId": REGION,
            "Type": "RunShellScript",
            "CommandContent": base64.b64encode(b"true").decode(),
            "ContentEncoding": "Base64",
            "InstanceId": ["$first"],
            "Timeout": 60,
        },
        {"CommandId": None},
        {"invocation": "InvokeId"},
    ),
    _ecs("DescribeInvocations", {"Invocations.Invocation.0.InvokeId": "$invocation"}, InvokeId="$invocation"),
    _ecs(
        "DescribeInvocationResults",
        {"Invocation.InvocationResults.InvocationResult.0.InstanceId": "$first"},
        InvokeId="$invocation",
    ),
    _ecs("StopInvocation", InvokeId="$invocation"),
    Call(
        "SendFile",
        {
            "RegionId": REGION,
            "Name": "motd",
            "TargetDir": "/root",
            "Content": "welcome",
            "ContentType": "PlainText",
            "InstanceId": ["$first"],
        },
        gives={"sent": "InvokeId"},
    ),
    _ecs("DescribeSendFileResults", {"Invocations.Invocation.0.InvokeId": "$sent"}, InvokeId="$sent"),
    _ecs("TagResources", ResourceType="instance", ResourceId=["$first"], Tag=[{"Key": "more", "Value": "yes"}]),
    _ecs(
        "ListTagResources",
        {"TagResources.TagResource.0.ResourceId": "$first"},
        ResourceType="instance",
        ResourceId=["$first"],
        Tag=[{"Key": "more"}],
    ),
    _ecs("UntagResources", ResourceType="instance", ResourceId=["$first"], TagKey=["more"]),
    Call("RebootInstance", {"InstanceId": "$first"}),
    Call("StopInstance", {"InstanceId": "$first"}, wait=120),
    Call("StartInstance", {"InstanceId": "$first"}, wait=120),
    Call("StopInstances", {"RegionId": REGION, "InstanceId": ["$first"]}, wait=120),
    Call("DescribeDisks", {"RegionId": REGION, "InstanceId": "$first"}, {"Disks.Disk.0.Size": 60}, wait=120),
    Call(
        "CreateImage",
        {
            "RegionId": REGION,
            "InstanceId": "$first",
            "ImageName": "conformance-image",
            "Description": "made by an official client",
            "Tag": [{"Key": "by", "Value": "conformance"}],
            "ClientToken": "conformance-3",
        },
        gives={"image": "ImageId"},
    ),
    Call(
        "DescribeImages",
        {"RegionId": REGION, "ImageId": "$image"},
        {
            "Images.Image.0.Status": "Available",
            "Images.Image.0.DiskDeviceMappings.DiskDeviceMapping.0.SnapshotId": None,
        },
        {"snapshot": "Images.Image.0.DiskDeviceMappings.DiskDeviceMapping.0.SnapshotId"},
        wait=900,
    ),
    _ecs("DescribeSnapshots", {"Snapshots.Snapshot.0.SnapshotId": "$snapshot"}, SnapshotIds='["$snapshot"]'),
    _ecs("ModifyImageAttribute", ImageId="$image", ImageName="conformance-renamed", ImageFamily="conformance"),
    _ecs("DescribeImages", {"Images.Image.0.ImageFamily": "conformance"}, ImageName="conformance-renamed"),
    _ecs("ModifyImageSharePermission", ImageId="$image", AddAccount=["1234567890123456"]),
    _ecs("DescribeImageSharePermission", {"Accounts.Account.0.AliyunId": "1234567890123456"}, ImageId="$image"),
    _ecs("ModifyImageSharePermission", ImageId="$image", RemoveAccount=["1234567890123456"]),
    Call(
        "CopyImage",
        {
            "RegionId": REGION,
            "ImageId": "$image",
            "DestinationRegionId": "cn-beijing",
            "DestinationImageName": "conformance-copy",
        },
        gives={"copy": "ImageId"},
    ),
    Call("CancelCopyImage", {"RegionId": "cn-beijing", "ImageId": "$copy"}),
    _ecs("DeleteImage", ImageId="$image"),
    _ecs("DeleteImage", ImageId="$image"),
    Call("DeleteSnapshot", {"SnapshotId": "$snapshot"}),
    Call("DeleteDisk", {"DiskId": "d-nowhere"}, error="InvalidDiskId.NotFound"),
    Call("DeleteInstance", {"InstanceId": "$first", "Force": True}),
    _ecs("DeleteInstances", InstanceId=["$second"], Force=True),
    Call("DescribeInstances", MADE, {"TotalCount": 0}, wait=120),
    Call("GetCallerIdentity", {}, {"AccountId": None, "Arn": None}, product="sts"),
    Call(
        "AssumeRole",
        {"RoleArn": "acs:ram::1000000000000001:role/ci", "RoleSessionName": "conformance"},
        {"Credentials.SecurityToken": None},
        product="sts",
    ),
    Call(
        "DescribeInstanceBill", {"BillingCycle": "2026-11", "IsBillingItem": False}, {"Success": True}, product="bssapi"
    ),
)
