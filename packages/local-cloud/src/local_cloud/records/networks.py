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
    """A rule of a security group; ``cidr`` or ``group`` is the other end."""

    direction: str
    protocol: str
    ports: str
    cidr: str = ""
    group: str = ""
    policy: str = "Accept"
    priority: int = 1
    description: str = ""
    created: float = 0.0


class SecurityGroup(Resource, frozen=True, kw_only=True):
    """A security group."""

    vpc: str
    description: str = ""
    rules: tuple[Rule, ...] = ()


class KeyPair(Resource, frozen=True, kw_only=True):
    """An SSH key pair; ``id`` is its name with the region."""

    fingerprint: str = ""
