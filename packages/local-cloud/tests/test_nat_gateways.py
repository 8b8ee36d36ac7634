"""NAT gateways from creation to deletion, by the official SDK, with what they refuse."""

from __future__ import annotations

from typing import Any

from alibabacloud_vpc20160428 import models
from alibabacloud_vpc20160428.client import Client as VpcClient
from tests.conftest import REGION, Running

from local_cloud.actions.nat_gateways import CREATE_SECONDS
from sdk import config, refused


def test_a_way_out_for_a_vswitch(live: Running) -> None:
    vpc: Any = VpcClient(config(live))
    made = vpc.create_vpc(models.CreateVpcRequest(region_id=REGION, cidr_block="10.8.0.0/16")).body.vpc_id
    vswitch = vpc.create_vswitch(
        models.CreateVSwitchRequest(vpc_id=made, zone_id="cn-hangzhou-k", cidr_block="10.8.1.0/24")
    ).body.v_switch_id
    request = models.CreateNatGatewayRequest(region_id=REGION, vpc_id=made, v_switch_id=vswitch, nat_type="Enhanced")
    gateway = vpc.create_nat_gateway(request).body
    nat, table = gateway.nat_gateway_id, gateway.snat_table_ids.snat_table_id[0]

    def status() -> str:
        found = vpc.describe_nat_gateways(models.DescribeNatGatewaysRequest(region_id=REGION, nat_gateway_id=nat))
        return str(found.body.nat_gateways.nat_gateway[0].status)

    assert status() == "Creating"
    live.cloud.clock.advance(CREATE_SECONDS + 1)
    assert status() == "Available"
    address = vpc.allocate_eip_address(models.AllocateEipAddressRequest(region_id=REGION)).body

    def entry(ip: str) -> Any:
        request = models.CreateSnatEntryRequest(
            region_id=REGION, snat_table_id=table, source_vswitch_id=vswitch, snat_ip=ip
        )
        return vpc.create_snat_entry(request).body.snat_entry_id

    assert refused(lambda: entry(address.eip_address))[1] == "InvalidSnatIp.NotFound"
    bind = models.AssociateEipAddressRequest(
        region_id=REGION, allocation_id=address.allocation_id, instance_id=nat, instance_type="Nat"
    )
    vpc.associate_eip_address(bind)
    made_entry = entry(address.eip_address)
    assert refused(lambda: entry(address.eip_address))[1] == "Forbidden.SourceCIDR.Duplicated"
    listed = vpc.describe_snat_table_entries(
        models.DescribeSnatTableEntriesRequest(region_id=REGION, snat_table_id=table)
    ).body.snat_table_entries.snat_table_entry
    assert [(one.snat_entry_id, one.source_cidr) for one in listed] == [(made_entry, "10.8.1.0/24")]

    delete_nat = models.DeleteNatGatewayRequest(region_id=REGION, nat_gateway_id=nat)
    unbind = models.UnassociateEipAddressRequest(
        region_id=REGION, allocation_id=address.allocation_id, instance_id=nat, instance_type="Nat"
    )
    assert refused(lambda: vpc.delete_nat_gateway(delete_nat))[1] == "DependencyViolation.SnatTable"
    assert refused(lambda: vpc.unassociate_eip_address(unbind))[1] == "OperationFailed.EipInSnatEntry"
    assert (
        refused(lambda: vpc.delete_vswitch(models.DeleteVSwitchRequest(v_switch_id=vswitch)))[1]
        == "DependencyViolation.NetworkInterface"
    )
    vpc.delete_snat_entry(
        models.DeleteSnatEntryRequest(region_id=REGION, snat_table_id=table, snat_entry_id=made_entry)
    )
    assert refused(lambda: vpc.delete_nat_gateway(delete_nat))[1] == "DependencyViolation.EIPS"
    vpc.unassociate_eip_address(unbind)
    vpc.delete_nat_gateway(delete_nat)
    vpc.release_eip_address(models.ReleaseEipAddressRequest(region_id=REGION, allocation_id=address.allocation_id))
    vpc.delete_vswitch(models.DeleteVSwitchRequest(v_switch_id=vswitch))
    vpc.delete_vpc(models.DeleteVpcRequest(vpc_id=made))
