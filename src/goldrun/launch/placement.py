"""Finds where instances can be placed: a vSwitch with free addresses in each zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from goldrun.cloud.client import EcsClient
from goldrun.cloud.network import VSwitch, describe_vswitches, vpc_of_group
from goldrun.errors import NotFoundError


def find_vswitches(
    client: EcsClient, *, ids: Sequence[str] = (), vpc: str = "", security_group: str = ""
) -> list[VSwitch]:
    """Return the vSwitches with free addresses, in one call (two if the security group's VPC must be looked up).

    Args:
        client: the cloud.
        ids: only these; empty: all.
        vpc: only those of this VPC.
        security_group: only those of this group's VPC.

    Raises:
        NotFoundError: no vSwitch matches.
    """
    found = [vswitch for vswitch in describe_vswitches(client, vpc) if not ids or vswitch.id in ids]
    if missing := set(ids) - {vswitch.id for vswitch in found}:
        raise NotFoundError(
            f"vSwitch not found: {', '.join(sorted(missing))} in {client.region}.",
            fix=["check ALIYUN_VSWITCH_ID and the region; not set, the vSwitches of the account are used."],
        )
    if security_group and not vpc and len({vswitch.vpc for vswitch in found}) > 1:
        home = vpc_of_group(client, security_group)
        found = [vswitch for vswitch in found if vswitch.vpc == home]
    usable = [vswitch for vswitch in found if vswitch.free != 0]
    if not usable:
        raise NotFoundError(
            f"No vSwitch has free addresses in {client.region}{f' in {vpc}' if vpc else ''}.",
            fix=["create one in the VPC console, or name one: ALIYUN_VSWITCH_ID."],
        )
    return usable


def by_zone(vswitches: Sequence[VSwitch]) -> Mapping[str, VSwitch]:
    """Return the vSwitch with the most free addresses in each zone."""
    best: dict[str, VSwitch] = {}
    for vswitch in vswitches:
        if vswitch.zone not in best or (vswitch.free or 0) > (best[vswitch.zone].free or 0):
            best[vswitch.zone] = vswitch
    return best
