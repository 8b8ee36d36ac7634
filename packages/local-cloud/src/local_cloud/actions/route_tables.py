"""The route tables of VPCs: each has one, with the routes that the cloud itself adds."""

from __future__ import annotations

from local_cloud.actions.filters import Tests, by_words, passes
from local_cloud.actions.owned import own
from local_cloud.actions.paging import page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.vpcs import router_id, table_id
from local_cloud.clock import iso
from local_cloud.records import Network, VSwitch


@action("DescribeRouteTableList", "vpc")
def describe_route_table_list(call: Call) -> Answer:
    """The route tables, with what they belong to."""
    shown, paging = page_by_number(call.params, _found(call), most=50)
    rows = [
        {
            "RouteTableId": table_id(vpc.id),
            "RouteTableName": "",
            "RouteTableType": "System",
            "RouterType": "VRouter",
            "RouterId": router_id(vpc),
            "VpcId": vpc.id,
            "AssociateType": "VSwitch",
            "Status": "Available",
            "Description": "",
            "OwnerId": int(vpc.owner),
            "ResourceGroupId": "",
            "CreationTime": iso(vpc.created),
            "VSwitchIds": {"VSwitchId": [vswitch.id for vswitch in _vswitches(call, vpc)]},
            "GatewayIds": {"GatewayIds": []},
            "Tags": {"Tag": []},
        }
        for vpc in shown
    ]
    return {**paging, "RouterTableList": {"RouterTableListType": rows}}


@action("DescribeRouteTables", "vpc")
@action("DescribeRouteTables")
def describe_route_tables(call: Call) -> Answer:
    """The route tables with their routes: one for each vSwitch, and the cloud's own services."""
    shown, paging = page_by_number(call.params, _found(call), most=50)
    rows = [
        {
            "RouteTableId": table_id(vpc.id),
            "RouteTableType": "System",
            "VRouterId": router_id(vpc),
            "Status": "Available",
            "ResourceGroupId": "",
            "CreationTime": iso(vpc.created),
            "VSwitchIds": {"VSwitchId": [vswitch.id for vswitch in _vswitches(call, vpc)]},
            "RouteEntrys": {"RouteEntry": _routes(call, vpc)},
        }
        for vpc in shown
    ]
    return {**paging, "RouteTables": {"RouteTable": rows}}


def _found(call: Call) -> list[Network]:
    tests: Tests[Network] = by_words(
        call.params,
        {
            "RouteTableId": lambda vpc: table_id(vpc.id),
            "VpcId": lambda vpc: vpc.id,
            "RouterId": router_id,
            "VRouterId": router_id,
            "RouterType": lambda _: "VRouter",
            "RouteTableType": lambda _: "System",
            "RouteTableName": lambda _: "",
        },
    )
    if call.params.pairs("Tag"):  # of route tables, which have none here
        return []
    return [vpc for vpc in own(call, Network) if passes(vpc, tests)]


def _vswitches(call: Call, vpc: Network) -> list[VSwitch]:
    return [vswitch for vswitch in call.view.all(VSwitch) if vswitch.vpc == vpc.id]


def _routes(call: Call, vpc: Network) -> list[Answer]:
    blocks = [*(vswitch.cidr for vswitch in _vswitches(call, vpc)), "100.64.0.0/10"]
    return [
        {
            "RouteTableId": table_id(vpc.id),
            "RouteEntryId": "",
            "RouteEntryName": "",
            "Description": "Created with VSwitch by system."
            if block != "100.64.0.0/10"
            else "Created by cloud service.",
            "DestinationCidrBlock": block,
            "Type": "System",
            "Status": "Available",
            "InstanceId": "",
            "NextHopType": "local" if block != "100.64.0.0/10" else "service",
            "NextHops": {"NextHop": []},
        }
        for block in blocks
    ]
