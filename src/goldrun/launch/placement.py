"""Where instances can be placed: a vSwitch with free addresses in each zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from goldrun.cloud.client import EcsClient
from goldrun.cloud.network import VSwitch, describe_vswitches, vpc_of_group
from goldrun.errors import NotFoundError


def find_vswitches(
    client: EcsClient, *, ids: Sequence[str] = (), vpc: str = "", security_group: str = ""
) -> list[VSwitch]:
    """The vSwitches with free addresses, from one call (and one for the security group's VPC, where it matters).

    Args:
        client: the cloud.
        ids: only these; empty: all.
        vpc: only those of this VPC.
        security_group: only those of this group's VPC.

    Raises:
        NotFoundError: there is none.
    """
    found = [one for one in describe_vswitches(client, vpc) if not ids or one.id in ids]
    if missing := set(ids) - {one.id for one in found}:
        raise NotFoundError(f"vSwitch not found: {', '.join(sorted(missing))} in {client.region}.")
    if security_group and not vpc and len({one.vpc for one in found}) > 1:
        home = vpc_of_group(client, security_group)
        found = [one for one in found if one.vpc == home]
    usable = [one for one in found if one.free != 0]
    if not usable:
        raise NotFoundError(
            f"There is no vSwitch with free addresses in {client.region}{f' in {vpc}' if vpc else ''}.",
            fix=["create one in the VPC console, or name one: --vswitch, ALIYUN_VSWITCH_ID."],
        )
    return usable


def by_zone(vswitches: Sequence[VSwitch]) -> Mapping[str, VSwitch]:
    """The vSwitch of each zone: the one with the most free addresses."""
    best: dict[str, VSwitch] = {}
    for one in vswitches:
        if one.zone not in best or (one.free or 0) > (best[one.zone].free or 0):
            best[one.zone] = one
    return best
