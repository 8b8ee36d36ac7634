"""Elastic IP addresses (EIPs), and public addresses of instances.

Both the VPC API and ECS's own, older actions do this. Sources: AllocateEipAddress, AssociateEipAddress and the other
actions' pages of the VPC API, with their error tables.
"""

from __future__ import annotations

import ipaddress

from msgspec.structs import replace

from local_cloud.actions.filters import Tests, by_words, passes
from local_cloud.actions.owned import listed, own_instance, require_own
from local_cloud.actions.paging import page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault
from local_cloud.records import Eip, Instance, NatGateway, NetworkInterface, SnatEntry
from local_cloud.store import Store, View

# Addresses that exist nowhere (RFC 5737).
PUBLIC = tuple(
    str(address) for block in ("203.0.113.0/24", "198.51.100.0/24") for address in ipaddress.ip_network(block).hosts()
)
# Public addresses of virtual machines: loopback addresses of this computer.
LOOPBACK = tuple(str(address) for address in ipaddress.ip_network("127.84.0.0/23").hosts())


@action("AllocateEipAddress", "vpc", idempotent=True)
@action("AllocateEipAddress", idempotent=True)
def allocate_eip_address(call: Call) -> Answer:
    """Allocate an EIP."""
    params = call.params
    address = Eip(
        id=call.new_id("eip-"),
        region=call.region,
        owner=call.account,
        name=params.text("Name"),
        description=params.text("Description"),
        created=call.now,
        tags=check_tags(params.pairs("Tag")),
        ip=free_public_addresses(call.store, 1)[0],
        bandwidth=str(params.number("Bandwidth", 5, 1, 1000)),
        charge=params.choice("InternetChargeType", ("PayByBandwidth", "PayByTraffic"), "PayByBandwidth"),
    )
    call.store.put(address)
    return {"AllocationId": address.id, "EipAddress": address.ip, "ResourceGroupId": "", "OrderId": 0}


@action("DescribeEipAddresses", "vpc")
@action("DescribeEipAddresses")
def describe_eip_addresses(call: Call) -> Answer:
    """The EIPs by id, address, what has them, and status."""
    params = call.params
    ids = [word for word in params.text("AllocationId").split(",") if word]
    tests: Tests[Eip] = by_words(
        params,
        {
            "EipAddress": lambda address: address.ip,
            "EipName": lambda address: address.name,
            "AssociatedInstanceId": lambda address: address.bound_to,
            "AssociatedInstanceType": _holder,
            "Status": _status,
            "ChargeType": lambda _: "PostPaid",
            "ISP": lambda _: "BGP",
        },
    )
    found = [address for address in listed(call, Eip) if (not ids or address.id in ids) and passes(address, tests)]
    shown, paging = page_by_number(params, found)
    return {**paging, "EipAddresses": {"EipAddress": [_describe(address) for address in shown]}}


@action("AssociateEipAddress", "vpc", regionless=True)
@action("AssociateEipAddress", regionless=True)
def associate_eip_address(call: Call) -> Answer:
    """Bind an EIP to an instance without a public address, to a network interface, or to a NAT gateway."""
    address, target = _address(call), call.params.require("InstanceId")
    if address.bound_to == target:
        return {}
    if address.bound_to:
        raise ApiFault(400, "IncorrectEipStatus", "Current elastic IP status does not support this operation.")
    kind = call.params.choice("InstanceType", ("EcsInstance", "NetworkInterface", "Nat"), "EcsInstance")
    if kind == "EcsInstance":
        instance = own_instance(call, target)
        if instance.public_ip or any(other.bound_to == target for other in call.store.all(Eip)):
            raise ApiFault(400, "InstanceAlreadyHasEip", "The instance has a public IP address already.")
    else:
        fault = ApiFault(404, "InvalidInstance.NotExist", "The specified instance does not exist.")
        require_own(call, NatGateway if kind == "Nat" else NetworkInterface, target, fault)
    call.store.put(replace(address, bound_to=target))
    return {}


