"""The private addresses of vSwitches."""

from __future__ import annotations

import ipaddress
from functools import cache

from local_cloud.records import Instance, NetworkInterface, VSwitch
from local_cloud.store import View

RESERVED_ADDRESSES = 4  # of each vSwitch: the first and the last three


def free_addresses(view: View, vswitch: VSwitch) -> list[str]:
    """Return the free addresses of a vSwitch."""
    taken = {instance.ip for instance in view.all(Instance) if instance.vswitch == vswitch.id}
    taken |= {interface.ip for interface in view.all(NetworkInterface) if interface.vswitch == vswitch.id}
    return [address for address in _addresses(vswitch.cidr) if address not in taken]


@cache
def _addresses(cidr: str) -> tuple[str, ...]:
    hosts = list(ipaddress.ip_network(cidr))
    return tuple(str(address) for address in hosts[1 : len(hosts) - RESERVED_ADDRESSES + 1])
