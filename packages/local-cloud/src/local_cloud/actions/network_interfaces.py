"""Network interfaces (ENIs): the primary ones of instances, and secondary ones that are attached to them.

Sources: CreateNetworkInterface, AttachNetworkInterface and the other actions' pages, with their error tables.
"""

from __future__ import annotations

import hashlib

from msgspec.structs import replace

from local_cloud.actions.eips import address_of
from local_cloud.actions.filters import Tests, by_words, passes
from local_cloud.actions.owned import listed, own_instance, require_groups, require_own
from local_cloud.actions.paging import page
from local_cloud.actions.private_addresses import free_addresses
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_description, check_plain_name, check_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, missing
from local_cloud.params import Params
from local_cloud.records import Instance, NetworkInterface, VSwitch


@action("CreateNetworkInterface", idempotent=True)
def create_network_interface(call: Call) -> Answer:
    """Create a secondary interface in a vSwitch."""
    params = call.params
    no_vswitch = ApiFault(404, "InvalidVSwitchId.NotFound", "The specified virtual switch does not exist.")
    vswitch = require_own(call, VSwitch, params.require("VSwitchId"), no_vswitch)
    free = list(free_addresses(call.store, vswitch))
    wanted = params.text("PrimaryIpAddress") or next(iter(free), "")
    if wanted not in free:
        raise ApiFault(403, "InvalidIp.IpAssigned", "The specified IP address is already assigned, or none is left.")
    interface_id = call.new_id("eni-")
    interface = NetworkInterface(
        id=interface_id,
        region=vswitch.region,
        owner=call.account,
        name=_name(params, letter_first=False),
        description=check_description(params.text("Description"), "InvalidParameter"),
        created=call.now,
        tags=check_tags(params.pairs("Tag")),
        vpc=vswitch.vpc,
        vswitch=vswitch.id,
        zone=vswitch.zone,
        ip=wanted,
        mac=mac_address(interface_id),
        security_groups=_groups(call, vswitch.region, vswitch.vpc),
        with_instance=params.flag("DeleteOnRelease", default=True),
    )
    call.store.put(interface)
    return _describe(call, interface)


@action("DescribeNetworkInterfaces")
def describe_network_interfaces(call: Call) -> Answer:
    """The interfaces by many filters, the primary ones of instances among them."""
    params = call.params
    ids, addresses = params.items("NetworkInterfaceId"), params.items("PrivateIpAddress")
    group = params.text("SecurityGroupId")
    tests: Tests[NetworkInterface] = by_words(
        params,
        {
            "InstanceId": lambda interface: interface.instance,
            "VSwitchId": lambda interface: interface.vswitch,
            "VpcId": lambda interface: interface.vpc,
            "NetworkInterfaceName": lambda interface: interface.name,
            "PrimaryIpAddress": lambda interface: interface.ip,
            "Type": _type,
            "Status": _status,
            "ServiceManaged": lambda _: False,
        },
    )
    found = [
        interface
        for interface in (*listed(call, NetworkInterface), *map(primary_interface, listed(call, Instance)))
        if (not ids or interface.id in ids)
        and (not addresses or interface.ip in addresses)
        and group in ("", *interface.security_groups)
        and passes(interface, tests)
    ]
    shown, paging = page(params, found, most=500, least=10)
    rows = [_describe(call, interface) for interface in shown]
    return {**paging, "NetworkInterfaceSets": {"NetworkInterfaceSet": rows}}


@action("DescribeNetworkInterfaceAttribute")
def describe_network_interface_attribute(call: Call) -> Answer:
    """One secondary interface."""
    return _describe(call, _interface(call))


@action("ModifyNetworkInterfaceAttribute")
def modify_network_interface_attribute(call: Call) -> Answer:
    """Change a secondary interface's name, description and security groups."""
    interface, params = _interface(call), call.params
    groups = (
        _groups(call, interface.region, interface.vpc) if params.items("SecurityGroupId") else interface.security_groups
    )
    changed = replace(
        interface,
        name=_name(params, letter_first=True) or interface.name,
        description=check_description(params.text("Description"), "InvalidParameter") or interface.description,
        with_instance=params.flag("DeleteOnRelease", interface.with_instance),
        security_groups=groups,
    )
    call.store.put(changed)
    return {}


@action("AttachNetworkInterface")
def attach_network_interface(call: Call) -> Answer:
    """Attach a secondary interface to an instance of its zone."""
    interface = _interface(call)
    instance = own_instance(call, call.params.require("InstanceId"))
    if interface.instance:
        raise _wrong_status()
    if (interface.vpc, interface.zone) != (instance.vpc, instance.zone):
        raise ApiFault(403, "InvalidVpcId.Mismatch", "The interface and the instance are not in the same VPC and zone.")
    call.store.put(replace(interface, instance=instance.id))
    return {}


@action("DetachNetworkInterface")
def detach_network_interface(call: Call) -> Answer:
    """Detach a secondary interface from its instance."""
    call.store.put(replace(_interface(call), instance=""))
    return {}