@action("UnassociateEipAddress", "vpc", regionless=True)
@action("UnassociateEipAddress", regionless=True)
def unassociate_eip_address(call: Call) -> Answer:
    """Release an EIP from what has it; a NAT gateway's that an SNAT entry uses stays."""
    address = _address(call)
    if any(entry.ip == address.ip for entry in call.store.all(SnatEntry)):
        raise ApiFault(400, "OperationFailed.EipInSnatEntry", "The EIP is used by an SNAT entry.")
    call.store.put(replace(address, bound_to=""))
    return {}


@action("ModifyEipAddressAttribute", "vpc", regionless=True)
@action("ModifyEipAddressAttribute", regionless=True)
def modify_eip_address_attribute(call: Call) -> Answer:
    """Change an EIP's bandwidth, name and description."""
    address, params = _address(call), call.params
    changed = replace(
        address,
        bandwidth=str(params.number("Bandwidth", int(address.bandwidth), 1, 1000)),
        name=params.text("Name", address.name),
        description=params.text("Description", address.description),
    )
    call.store.put(changed)
    return {}


@action("ReleaseEipAddress", "vpc", regionless=True)
@action("ReleaseEipAddress", regionless=True)
def release_eip_address(call: Call) -> Answer:
    """Release an EIP that nothing has."""
    address = _address(call)
    if address.bound_to:
        raise ApiFault(400, "IncorrectEipStatus", "Current elastic IP status does not support this operation.")
    call.store.remove(address)
    return {}


@action("AllocatePublicIpAddress", regionless=True)
def allocate_public_ip_address(call: Call) -> Answer:
    """Give an instance a public address that stays with it."""
    instance = own_instance(call, call.params.require("InstanceId"))
    if instance.public_ip:
        raise ApiFault(403, "AllocatedAlready", "The public IP address is already allocated.")
    address = free_public_addresses(call.store, 1)[0]
    call.store.put(replace(instance, public_ip=address))
    return {"IpAddress": address}


def free_public_addresses(view: Store, amount: int) -> list[str]:
    """Return public addresses that nothing has.

    Raises:
        ApiFault: there are not enough.
    """
    taken = {address.ip for address in view.all(Eip)} | {instance.public_ip for instance in view.all(Instance)}
    free = [address for address in (LOOPBACK if view.settings().machines else PUBLIC) if address not in taken]
    if len(free) < amount:
        raise ApiFault(400, "QuotaExceeded.Eip", "The local cloud has no public address left.")
    return free[:amount]


def address_of(view: View, owner: str) -> Eip | None:
    """Return the EIP of an instance or network interface."""
    return next(iter(view.index(Eip).by(_bound_to).get(owner, ())), None)


def _bound_to(address: Eip) -> str:
    return address.bound_to


def _address(call: Call) -> Eip:
    fault = ApiFault(404, "InvalidAllocationId.NotFound", "Specified allocation ID is not found.")
    return require_own(call, Eip, call.params.require("AllocationId"), fault)


def _status(address: Eip) -> str:
    return "InUse" if address.bound_to else "Available"


def _holder(address: Eip) -> str:
    """Return the kind of what has it."""
    kind = {"eni-": "NetworkInterface", "ngw-": "Nat"}.get(address.bound_to[:4], "EcsInstance")
    return kind if address.bound_to else ""


def _describe(address: Eip) -> Answer:
    return {
        "AllocationId": address.id,
        "IpAddress": address.ip,
        "Name": address.name,
        "Description": address.description,
        "Bandwidth": address.bandwidth,
        "EipBandwidth": address.bandwidth,
        "InternetChargeType": address.charge,
        "ChargeType": "PostPaid",
        "ISP": "BGP",
        "Netmode": "public",
        "BusinessStatus": "Normal",
        "Status": _status(address),
        "InstanceId": address.bound_to,
        "InstanceType": _holder(address),
        "InstanceRegionId": address.region if address.bound_to else "",
        "RegionId": address.region,
        "ResourceGroupId": "",
        "DeletionProtection": False,
        "AllocationTime": iso(address.created),
        "ExpiredTime": "",
        "OperationLocks": {"LockReason": []},
        "SecurityProtectionTypes": {"SecurityProtectionType": []},
        "Tags": tag_rows(address.tags, key="Key", value="Value"),
    }
