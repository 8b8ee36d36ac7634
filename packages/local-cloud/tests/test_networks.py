"""VPCs, vSwitches and security groups beyond the table of calls: defaults, refusals, rules."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as VpcClient
from tests.conftest import REGION, Running

from local_cloud import seed
from local_cloud.records import Instance
from sdk import config, ecs, refused

TYPE = "ecs.c7.2xlarge"


@pytest.fixture
def stocked(live: Running) -> Running:
    return live.always_in_stock(3)


def vpcs(live: Running) -> Any:
    return VpcClient(config(live))


def create_vpc(live: Running, cidr: str = "10.8.0.0/16") -> str:
    request = vpc_models.CreateVpcRequest(region_id=REGION, cidr_block=cidr)
    return str(vpcs(live).create_vpc(request).body.vpc_id)


def create_group(live: Running, vpc: str) -> str:
    return str(
        ecs(live)
        .create_security_group(models.CreateSecurityGroupRequest(region_id=REGION, vpc_id=vpc))
        .body.security_group_id
    )


def launch(live: Running, **more: Any) -> str:
    request = models.RunInstancesRequest(region_id=REGION, image_id=live.image("fam"), instance_type=TYPE, **more)
    return str(ecs(live).run_instances(request).body.instance_id_sets.instance_id_set[0])


def test_a_launch_without_a_vswitch_uses_the_default_vpc(stocked: Running) -> None:
    """Packer's templates name none; ECS makes the default VPC and its vSwitch."""
    zone = "cn-hangzhou-k"
    request = vpc_models.DescribeVpcsRequest(region_id=REGION, is_default=True)
    assert vpcs(stocked).describe_vpcs(request).body.vpcs.vpc == []
    with pytest.raises(Exception, match="SecurityGroupId"):
        launch(stocked, zone_id=zone)
    vpcs(stocked).create_default_vpc(vpc_models.CreateDefaultVpcRequest(region_id=REGION))
    (default,) = vpcs(stocked).describe_vpcs(request).body.vpcs.vpc
    group = create_group(stocked, default.vpc_id)
    made = [launch(stocked, zone_id=zone, security_group_id=group) for _ in range(2)]
    instances = [stocked.cloud.store.get(Instance, one) for one in made]
    assert {one.vpc for one in instances if one} == {default.vpc_id}
    assert len({one.vswitch for one in instances if one}) == 1
    assert {one.zone for one in instances if one} == {zone}
    assert refused(lambda: launch(stocked, zone_id="cn-nowhere-a", security_group_id=group)) == (
        404,
        "InvalidZoneId.NotFound",
    )


def test_tags_of_what_is_made_are_no_filter_for_what_exists(stocked: Running) -> None:
    zone, request = "cn-hangzhou-k", vpc_models.CreateDefaultVpcRequest(region_id=REGION)
    default = vpcs(stocked).create_default_vpc(request).body.vpc_id
    group = create_group(stocked, default)
    tag = [models.RunInstancesRequestTag(key="ManagedBy", value="goldrun")]
    made = launch(stocked, zone_id=zone, security_group_id=group, tag=tag)
    instance = stocked.cloud.store.get(Instance, made)
    assert instance
    assert instance.vpc == default


def test_a_size_of_zero_is_as_if_it_were_not_given(stocked: Running) -> None:
    zone = "cn-hangzhou-k"
    made = launch(
        stocked,
        v_switch_id=f"vsw-local-{zone}",
        security_group_id=f"sg-local-{REGION}",
        system_disk=models.RunInstancesRequestSystemDisk(size="0"),
    )
    instance = stocked.cloud.store.get(Instance, made)
    assert instance
    assert instance.disk_size == 40


@pytest.mark.parametrize("cidr", ["10.8.0.0", "10.8.0.1/16", "8.8.0.0/16", "10.0.0.0/7", "10.0.0.0/29", "words"])
def test_wrong_blocks_of_addresses(live: Running, cidr: str) -> None:
    status, code = refused(lambda: create_vpc(live, cidr))
    assert (status, code) in ((400, "InvalidCidrBlock"), (400, "InvalidCidrBlock.Malformed"), (400, "InvalidParameter"))
    assert create_vpc(live)


