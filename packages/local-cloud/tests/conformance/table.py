"""The table of calls that every official client makes, in order, on a local cloud with the seed's account.

A bridge (``bridges``) makes each call with a client's own types, and returns the answer as JSON. What must hold of each
answer stands beside the call.
"""

from __future__ import annotations

import base64
import time

from conformance.call import IMAGE, NAME, REGION, TYPE, ZONE, Call, ecs
from conformance.identities import IDENTITIES
from conformance.machines import CREATED, TEMPLATES
from conformance.networks import KEY_PAIRS, NAT, ROUTES, VPC_TAGS, network
from local_cloud.clock import iso

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
TOMORROW = iso(time.time() + 86_400)
MADE = {"RegionId": REGION, "InstanceIds": '["$first"]'}

CALLS: tuple[Call, ...] = (
    Call("DescribeRegions", {}, {"Regions.Region.0.RegionId": None}),
    ecs("DescribeZones", {"Zones.Zone.0.ZoneId": None}),
    Call(
        "DescribeInstanceTypes",
        {"InstanceTypes": [TYPE]},
        {"InstanceTypes.InstanceType.0.InstanceTypeId": TYPE, "InstanceTypes.InstanceType.0.CpuCoreCount": 8},
    ),
    ecs(
        "DescribeAvailableResource",
        {"AvailableZones.AvailableZone.0.ZoneId": None},
        DestinationResource="SystemDisk",
        InstanceType=TYPE,
        SpotStrategy="SpotAsPriceGo",
    ),
    ecs(
        "DescribeSpotPriceHistory",
        {"SpotPrices.SpotPriceType.0.SpotPrice": None, "Currency": "CNY"},
        InstanceType=TYPE,
        NetworkType="vpc",
        ZoneId=ZONE,
    ),
    ecs("DescribeSpotAdvice", {"AvailableSpotZones.AvailableSpotZone.0.ZoneId": None}, InstanceTypes=[TYPE]),
    ecs(
        "DescribeAccountAttributes",
        {"AccountAttributeItems.AccountAttributeItem.0.AttributeValues.ValueItem.0.Value": "20000"},
        AttributeName=["max-spot-instance-vcpu-count"],
    ),
    ecs("DescribePrice", {"PriceInfo.Price.OriginalPrice": None}, InstanceType=TYPE, ZoneId=ZONE),
    ecs("DescribeSecurityGroups", {"SecurityGroups.SecurityGroup.0.SecurityGroupId": f"sg-local-{REGION}"}),
    ecs("DescribeKeyPairs", {"TotalCount": None}),
    Call("CreateDefaultVpc", {"RegionId": REGION}, gives={"default": "VpcId"}, product="vpc"),
    Call(
        "CreateDefaultVSwitch", {"RegionId": REGION, "ZoneId": ZONE}, gives={"default_vsw": "VSwitchId"}, product="vpc"
    ),
    Call("DeleteVSwitch", {"VSwitchId": "$default_vsw"}, product="vpc"),
    Call("DeleteVpc", {"VpcId": "$default"}, product="vpc"),
    *VPC_TAGS,
    *KEY_PAIRS,
    *NAT,
    *network("vpc"),
    *network("ecs"),
    Call(
        "CreateVpc", {"RegionId": REGION, "CidrBlock": "10.9.0.0/16"}, {"VpcId": None}, {"vpc": "VpcId"}, product="vpc"
    ),
    *ROUTES,
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
    ecs("ModifySecurityGroupAttribute", SecurityGroupId="$group", Description="changed"),
    ecs(
        "AuthorizeSecurityGroup",
        SecurityGroupId="$group",
        IpProtocol="tcp",
        PortRange="22/22",
        SourceCidrIp="192.0.2.0/24",
    ),
    ecs(
        "AuthorizeSecurityGroupEgress",
        SecurityGroupId="$group",
        IpProtocol="all",
        PortRange="-1/-1",
        DestCidrIp="0.0.0.0/0",
        Policy="drop",
    ),
    ecs(
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
    ecs(
        "RevokeSecurityGroup",
        SecurityGroupId="$group",
        IpProtocol="tcp",
        PortRange="22/22",
        SourceCidrIp="192.0.2.0/24",
    ),
    ecs(
        "RevokeSecurityGroupEgress",
        SecurityGroupId="$group",
        IpProtocol="all",
        PortRange="-1/-1",
        DestCidrIp="0.0.0.0/0",
        Policy="drop",
    ),
    Call("DeleteVpc", {"VpcId": "$vpc"}, error="DependencyViolation.SecurityGroup", product="vpc"),
    ecs("DeleteSecurityGroup", SecurityGroupId="$group"),
    Call(
        "DeleteSecurityGroup",
        {"RegionId": REGION, "SecurityGroupId": "$group"},
        error="InvalidSecurityGroupId.NotFound",
    ),
    Call("DeleteVpc", {"VpcId": "$vpc"}, product="vpc"),
    Call("DescribeVpcs", {"RegionId": REGION}, {"Vpcs.Vpc.0.VpcId": None}, product="vpc"),
    Call("DescribeVSwitches", {"RegionId": REGION}, {"VSwitches.VSwitch.0.VSwitchId": None}, product="vpc"),
    ecs("DescribeImages", {"TotalCount": None, "Images.Image.0.ImageName": None}, ImageName=NAME, PageSize=100),
    ecs("DescribeImages", {"Images.Image.0.Architecture": "x86_64", "TotalCount": 1}, ImageId=IMAGE),
    ecs(
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
    ecs("DescribeInstances", {"TotalCount": 2}, Tag=[{"Key": "blank", "Value": "a b+c/d=é"}], MaxResults=10),
    ecs(
        "DescribeInstanceStatus",
        {"InstanceStatuses.InstanceStatus.0.Status": "Running"},
        InstanceId=["$first", "$second"],
    ),
    ecs("ModifyInstanceAutoReleaseTime", InstanceId="$first", AutoReleaseTime=TOMORROW),
    ecs("GetInstanceConsoleOutput", {"InstanceId": "$first"}, InstanceId="$first"),
    ecs(
        "DescribeInstanceHistoryEvents",
        {"TotalCount": 0},
        ResourceType="instance",
        ResourceId=["$first"],
        InstanceEventType=["Instance:PreemptibleInstanceInterruption"],
    ),
    ecs(
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
    ecs("DescribeInvocations", {"Invocations.Invocation.0.InvokeId": "$invocation"}, InvokeId="$invocation"),
    ecs(
        "DescribeInvocationResults",
        {"Invocation.InvocationResults.InvocationResult.0.InstanceId": "$first"},
        InvokeId="$invocation",
    ),
    ecs("StopInvocation", InvokeId="$invocation"),
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
    ecs("DescribeSendFileResults", {"Invocations.Invocation.0.InvokeId": "$sent"}, InvokeId="$sent"),
    ecs("TagResources", ResourceType="instance", ResourceId=["$first"], Tag=[{"Key": "more", "Value": "yes"}]),
    ecs(
        "ListTagResources",
        {"TagResources.TagResource.0.ResourceId": "$first"},
        ResourceType="instance",
        ResourceId=["$first"],
        Tag=[{"Key": "more"}],
    ),
    ecs("UntagResources", ResourceType="instance", ResourceId=["$first"], TagKey=["more"]),
    Call("RebootInstance", {"InstanceId": "$first"}),
    Call("StopInstance", {"InstanceId": "$first"}, wait=120),
    Call("StartInstance", {"InstanceId": "$first"}, wait=120),
    Call("StopInstances", {"RegionId": REGION, "InstanceId": ["$first"], "StoppedMode": "StopCharging"}, wait=120),
    Call("StartInstances", {"RegionId": REGION, "InstanceId": ["$first"]}, wait=120),
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
    ecs("DescribeSnapshots", {"Snapshots.Snapshot.0.SnapshotId": "$snapshot"}, SnapshotIds='["$snapshot"]'),
    ecs("ModifyImageAttribute", ImageId="$image", ImageName="conformance-renamed", ImageFamily="conformance"),
    ecs("DescribeImages", {"Images.Image.0.ImageFamily": "conformance"}, ImageName="conformance-renamed"),
    ecs("ModifyImageSharePermission", ImageId="$image", AddAccount=["1234567890123456"]),
    ecs("DescribeImageSharePermission", {"Accounts.Account.0.AliyunId": "1234567890123456"}, ImageId="$image"),
    ecs("ModifyImageSharePermission", ImageId="$image", RemoveAccount=["1234567890123456"]),
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
    ecs("DeleteImage", ImageId="$image"),
    ecs("DeleteImage", ImageId="$image"),
    Call("DeleteSnapshot", {"SnapshotId": "$snapshot"}),
    Call("DeleteDisk", {"DiskId": "d-nowhere"}, error="InvalidDiskId.NotFound"),
    Call("DeleteInstance", {"InstanceId": "$first", "Force": True}),
    ecs("DeleteInstances", InstanceId=["$second"], Force=True),
    Call("DescribeInstances", MADE, {"TotalCount": 0}, wait=120),
    *TEMPLATES,
    *CREATED,
    Call("GetCallerIdentity", {}, {"AccountId": None, "Arn": None}, product="sts"),
    Call(
        "AssumeRole",
        {"RoleArn": "acs:ram::1000000000000001:role/ci", "RoleSessionName": "conformance"},
        {"Credentials.SecurityToken": None},
        product="sts",
    ),
    *IDENTITIES,
    Call(
        "DescribeInstanceBill", {"BillingCycle": "2026-11", "IsBillingItem": False}, {"Success": True}, product="bssapi"
    ),
)
