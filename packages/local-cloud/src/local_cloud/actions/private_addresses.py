"""The private addresses of vSwitches."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import cache

from local_cloud.errors import ApiFault
from local_cloud.records import Instance, NetworkInterface, VSwitch
from local_cloud.store import View

RESERVED_ADDRESSES = 4  # of each vSwitch: the first and the last three


def free_addresses(view: View, vswitch: VSwitch) -> Iterator[str]:
    """Yield the free addresses of a vSwitch."""
    taken = _taken(view, vswitch)
    return (address for address in _addresses(vswitch.cidr) if address not in taken)


def count_free(view: View, vswitch: VSwitch) -> int:
    """Return how many addresses of a vSwitch are free."""
    return len(_addresses(vswitch.cidr)) - len(_taken(view, vswitch))


def addresses_from(view: View, vswitch: VSwitch, first: str, amount: int) -> list[str]:
    """Return consecutive addresses of a vSwitch.

    Args:
        view: the records.
        vswitch: the vSwitch.
        first: the first of them.
        amount: how many.

    Raises:
        ApiFault: one of them is not the vSwitch's, is reserved, or is taken.
    """
    try:
        begin = ipaddress.IPv4Address(first)
    except ValueError:
        raise ApiFault(400, "InvalidPrivateIpAddress.Malformed", "Specified private IP address is malformed.") from None
    block = ipaddress.IPv4Network(vswitch.cidr)
    if begin not in block or int(begin) + amount - 1 > int(block.broadcast_address):
        raise ApiFault(
            400,
            "InvalidPrivateIpAddress",
            "Specified private IP address is not in the CIDR block of virtual switch.",
        )
    names = [str(begin + number) for number in range(amount)]
    if not set(names) <= set(_addresses(vswitch.cidr)):
        raise ApiFault(403, "InvalidVSwitchId.IpInvalid", "The specified private IP address is reserved.")
    if not set(names) <= set(free_addresses(view, vswitch)):
        raise ApiFault(400, "InvalidPrivateIpAddress.Duplicated", "The specified private IP address is already in use.")
    return names


def _taken(view: View, vswitch: VSwitch) -> set[str]:
    taken = {instance.ip for instance in view.all(Instance) if instance.vswitch == vswitch.id}
    taken |= {interface.ip for interface in view.all(NetworkInterface) if interface.vswitch == vswitch.id}
    return taken - {""}


@cache
def _addresses(cidr: str) -> tuple[str, ...]:
    hosts = list(ipaddress.ip_network(cidr))
    return tuple(str(address) for address in hosts[1 : len(hosts) - RESERVED_ADDRESSES + 1])
