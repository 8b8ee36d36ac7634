"""Networks, and what is in them."""

from __future__ import annotations

import msgspec

from local_cloud.records.base import Resource


class Network(Resource, frozen=True, kw_only=True):
    """A VPC.

    Attributes:
        default: ECS made it for a launch that named no vSwitch.
    """

    cidr: str = "172.16.0.0/12"
    description: str = ""
    default: bool = False


class VSwitch(Resource, frozen=True, kw_only=True):
    """A vSwitch: a network in one zone."""

    vpc: str
    zone: str
    cidr: str
    description: str = ""
    default: bool = False


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a security group.

    Attributes:
        source_ports: the sender's ports, or empty for all.
        cidr, ipv6, group, prefix_list: the other end; one of them.
        near_cidr, near_ipv6: the addresses of this end, or empty for all.
    """

    direction: str
    protocol: str
    ports: str
    source_ports: str = ""
    cidr: str = ""
    ipv6: str = ""
    group: str = ""
    prefix_list: str = ""
    near_cidr: str = ""
    near_ipv6: str = ""
    policy: str = "Accept"
    priority: int = 1
    description: str = ""
    created: float = 0.0


class SecurityGroup(Resource, frozen=True, kw_only=True):
    """A security group.

    Attributes:
        kind: ``normal`` or ``enterprise``, which is "advanced" in the English documentation.
    """

    vpc: str
    kind: str = "normal"
    description: str = ""
    rules: tuple[Rule, ...] = ()


class KeyPair(Resource, frozen=True, kw_only=True):
    """An SSH key pair, without its private key; ``id`` is its name, the region, and but for the seed's the owner."""

    fingerprint: str = ""
    public_key: str = ""


class Eip(Resource, frozen=True, kw_only=True):
    """An elastic IP address.

    Attributes:
        bandwidth: Mbit/s, as text.
        bound_to: the instance or network interface that has it, or empty.
    """

    ip: str
    bandwidth: str = "5"
    charge: str = "PayByBandwidth"
    description: str = ""
    bound_to: str = ""


class NatGateway(Resource, frozen=True, kw_only=True):
    """A NAT gateway: instances without a public address reach the internet through it.

    Attributes:
        ready: when it becomes Available.
    """

    vpc: str
    vswitch: str
    description: str = ""
    ready: float = 0.0


class SnatEntry(Resource, frozen=True, kw_only=True):
    """What a NAT gateway translates: the addresses of a vSwitch, or a block, to an EIP.

    Attributes:
        nat: the gateway.
        vswitch: the vSwitch, or empty.
        cidr: the block of addresses.
        ip: the EIP's address.
    """

    nat: str
    vswitch: str
    cidr: str
    ip: str


class NetworkInterface(Resource, frozen=True, kw_only=True):
    """A secondary network interface; an instance's primary one is made from its record.

    Attributes:
        instance: the instance that it is attached to, or empty.
        with_instance: it is deleted with the instance.
    """

    vpc: str
    vswitch: str
    zone: str
    ip: str
    mac: str
    security_groups: tuple[str, ...]
    description: str = ""
    instance: str = ""
    with_instance: bool = True
