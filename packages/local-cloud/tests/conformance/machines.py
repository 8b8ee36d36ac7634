"""Calls of the table for instances that are created without being started, their attributes, disks and interfaces."""

from __future__ import annotations

from conformance.call import IMAGE, REGION, TYPE, ZONE, Call, ecs
from conformance.networks import eip

VSWITCH, GROUP = f"vsw-local-{ZONE}", f"sg-local-{REGION}"

GROUP_OF_TWO = {"RegionId": REGION, "AutoProvisioningGroupId": "$group"}
PROVISIONING = (
    Call(
        "CreateAutoProvisioningGroup",
        {
            "RegionId": REGION,
            "LaunchTemplateId": "$template",
            "LaunchTemplateVersion": "1",
            "AutoProvisioningGroupName": "conformance",
            "AutoProvisioningGroupType": "maintain",
            "TotalTargetCapacity": "2",
            "SpotTargetCapacity": "1",
            "PayAsYouGoTargetCapacity": "1",
            "ExcessCapacityTerminationPolicy": "termination",
            "LaunchTemplateConfig": [{"InstanceType": TYPE, "VSwitchId": VSWITCH, "Priority": 1}],
            "ClientToken": "conformance-group",
        },
        gives={"group": "AutoProvisioningGroupId"},
    ),
    ecs(
        "DescribeAutoProvisioningGroups",
        {
            "AutoProvisioningGroups.AutoProvisioningGroup.0.Status": "fulfilled",
            "AutoProvisioningGroups.AutoProvisioningGroup.0.AutoProvisioningGroupName": "conformance",
        },
        AutoProvisioningGroupId=["$group"],
    ),
    Call(
        "DescribeAutoProvisioningGroupInstances",
        GROUP_OF_TWO,
        {"TotalCount": 2, "Instances.Instance.1.InstanceType": TYPE},
    ),
    ecs(
        "ModifyAutoProvisioningGroup",
        AutoProvisioningGroupId="$group",
        TotalTargetCapacity="1",
        SpotTargetCapacity="1",
        PayAsYouGoTargetCapacity="0",
    ),
    Call("DescribeAutoProvisioningGroupInstances", GROUP_OF_TWO, {"TotalCount": 1}),
    Call(
        "DescribeAutoProvisioningGroupHistory",
        GROUP_OF_TWO,
        {"AutoProvisioningGroupHistories.AutoProvisioningGroupHistory.0.Status": "success"},
    ),
    Call("DeleteAutoProvisioningGroup", {**GROUP_OF_TWO, "TerminateInstances": True}),
    Call(
        "DeleteAutoProvisioningGroup",
        {**GROUP_OF_TWO, "TerminateInstances": True},
        error="InvalidAutoProvisioningGroupId.NotFound",
    ),
)

