"""Attributes of instances: described one by one, as Terraform's provider reads them, and changed.

Sources: DescribeInstanceAttribute, ModifyInstanceAttribute, ModifyInstanceSpec and the other actions' pages.
"""

from __future__ import annotations

from msgspec.structs import replace

from local_cloud.actions import launch_checks as checks
from local_cloud.actions.instance_rows import describe
from local_cloud.actions.owned import own, own_instance, require_groups
from local_cloud.actions.paging import listed_ids, page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_description, check_host_name, check_plain_name
from local_cloud.errors import ApiFault, missing, wrong_instance_status
from local_cloud.records import Image, Instance


@action("DescribeInstanceAttribute", regionless=True)
def describe_instance_attribute(call: Call) -> Answer:
    """One instance."""
    row = describe(own_instance(call, call.params.require("InstanceId")), call)
    # This action has the older API's word for it.
    return {**row, "IoOptimized": "optimized", "InternetMaxBandwidthIn": -1, "SerialNumber": "", "VlanId": ""}


@action("ModifyInstanceAttribute", regionless=True)
def modify_instance_attribute(call: Call) -> Answer:
    """Change an instance's name, description, host name, security groups, user data or deletion protection."""
    params = call.params
    instance = own_instance(call, params.require("InstanceId"))
    if params.text("UserData") and instance.status(call.now) != "Stopped":
        raise wrong_instance_status()
    changed = replace(
        instance,
        name=check_plain_name(params.text("InstanceName"), "InstanceName") or instance.name,
        description=check_description(params.text("Description")) or instance.description,
        host_name=check_host_name(params.text("HostName")) or instance.host_name,
        user_data=checks.user_data(call) if params.text("UserData") else instance.user_data,
        security_groups=_groups(call, instance, params.items("SecurityGroupIds")) or instance.security_groups,
        undeletable=params.flag("DeletionProtection", instance.undeletable),
    )
    call.store.put(changed)
    return {}


@action("JoinSecurityGroup", regionless=True)
def join_security_group(call: Call) -> Answer:
    """Put an instance into a security group of its VPC."""
    instance = own_instance(call, call.params.require("InstanceId"))
    groups = _groups(call, instance, [call.params.require("SecurityGroupId")])
    if groups[0] in instance.security_groups:
        raise ApiFault(403, "InvalidInstanceId.AlreadyExists", "The instance is in the security group already.")
    call.store.put(replace(instance, security_groups=(*instance.security_groups, *groups)))
    return {}


@action("LeaveSecurityGroup", regionless=True)
def leave_security_group(call: Call) -> Answer:
    """Take an instance out of a security group; it keeps at least one."""
    instance = own_instance(call, call.params.require("InstanceId"))
    group = call.params.require("SecurityGroupId")
    left = tuple(name for name in instance.security_groups if name != group)
    if not left:
        raise ApiFault(403, "InstanceLastSecurityGroup", "The instance must be in at least one security group.")
    call.store.put(replace(instance, security_groups=left))
    return {}


@action("ModifyInstanceSpec", regionless=True)
def modify_instance_spec(call: Call) -> Answer:
    """Change a stopped instance's type, and the bandwidth of its public address."""
    params = call.params
    instance = own_instance(call, params.require("InstanceId"))
    bandwidth = params.number("InternetMaxBandwidthOut", instance.bandwidth, 0, 200)
    if params.text("InstanceType"):
        if instance.status(call.now) != "Stopped":
            raise wrong_instance_status()
        kind = checks.instance_type(call)
        if kind.architecture != instance.architecture:
            raise ApiFault(403, "ImageNotSupportInstanceType", "The instance's image does not support this type.")
        instance = replace(
            instance, type=kind.id, price=kind.price if instance.strategy == "NoSpot" else instance.price
        )
    call.store.put(replace(instance, bandwidth=bandwidth))
    return {}


@action("ModifyInstanceMetadataOptions")
def modify_instance_metadata_options(call: Call) -> Answer:
    """Change whether an instance's metadata service requires tokens."""
    instance = own_instance(call, call.params.require("InstanceId"))
    tokens = call.params.choice("HttpTokens", ("optional", "required"), instance.http_tokens)
    image = call.store.get(Image, instance.image)
    if tokens == "required" and image and image.imds_support == "v1":
        raise ApiFault(403, "ImageNotSupportHttpTokens", "The specified image does not support HttpTokens=required.")
    call.store.put(replace(instance, http_tokens=tokens))
    return {}


