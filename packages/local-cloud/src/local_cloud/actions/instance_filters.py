"""The filters of ``DescribeInstances`` that few calls have.

Each is a test of an instance, and only those that a call has are made: a call without them does nothing more for each
instance. Source: DescribeInstances. It documents that filters by address take effect with ``InstanceNetworkType=vpc``;
they narrow the list without it too, because every instance is in a VPC.
"""

from __future__ import annotations

from collections.abc import Callable

from local_cloud.actions.creation_span import by_creation
from local_cloud.actions.filters import Tests, by_words
from local_cloud.actions.instance_rows import NETWORK, family
from local_cloud.actions.paging import listed_ids
from local_cloud.actions.registry import Call
from local_cloud.lifecycle import noticed
from local_cloud.params import Params
from local_cloud.records import Eip, Instance

Test = Callable[[Instance], bool]


def record_tests(params: Params) -> list[Test]:
    """Return the tests that depend on nothing but the instance."""
    return [*_by_words(params), *_by_addresses(params), *_by_what_none_has(params), *by_creation(params)]


def other_tests(call: Call) -> list[Test]:
    """Return the tests whose result can change while the record does not: the lock and the EIP."""
    tests: list[Test] = []
    if reason := call.params.text("LockReason"):
        # Nothing else locks an instance here: no account is in debt.
        tests.append(lambda instance: reason == "Recycling" and noticed(instance, call.now))
    wanted = listed_ids(call.params, "EipAddresses")
    if wanted is not None:
        having = {address.bound_to for address in call.view.all(Eip) if address.ip in wanted}
        tests.append(lambda instance: instance.id in having)
    return tests


def _by_words(params: Params) -> Tests[Instance]:
    return by_words(
        params,
        {
            "InstanceNetworkType": lambda _: NETWORK,
            "InstanceTypeFamily": family,
            "HttpTokens": lambda instance: instance.http_tokens,
            "HttpEndpoint": lambda _: "enabled",
            "InternetChargeType": lambda instance: instance.internet_charge,
            "InstanceChargeType": lambda _: "PostPaid",
        },
    )


def _by_addresses(params: Params) -> list[Test]:
    tests: list[Test] = []
    private, public = listed_ids(params, "PrivateIpAddresses"), listed_ids(params, "PublicIpAddresses")
    if private is not None:
        tests.append(lambda instance: instance.ip in private)
    if public is not None:
        tests.append(lambda instance: instance.public_ip in public)
    return tests


def _by_what_none_has(params: Params) -> list[Test]:
    """By what no instance here has: a resource group, a cluster, IPv6, an address of the classic network or of RDMA."""
    wanted = [params.text(name) for name in ("ResourceGroupId", "HpcClusterId", "InnerIpAddresses", "RdmaIpAddresses")]
    wanted += params.items("Ipv6Address")
    if not params.flag("IoOptimized", default=True):
        wanted.append("an instance that is not I/O optimized")
    return [_never] if any(wanted) else []


def _never(_: Instance) -> bool:
    return False