TEMPLATES = (
    Call(
        "CreateLaunchTemplate",
        {
            "RegionId": REGION,
            "LaunchTemplateName": "conformance",
            "ImageId": IMAGE,
            "InstanceType": TYPE,
            "SecurityGroupId": GROUP,
            "VSwitchId": VSWITCH,
            "SystemDisk": {"Category": "cloud_essd", "Size": 50},
            "InternetMaxBandwidthOut": 5,
        },
        {"LaunchTemplateVersionNumber": 1},
        {"template": "LaunchTemplateId"},
    ),
    Call(
        "CreateLaunchTemplateVersion",
        {"RegionId": REGION, "LaunchTemplateId": "$template", "ImageId": IMAGE, "InstanceType": TYPE},
        {"LaunchTemplateVersionNumber": 2},
    ),
    ecs(
        "DescribeLaunchTemplates",
        {"LaunchTemplateSets.LaunchTemplateSet.0.LatestVersionNumber": 2},
        LaunchTemplateId=["$template"],
    ),
    ecs(
        "DescribeLaunchTemplateVersions",
        {
            "LaunchTemplateVersionSets.LaunchTemplateVersionSet.0.VersionNumber": 1,
            "LaunchTemplateVersionSets.LaunchTemplateVersionSet.0.LaunchTemplateData.SystemDisk.Size": 50,
            "LaunchTemplateVersionSets.LaunchTemplateVersionSet.0.LaunchTemplateData.InternetMaxBandwidthOut": 5,
        },
        LaunchTemplateId="$template",
        LaunchTemplateVersion=[1],
    ),
    ecs("ModifyLaunchTemplateDefaultVersion", LaunchTemplateId="$template", DefaultVersionNumber=2),
    Call(
        "DeleteLaunchTemplateVersion",
        {"RegionId": REGION, "LaunchTemplateId": "$template", "DeleteVersion": [2]},
        error="InvalidOperation.DefaultVersion",
    ),
    ecs("ModifyLaunchTemplateDefaultVersion", LaunchTemplateId="$template", DefaultVersionNumber=1),
    ecs("DeleteLaunchTemplateVersion", LaunchTemplateId="$template", DeleteVersion=[2]),
    *PROVISIONING,
    ecs("DeleteLaunchTemplate", LaunchTemplateId="$template"),
)
CREATED = (
    Call(
        "CreateInstance",
        {
            "RegionId": REGION,
            "ImageId": IMAGE,
            "InstanceType": TYPE,
            "VSwitchId": VSWITCH,
            "SecurityGroupId": GROUP,
            "InstanceName": "plain",
            "UserData": "IyEvYmluL3NoCg==",
            "ClientToken": "conformance-plain",
        },
        gives={"plain": "InstanceId"},
    ),
    ecs("DescribeInstances", {"Instances.Instance.0.Status": "Stopped"}, InstanceIds='["$plain"]'),
    Call("AllocatePublicIpAddress", {"InstanceId": "i-nowhere"}, error="InvalidInstanceId.NotFound"),
    *eip("vpc"),
    *eip("ecs"),
    Call("AllocatePublicIpAddress", {"InstanceId": "$plain"}, {"IpAddress": None}),
    ecs("AttachKeyPair", {"Results.Result.0.Success": "true"}, KeyPairName="conformance", InstanceIds='["$plain"]'),
    Call(
        "DeleteKeyPairs",
        {"RegionId": REGION, "KeyPairNames": '["conformance"]'},
        error="InvalidParameter.KeypairAlreadyAttachedInstance",
    ),
    ecs("DetachKeyPair", {"TotalCount": "1"}, KeyPairName="conformance", InstanceIds='["$plain"]'),
    ecs("DeleteKeyPairs", KeyPairNames='["conformance"]'),
    ecs("AttachInstanceRamRole", {"TotalCount": 1}, RamRoleName="self-destruct", InstanceIds='["$plain"]'),
    ecs(
        "DescribeInstanceRamRole",
        {"InstanceRamRoleSets.InstanceRamRoleSet.0.RamRoleName": "self-destruct"},
        InstanceIds='["$plain"]',
    ),
    ecs("DetachInstanceRamRole", {"TotalCount": 1}, RamRoleName="self-destruct", InstanceIds='["$plain"]'),
    Call("ModifyInstanceAttribute", {"InstanceId": "$plain", "InstanceName": "renamed", "HostName": "host"}),
    Call(
        "DescribeInstanceAttribute",
        {"InstanceId": "$plain"},
        {"InstanceName": "renamed", "HostName": "host", "IoOptimized": "optimized"},
    ),
    ecs("DescribeUserData", {"UserData": "IyEvYmluL3NoCg=="}, InstanceId="$plain"),
    ecs(
        "DescribeInstanceAutoRenewAttribute",
        {"InstanceRenewAttributes.InstanceRenewAttribute.0.InstanceId": "$plain"},
        InstanceId="$plain",
    ),
    ecs(
        "DescribeInstanceMaintenanceAttributes",
        {"MaintenanceAttributes.MaintenanceAttribute.0.ActionOnMaintenance.Value": "AutoRecover"},
        InstanceId=["$plain"],
    ),
    ecs(
        "DescribeInstanceAttachmentAttributes",
        {"Instances.Instance.0.PrivatePoolOptionsMatchCriteria": "None"},
        InstanceIds='["$plain"]',
    ),
    ecs("ModifyInstanceMetadataOptions", InstanceId="$plain", HttpEndpoint="enabled", HttpTokens="required"),
    Call(
        "JoinSecurityGroup", {"InstanceId": "$plain", "SecurityGroupId": GROUP}, error="InvalidInstanceId.AlreadyExists"
    ),
    Call("LeaveSecurityGroup", {"InstanceId": "$plain", "SecurityGroupId": GROUP}, error="InstanceLastSecurityGroup"),
    Call("ModifyInstanceSpec", {"InstanceId": "$plain", "InstanceType": "ecs.c7.xlarge"}),
    Call("DescribeInstanceAttribute", {"InstanceId": "$plain"}, {"InstanceType": "ecs.c7.xlarge"}),
    ecs(
        "CreateDisk",
        {"DiskId": None},
        ZoneId=ZONE,
        Size=20,
        DiskCategory="cloud_essd",
        DiskName="data",
        ClientToken="conformance-disk",
    ),
    Call(
        "DescribeDisks",
        {"RegionId": REGION, "DiskType": "data", "Status": "Available"},
        {"Disks.Disk.0.DiskName": "data"},
        {"disk": "Disks.Disk.0.DiskId"},
    ),
    Call("AttachDisk", {"InstanceId": "$plain", "DiskId": "$disk", "DeleteWithInstance": False}),
    ecs("DescribeDisks", {"Disks.Disk.0.Device": "/dev/xvdb"}, DiskIds='["$disk"]'),
    Call("ModifyDiskAttribute", {"DiskId": "$disk", "Description": "changed"}),
    Call("ResizeDisk", {"DiskId": "$disk", "NewSize": 30}),
    ecs("DescribeDisks", {"Disks.Disk.0.Size": 30, "Disks.Disk.0.Description": "changed"}, DiskIds='["$disk"]'),
    Call("CreateSnapshot", {"DiskId": "$disk", "SnapshotName": "data"}, gives={"copy_of_disk": "SnapshotId"}),
    Call("ModifySnapshotAttribute", {"SnapshotId": "$copy_of_disk", "Description": "changed"}),
    ecs(
        "DescribeSnapshots",
        {"Snapshots.Snapshot.0.Description": "changed", "Snapshots.Snapshot.0.SourceDiskType": "data"},
        SnapshotIds='["$copy_of_disk"]',
    ),
    Call("DeleteSnapshot", {"SnapshotId": "$copy_of_disk"}, wait=600),
    Call("DetachDisk", {"InstanceId": "$plain", "DiskId": "$disk"}),
    Call("DeleteDisk", {"DiskId": "$disk"}),
    Call(
        "CreateNetworkInterface",
        {"RegionId": REGION, "VSwitchId": VSWITCH, "SecurityGroupId": GROUP, "NetworkInterfaceName": "second"},
        {"MacAddress": None, "Status": "Available"},
        {"interface": "NetworkInterfaceId"},
    ),
    ecs("ModifyNetworkInterfaceAttribute", NetworkInterfaceId="$interface", Description="changed"),
    ecs("DescribeNetworkInterfaceAttribute", {"Description": "changed"}, NetworkInterfaceId="$interface"),
    ecs("AttachNetworkInterface", NetworkInterfaceId="$interface", InstanceId="$plain"),
    ecs(
        "DescribeNetworkInterfaces",
        {"NetworkInterfaceSets.NetworkInterfaceSet.0.Status": "InUse", "TotalCount": 2},
        InstanceId="$plain",
    ),
    ecs("DetachNetworkInterface", NetworkInterfaceId="$interface", InstanceId="$plain"),
    ecs("DeleteNetworkInterface", NetworkInterfaceId="$interface"),
    ecs("AddTags", ResourceType="instance", ResourceId="$plain", Tag=[{"Key": "old", "Value": "way"}]),
    ecs("DescribeTags", {"Tags.Tag.0.TagKey": "old"}, ResourceType="instance", ResourceId="$plain"),
    ecs("RemoveTags", ResourceType="instance", ResourceId="$plain", Tag=[{"Key": "old", "Value": "way"}]),
    ecs("DescribeTags", {"TotalCount": 0}, ResourceType="instance", ResourceId="$plain"),
    Call("DeleteInstance", {"InstanceId": "$plain"}),
)
