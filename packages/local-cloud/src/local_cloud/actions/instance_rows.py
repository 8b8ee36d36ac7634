"""An instance as the API describes it."""

from __future__ import annotations

from local_cloud.actions.eips import address_of
from local_cloud.actions.network_interfaces import interface_rows
from local_cloud.actions.registry import Answer, Call
from local_cloud.actions.rules import tag_rows
from local_cloud.clock import iso
from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.lifecycle import noticed
from local_cloud.market import NEVER
from local_cloud.records import Image, Instance

NETWORK = "vpc"


def family(instance: Instance) -> str:
    """Return the family of its type."""
    kind = INSTANCE_TYPES.get(instance.type)
    return kind.family if kind else ""


def describe(instance: Instance, call: Call) -> Answer:
    """Return an instance as ``DescribeInstances`` has it."""
    kind = INSTANCE_TYPES.get(instance.type)
    locks = [{"LockReason": "Recycling", "LockMsg": ""}] if noticed(instance, call.now) else []
    image = call.view.get(Image, instance.image)
    return {
        "InstanceId": instance.id,
        "InstanceName": instance.name,
        "Description": instance.description,
        "ImageId": instance.image,
        "InstanceType": instance.type,
        "InstanceTypeFamily": family(instance),
        "Cpu": kind.cpus if kind else 0,
        "Memory": int(kind.memory * 1024) if kind else 0,
        "Status": instance.status(call.now),
        "RegionId": instance.region,
        "ZoneId": instance.zone,
        "HostName": instance.host_name or instance.id.replace("-", "Z", 1),
        "CreationTime": iso(instance.created)[:-4] + "Z",
        "StartTime": iso(instance.started or instance.created)[:-4] + "Z",
        "AutoReleaseTime": "" if instance.auto_release == NEVER else iso(instance.auto_release)[:-4] + "Z",
        "InstanceChargeType": "PostPaid",
        "InstanceNetworkType": NETWORK,
        "InternetChargeType": instance.internet_charge,
        "InternetMaxBandwidthIn": instance.bandwidth_in,
        "InternetMaxBandwidthOut": instance.bandwidth,
        "OSType": "linux",
        "OSName": image.os_name if image else "",
        "KeyPairName": instance.key_pair,
        "SpotStrategy": instance.strategy,
        "SpotPriceLimit": instance.limit if instance.strategy == "SpotWithPriceLimit" else 0.0,
        "SpotDuration": int(instance.protected),
        "SpotInterruptionBehavior": instance.behavior,
        "StoppedMode": "Not-applicable"
        if instance.state == "Running"
        else "StopCharging"
        if instance.saves
        else "KeepCharging",
        "DeletionProtection": instance.undeletable,
        "IoOptimized": True,
        "VpcAttributes": {
            "VpcId": instance.vpc,
            "VSwitchId": instance.vswitch,
            "NatIpAddress": "",
            "PrivateIpAddress": {"IpAddress": [instance.ip] if instance.ip else []},
        },
        "PublicIpAddress": {"IpAddress": [instance.public_ip] if instance.public_ip else []},
        "EipAddress": _eip(call, instance),
        "NetworkInterfaces": {"NetworkInterface": interface_rows(call, instance)},
        "SecurityGroupIds": {"SecurityGroupId": list(instance.security_groups)},
        "MetadataOptions": {"HttpEndpoint": "enabled", "HttpTokens": instance.http_tokens},
        "OperationLocks": {"LockReason": locks},
        "Tags": tag_rows(instance.tags),
    }


def _eip(call: Call, instance: Instance) -> Answer:
    address = address_of(call.view, instance.id)
    if address is None:
        return {"AllocationId": "", "IpAddress": "", "InternetChargeType": ""}
    return {
        "AllocationId": address.id,
        "IpAddress": address.ip,
        "Bandwidth": int(address.bandwidth),
        "InternetChargeType": address.charge,
        "IsSupportUnassociate": True,
    }