@action("DeleteNetworkInterface")
def delete_network_interface(call: Call) -> Answer:
    """Delete a secondary interface that is not attached."""
    interface = _interface(call)
    if interface.instance or address_of(call.store, interface.id):
        raise _wrong_status()
    call.store.remove(interface)
    return {}


def primary_interface(instance: Instance) -> NetworkInterface:
    """Return an instance's primary interface."""
    interface_id = f"eni-{instance.id.removeprefix('i-')}"
    return NetworkInterface(
        id=interface_id,
        region=instance.region,
        owner=instance.owner,
        created=instance.created,
        vpc=instance.vpc,
        vswitch=instance.vswitch,
        zone=instance.zone,
        ip=instance.ip,
        mac=mac_address(interface_id),
        security_groups=instance.security_groups,
        instance=instance.id,
    )


def _instance_of(interface: NetworkInterface) -> str:
    return interface.instance


def interface_rows(call: Call, instance: Instance) -> list[Answer]:
    """Return an instance's interfaces as ``DescribeInstances`` has them."""
    secondary = call.view.index(NetworkInterface).by(_instance_of).get(instance.id, ())
    return [
        {
            "NetworkInterfaceId": interface.id,
            "MacAddress": interface.mac,
            "PrimaryIpAddress": interface.ip,
            "Type": _type(interface),
            "PrivateIpSets": {"PrivateIpSet": [{"PrivateIpAddress": interface.ip, "Primary": True}]},
            "Ipv6Sets": {"Ipv6Set": []},
        }
        for interface in (primary_interface(instance), *secondary)
    ]


def mac_address(interface_id: str) -> str:
    """Return the address of an interface's card: 00:16:3e is the prefix of ECS."""
    digest = hashlib.sha256(interface_id.encode()).digest()
    return ":".join(["00", "16", "3e", *(f"{byte:02x}" for byte in digest[:3])])


def _interface(call: Call) -> NetworkInterface:
    fault = ApiFault(404, "InvalidEniId.NotFound", "The specified NetworkInterfaceId does not exist.")
    return require_own(call, NetworkInterface, call.params.require("NetworkInterfaceId"), fault)


def _groups(call: Call, region: str, vpc: str) -> tuple[str, ...]:
    params = call.params
    names = [params.text("SecurityGroupId")] if params.text("SecurityGroupId") else params.items("SecurityGroupIds")
    names = names or params.items("SecurityGroupId")
    if not names:
        raise missing("SecurityGroupId")
    mismatch = ApiFault(403, "InvalidSecurityGroup.NotInVpc", "The security group is not in the vSwitch's VPC.")
    return require_groups(call, names, region=region, vpc=vpc, mismatch=mismatch)


def _name(params: Params, *, letter_first: bool) -> str:
    name = params.text("NetworkInterfaceName")
    return check_plain_name(name, "NetworkInterfaceName", letter_first=letter_first, code="InvalidParameter")


def _type(interface: NetworkInterface) -> str:
    primary = interface.instance and interface.id.removeprefix("eni-") == interface.instance.removeprefix("i-")
    return "Primary" if primary else "Secondary"


def _status(interface: NetworkInterface) -> str:
    return "InUse" if interface.instance else "Available"


def _wrong_status() -> ApiFault:
    return ApiFault(403, "InvalidOperation.EniStatus", "The interface's status does not support this operation.")


def _describe(call: Call, interface: NetworkInterface) -> Answer:
    primary = _type(interface) == "Primary"
    bound = address_of(call.view, interface.instance if primary else interface.id)
    public = {"AllocationId": bound.id, "PublicIpAddress": bound.ip} if bound else {}
    attachment = {"InstanceId": interface.instance, "DeviceIndex": 0 if primary else 1} if interface.instance else {}
    return {
        "NetworkInterfaceId": interface.id,
        "NetworkInterfaceName": interface.name,
        "Description": interface.description,
        "Type": _type(interface),
        "Status": _status(interface),
        "InstanceId": interface.instance,
        "Attachment": attachment,
        "DeleteOnRelease": interface.with_instance,
        "VpcId": interface.vpc,
        "VSwitchId": interface.vswitch,
        "ZoneId": interface.zone,
        "PrivateIpAddress": interface.ip,
        "PrivateIpSets": {
            "PrivateIpSet": [{"PrivateIpAddress": interface.ip, "Primary": True, "AssociatedPublicIp": public}]
        },
        "AssociatedPublicIp": public,
        "MacAddress": interface.mac,
        "SecurityGroupIds": {"SecurityGroupId": list(interface.security_groups)},
        "Ipv6Sets": {"Ipv6Set": []},
        "Ipv4PrefixSets": {"Ipv4PrefixSet": []},
        "Ipv6PrefixSets": {"Ipv6PrefixSet": []},
        "NetworkInterfaceTrafficMode": "Standard",
        "QueueNumber": 1,
        "OwnerId": interface.owner,
        "ResourceGroupId": "",
        "ServiceManaged": False,
        "SourceDestCheck": False,
        "CreationTime": iso(interface.created),
        "Tags": tag_rows(interface.tags),
    }
