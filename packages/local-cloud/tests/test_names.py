"""The names, host names and descriptions that the API's pages allow, and the codes of those that they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as VpcClient
from tests.conftest import REGION, Running

from local_cloud.actions.rules import check_host_name, check_plain_name
from local_cloud.errors import ApiFault
from local_cloud.records import Instance
from sdk import config, ecs, refused

ZONE = "cn-hangzhou-k"
VSWITCH, GROUP, VPC = f"vsw-local-{ZONE}", f"sg-local-{REGION}", f"vpc-local-{REGION}"
INSTANCE, DISK = "i-localrunner000001", "d-localrunner000001"
URL = "http://example.com"


def launch(live: Running, **fields: Any) -> str:
    request = models.RunInstancesRequest(
        region_id=REGION,
        image_id="m-localnewamd64",
        instance_type="ecs.c7.large",
        v_switch_id=VSWITCH,
        security_group_id=GROUP,
        **fields,
    )
    return str(ecs(live).run_instances(request).body.instance_id_sets.instance_id_set[0])


def system_disk(live: Running, **fields: Any) -> object:
    return launch(live, system_disk=models.RunInstancesRequestSystemDisk(category="cloud_essd", **fields))


def data_disk(live: Running, **fields: Any) -> object:
    return launch(live, data_disk=[models.RunInstancesRequestDataDisk(size=20, **fields)])


def modify_instance(live: Running, **fields: Any) -> object:
    return ecs(live).modify_instance_attribute(models.ModifyInstanceAttributeRequest(instance_id=INSTANCE, **fields))


def create_group(live: Running, **fields: Any) -> object:
    return ecs(live).create_security_group(models.CreateSecurityGroupRequest(region_id=REGION, vpc_id=VPC, **fields))


def modify_group(live: Running, **fields: Any) -> object:
    return ecs(live).modify_security_group_attribute(
        models.ModifySecurityGroupAttributeRequest(region_id=REGION, security_group_id=GROUP, **fields)
    )


def create_snapshot(live: Running, **fields: Any) -> Any:
    return ecs(live).create_snapshot(models.CreateSnapshotRequest(disk_id=DISK, **fields)).body.snapshot_id


def modify_snapshot(live: Running, **fields: Any) -> object:
    request = models.ModifySnapshotAttributeRequest(snapshot_id=create_snapshot(live), **fields)
    return ecs(live).modify_snapshot_attribute(request)


def create_disk(live: Running, **fields: Any) -> object:
    return ecs(live).create_disk(models.CreateDiskRequest(region_id=REGION, zone_id=ZONE, size=20, **fields))


def modify_disk(live: Running, **fields: Any) -> object:
    return ecs(live).modify_disk_attribute(models.ModifyDiskAttributeRequest(disk_id=DISK, **fields))


def create_interface(live: Running, **fields: Any) -> Any:
    request = models.CreateNetworkInterfaceRequest(
        region_id=REGION, v_switch_id=VSWITCH, security_group_id=GROUP, **fields
    )
    return ecs(live).create_network_interface(request).body.network_interface_id


def modify_interface(live: Running, **fields: Any) -> object:
    request = models.ModifyNetworkInterfaceAttributeRequest(
        region_id=REGION, network_interface_id=create_interface(live), **fields
    )
    return ecs(live).modify_network_interface_attribute(request)


def create_template(live: Running, launch_template_name: str = "template", **fields: Any) -> object:
    return ecs(live).create_launch_template(
        models.CreateLaunchTemplateRequest(region_id=REGION, launch_template_name=launch_template_name, **fields)
    )


def create_provisioning_group(live: Running, **fields: Any) -> object:
    return ecs(live).create_auto_provisioning_group(
        models.CreateAutoProvisioningGroupRequest(region_id=REGION, total_target_capacity="1", **fields)
    )


def create_vpc(live: Running, **fields: Any) -> object:
    return VpcClient(config(live)).create_vpc(vpc_models.CreateVpcRequest(region_id=REGION, **fields))


def modify_vpc(live: Running, **fields: Any) -> object:
    return VpcClient(config(live)).modify_vpc_attribute(vpc_models.ModifyVpcAttributeRequest(vpc_id=VPC, **fields))


def create_vswitch(live: Running, **fields: Any) -> object:
    request = vpc_models.CreateVSwitchRequest(vpc_id=VPC, zone_id=ZONE, cidr_block="172.31.240.0/24", **fields)
    return VpcClient(config(live)).create_vswitch(request)


def modify_vswitch(live: Running, **fields: Any) -> object:
    return VpcClient(config(live)).modify_vswitch_attribute(
        vpc_models.ModifyVSwitchAttributeRequest(v_switch_id=VSWITCH, **fields)
    )


def create_gateway(live: Running, **fields: Any) -> object:
    request = vpc_models.CreateNatGatewayRequest(
        region_id=REGION, vpc_id=VPC, v_switch_id=VSWITCH, nat_type="Enhanced", **fields
    )
    return VpcClient(config(live)).create_nat_gateway(request)


REFUSED: tuple[tuple[Callable[..., object], dict[str, Any], tuple[int, str]], ...] = (
    *(
        (call, {"instance_name": name}, (400, "InvalidInstanceName.Malformed"))
        for call in (launch, modify_instance)
        for name in ("x", "a" * 129, "a b", URL)
    ),
    (modify_instance, {"instance_name": "1abc"}, (400, "InvalidInstanceName.Malformed")),
    *(
        (call, {"host_name": name}, (400, "InvalidHostName.Malformed"))
        for call in (launch, modify_instance, create_template)
        for name in ("-web", "web..1")
    ),
    *(
        (call, {"description": text}, (400, "InvalidDescription.Malformed"))
        for call in (launch, modify_instance, create_group, create_disk, modify_disk)
        for text in ("x", "a" * 257, URL)
    ),
    *(
        (call, {"disk_name": "x"}, (400, "InvalidDiskName.Malformed"))
        for call in (system_disk, data_disk, create_disk, modify_disk)
    ),
    (create_disk, {"disk_name": "1abc"}, (400, "InvalidDiskName.Malformed")),
    *((call, {"description": URL}, (400, "InvalidDiskDescription.Malformed")) for call in (system_disk, data_disk)),
    *(
        (call, {"security_group_name": name}, (400, "InvalidSecurityGroupName.Malformed"))
        for call in (create_group, modify_group)
        for name in ("x", "1abc", URL, "a" * 129)
    ),
    (modify_group, {"description": URL}, (400, "InvalidSecurityGroupDiscription.Malformed")),
    *(
        (call, {"snapshot_name": name}, (400, "InvalidSnapshotName.Malformed"))
        for call in (create_snapshot, modify_snapshot)
        for name in ("x", "auto-daily", URL)
    ),
    *(
        (call, {"description": URL}, (404, "InvalidDescription.Malformed"))
        for call in (create_snapshot, modify_snapshot)
    ),
    *(
        (call, {"retention_days": days}, (400, "InvalidRetentionDays.Malformed"))
        for call in (create_snapshot, modify_snapshot)
        for days in (0, 65_537)
    ),
    *(
        (call, fields, (400, "InvalidParameter"))
        for call in (create_interface, modify_interface)
        for fields in ({"network_interface_name": "x"}, {"description": URL})
    ),
    (create_template, {"launch_template_name": "1abc"}, (400, "InvalidLaunchTemplateName.Malformed")),
    (create_template, {"version_description": "x"}, (400, "InvalidDescription.Malformed")),
    (
        create_provisioning_group,
        {"auto_provisioning_group_name": "x"},
        (400, "InvalidAutoProvisioningGroupName.Malformed"),
    ),
    *((call, {"vpc_name": URL}, (400, "InvalidVpcName.Malformed")) for call in (create_vpc, modify_vpc)),
    *((call, {"description": URL}, (400, "InvalidVpcDiscription.Malformed")) for call in (create_vpc, modify_vpc)),
    *(
        (call, {"v_switch_name": "a" * 129}, (400, "InvalidVSwitchName.Malformed"))
        for call in (create_vswitch, modify_vswitch)
    ),
    *(
        (call, {"description": "a" * 257}, (400, "InvalidVSwitchDiscription.Malformed"))
        for call in (create_vswitch, modify_vswitch)
    ),
    (create_gateway, {"name": "1abc"}, (400, "InvalidNatGatewayName.MalFormed")),
    (create_gateway, {"description": "x"}, (400, "InvalidNatGatewayDescription.MalFormed")),
)


@pytest.mark.parametrize(
    ("call", "fields", "answer"), REFUSED, ids=[f"{one[0].__name__} {str(one[1])[:40]}" for one in REFUSED]
)
def test_what_is_wrongly_formed_is_refused(
    populated: Running, call: Callable[..., object], fields: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert refused(lambda: call(populated, **fields)) == answer


@pytest.mark.parametrize("name", ["", "ab", "测试", "Ünal", "a:b_c.d-e", "a" * 128])
def test_a_name_starts_with_a_letter_of_any_script(name: str) -> None:
    assert check_plain_name(name, "DiskName") == name


@pytest.mark.parametrize("name", ["", "ab", "123", "web-1.example.com", "a" * 64])
def test_host_names_that_are_valid(name: str) -> None:
    assert check_host_name(name) == name


@pytest.mark.parametrize("name", ["k8s-${instance_id}", "web[1,4]-x"])
def test_only_hosts_of_a_launch_are_named_by_a_pattern(name: str) -> None:
    assert check_host_name(name, pattern=True) == name
    with pytest.raises(ApiFault):
        check_host_name(name)


@pytest.mark.parametrize("name", ["a", "a" * 65, "web-", ".web", "web--1", "web_1", "wéb", "web/1", "web\n"])
def test_host_names_that_are_not(name: str) -> None:
    with pytest.raises(ApiFault, match=r"InvalidHostName\.Malformed"):
        check_host_name(name)


def test_names_of_several_instances_may_have_a_sequence(populated: Running) -> None:
    made = populated.cloud.store.get(Instance, launch(populated, instance_name="1-node-[1,4]", host_name="node[1,4]"))
    assert made


def test_an_empty_change_changes_nothing(populated: Running) -> None:
    before = populated.cloud.store.get(Instance, INSTANCE)
    modify_instance(populated, instance_name="", host_name="", description="")
    assert populated.cloud.store.get(Instance, INSTANCE) == before


def test_a_changed_description_of_a_snapshot_may_be_one_character(populated: Running) -> None:
    modify_snapshot(populated, description="x")
    assert refused(lambda: create_snapshot(populated, description="x")) == (404, "InvalidDescription.Malformed")
