"""What actions of networks share, and key pairs."""

from __future__ import annotations

import ipaddress
from functools import cache
from typing import TypeVar

from local_cloud.actions.paging import page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import has_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.records import (
    Instance,
    KeyPair,
    Resource,
    VSwitch,
)
from local_cloud.store import View

RESERVED_ADDRESSES = 4  # of each vSwitch: the first and the last three
R = TypeVar("R", bound=Resource)


@action("DescribeKeyPairs")
def describe_key_pairs(call: Call) -> Answer:
    """The key pairs by name; their private keys are not stored."""
    found = [pair for pair in own(call, KeyPair) if call.params.text("KeyPairName") in ("", pair.name)]
    shown, paging = page_by_number(call.params, found)
    return {
        **paging,
        "KeyPairs": {
            "KeyPair": [
                {
                    "KeyPairName": pair.name,
                    "KeyPairFingerPrint": pair.fingerprint,
                    "CreationTime": iso(pair.created),
                    "Tags": tag_rows(pair.tags),
                }
                for pair in shown
            ]
        },
    }


def own(call: Call, kind: type[R]) -> list[R]:
    """Return the caller's resources of a kind in the region that have the requested tags."""
    tags = call.params.pairs("Tag")
    return [
        resource
        for resource in call.view.all(kind)
        if resource.owner == call.account and resource.region == call.region and has_tags(resource.tags, tags)
    ]


def free_addresses(view: View, vswitch: VSwitch) -> list[str]:
    """Return the free addresses of a vSwitch."""
    taken = {instance.ip for instance in view.all(Instance) if instance.vswitch == vswitch.id}
    return [address for address in _addresses(vswitch.cidr) if address not in taken]


@cache
def _addresses(cidr: str) -> tuple[str, ...]:
    hosts = list(ipaddress.ip_network(cidr))
    return tuple(str(address) for address in hosts[1 : len(hosts) - RESERVED_ADDRESSES + 1])