@pytest.mark.parametrize("cidr", ["10.9.0.0/24", "10.8.0.0/15", "10.8.0.0/30"])
def test_a_vswitch_lies_within_its_vpc(live: Running, cidr: str) -> None:
    vpc = create_vpc(live)
    request = vpc_models.CreateVSwitchRequest(vpc_id=vpc, zone_id="cn-hangzhou-k", cidr_block=cidr)
    status, code = refused(lambda: vpcs(live).create_vswitch(request))
    assert status == 400
    assert code.startswith("InvalidCidrBlock")


def test_a_vswitch_and_a_group_in_use_stay(stocked: Running) -> None:
    vpc = create_vpc(stocked)
    request = vpc_models.CreateVSwitchRequest(vpc_id=vpc, zone_id="cn-hangzhou-k", cidr_block="10.8.1.0/24")
    vswitch = vpcs(stocked).create_vswitch(request).body.v_switch_id
    group = create_group(stocked, vpc)
    instance = launch(stocked, v_switch_id=vswitch, security_group_id=group)

    def drop_vswitch() -> object:
        return vpcs(stocked).delete_vswitch(vpc_models.DeleteVSwitchRequest(v_switch_id=vswitch))

    def drop_group() -> object:
        return ecs(stocked).delete_security_group(
            models.DeleteSecurityGroupRequest(region_id=REGION, security_group_id=group)
        )

    assert refused(drop_vswitch)[1].startswith("DependencyViolation")
    assert refused(drop_group) == (403, "DependencyViolation")
    ecs(stocked).delete_instance(models.DeleteInstanceRequest(instance_id=instance, force=True))
    stocked.cloud.clock.advance(300)
    drop_vswitch()
    drop_group()
    vpcs(stocked).delete_vpc(vpc_models.DeleteVpcRequest(vpc_id=vpc))


def test_networks_of_others_are_out_of_reach(live: Running) -> None:
    vpc, group = create_vpc(live), create_group(live, f"vpc-local-{REGION}")
    stranger = VpcClient(config(live, access_key_id=seed.OTHER_KEY.id, access_key_secret=seed.OTHER_KEY.secret))
    deletion = vpc_models.DeleteVpcRequest(vpc_id=vpc)
    assert refused(lambda: stranger.delete_vpc(deletion)) == (404, "InvalidVpcId.NotFound")
    theirs = ecs(live, access_key_id=seed.OTHER_KEY.id, access_key_secret=seed.OTHER_KEY.secret)
    request = models.DeleteSecurityGroupRequest(region_id=REGION, security_group_id=group)
    assert refused(lambda: theirs.delete_security_group(request)) == (404, "InvalidSecurityGroupId.NotFound")


def test_what_terraform_reads(live: Running) -> None:
    """Its provider panics where one of these members is missing."""
    create_vpc(live)
    shown = vpcs(live).describe_vpcs(vpc_models.DescribeVpcsRequest(region_id=REGION)).body.vpcs.vpc[0]
    assert shown.secondary_cidr_blocks is not None
    switches = vpcs(live).describe_vswitches(vpc_models.DescribeVSwitchesRequest(region_id=REGION)).body
    assert switches.v_switches.v_switch[0].route_table.route_table_type == "System"
    zones = ecs(live).describe_zones(models.DescribeZonesRequest(region_id=REGION)).body.zones.zone
    assert TYPE in {kind for zone in zones for kind in zone.available_instance_types.instance_types}


def test_route_tables_have_no_tags_whatever_tags_their_vpcs_have(live: Running) -> None:
    tag = vpc_models.CreateVpcRequestTag(key="by", value="me")
    vpcs(live).create_vpc(vpc_models.CreateVpcRequest(region_id=REGION, tag=[tag]))
    wanted = vpc_models.DescribeRouteTableListRequestTag(key="by", value="me")
    request = vpc_models.DescribeRouteTableListRequest(region_id=REGION, tag=[wanted])
    assert vpcs(live).describe_route_table_list(request).body.total_count == 0