@action("DescribeUserData")
def describe_user_data(call: Call) -> Answer:
    """An instance's user data, in base64."""
    instance = own_instance(call, call.params.require("InstanceId"))
    return {"InstanceId": instance.id, "RegionId": instance.region, "UserData": instance.user_data}


@action("DescribeInstanceRamRole")
def describe_instance_ram_role(call: Call) -> Answer:
    """The instances that have a RAM role, and which."""
    ids = listed_ids(call.params, "InstanceIds")
    wanted = call.params.text("RamRoleName")
    rows = [
        {"InstanceId": instance.id, "RamRoleName": instance.role}
        for instance in own(call, Instance)
        if (ids is None or instance.id in ids) and wanted in ("", instance.role) and (instance.role or ids)
    ]
    shown, paging = page_by_number(call.params, rows)
    return {
        "RegionId": call.region,
        "TotalCount": paging["TotalCount"],
        "InstanceRamRoleSets": {"InstanceRamRoleSet": list(shown)},
    }


@action("AttachInstanceRamRole")
def attach_instance_ram_role(call: Call) -> Answer:
    """Give instances a RAM role; the caller may have to be allowed to pass it (``ram:PassRole``)."""
    role = call.params.require("RamRoleName")
    checks.check_role(call)
    instances = _listed(call)
    if any(instance.role not in ("", role) for instance in instances):
        raise ApiFault(400, "InvalidInstanceRamRole.AlreadyAttached", "The instance has a RAM role already.")
    return _set_role(call, instances, role, "AttachInstanceRamRoleResult")


@action("DetachInstanceRamRole")
def detach_instance_ram_role(call: Call) -> Answer:
    """Take their RAM role from instances."""
    return _set_role(call, _listed(call), "", "DetachInstanceRamRoleResult")


@action("DescribeInstanceAutoRenewAttribute")
def describe_instance_auto_renew_attribute(call: Call) -> Answer:
    """Whether instances are renewed: pay-as-you-go instances are not."""
    row = {"AutoRenewEnabled": False, "Duration": 0, "PeriodUnit": "Month", "RenewalStatus": "Normal"}
    return _rows(call, call.params.text("InstanceId").split(","), "InstanceRenewAttribute", row)


@action("DescribeInstanceMaintenanceAttributes")
def describe_instance_maintenance_attributes(call: Call) -> Answer:
    """What happens to instances in a maintenance: what the API has as its default."""
    row = {
        "ActionOnMaintenance": {
            "Value": "AutoRecover",
            "DefaultValue": "AutoRecover",
            "SupportedValues": {"SupportedValue": ["Stop", "AutoRecover", "AutoRedeploy"]},
        },
        "MaintenanceWindows": {"MaintenanceWindow": []},
        "NotifyOnMaintenance": False,
    }
    return _rows(call, call.params.items("InstanceId"), "MaintenanceAttribute", row)


@action("DescribeInstanceAttachmentAttributes")
def describe_instance_attachment_attributes(call: Call) -> Answer:
    """The private pools of instances: none."""
    ids = listed_ids(call.params, "InstanceIds") or set()
    row = {"PrivatePoolOptionsMatchCriteria": "None", "PrivatePoolOptionsId": ""}
    return _rows(call, sorted(ids), "Instance", row)


def _rows(call: Call, ids: list[str], name: str, row: Answer) -> Answer:
    wanted = {instance_id for instance_id in ids if instance_id}
    found = [instance for instance in own(call, Instance) if not wanted or instance.id in wanted]
    shown, paging = page_by_number(call.params, found)
    return {**paging, f"{name}s": {name: [{"InstanceId": instance.id, **row} for instance in shown]}}


def _listed(call: Call) -> list[Instance]:
    ids = listed_ids(call.params, "InstanceIds")
    if not ids:
        raise missing("InstanceIds")
    return [own_instance(call, instance_id) for instance_id in sorted(ids)]


def _set_role(call: Call, instances: list[Instance], role: str, name: str) -> Answer:
    call.store.put(*(replace(instance, role=role) for instance in instances))
    rows = [{"InstanceId": instance.id, "Code": "200", "Message": "success", "Success": True} for instance in instances]
    return {
        "RamRoleName": call.params.text("RamRoleName"),
        "TotalCount": len(rows),
        "FailCount": 0,
        f"{name}s": {name: rows},
    }


def _groups(call: Call, instance: Instance, names: list[str]) -> tuple[str, ...]:
    mismatch = ApiFault(403, "InvalidSecurityGroupId.NotInVpc", "The security group is not in the instance's VPC.")
    return require_groups(call, names, region=instance.region, vpc=instance.vpc, mismatch=mismatch)
