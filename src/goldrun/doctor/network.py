"""The network of instances: security group, vSwitches and their addresses, the way to the internet."""

from __future__ import annotations

from collections.abc import Iterator

from goldrun import config
from goldrun.cloud import nat
from goldrun.cloud.key_pairs import has_key_pair
from goldrun.cloud.network import group_tags
from goldrun.cloud.tagging import tagging
from goldrun.cloud.tags import MANAGED_BY, OWNED
from goldrun.cloud.vpcs import open_ports
from goldrun.doctor.finding import BROKEN, GOOD, WARNING, CheckContext, Finding, broken
from goldrun.errors import UsageError

FEW_ADDRESSES = 10
SETUP = "goldrun setup"


def check_security_group(context: CheckContext) -> Iterator[Finding]:
    """Whether there is a group, and what it lets in."""
    group = config.SECURITY_GROUP.read(context.env)
    if not group:
        yield Finding(
            "security group",
            BROKEN,
            "no security group is named.",
            "no instance can be launched.",
            f"{SETUP}, or export {config.SECURITY_GROUP.names[0]}=sg-…",
        )
        return
    try:
        tags = group_tags(context.client, group)
    except UsageError as error:
        yield broken("security group", error, "no instance can be launched.")
        return
    if ports := open_ports(context.client, group):
        yield Finding(
            "security group",
            WARNING,
            f"{group} lets in {', '.join(ports)}.",
            "runners need nothing from outside: who gets in meets a job's secrets.",
            f"aliyun ecs RevokeSecurityGroup --SecurityGroupId {group} …",
        )
    elif not MANAGED_BY.matches(tags):
        yield Finding(
            "security group",
            WARNING,
            f"{group} has no tag {MANAGED_BY.key}=goldrun.",
            "goldrun serve cannot keep a budget there.",
            f"aliyun ecs TagResources --ResourceType securitygroup --ResourceId.1 {group} --Tag.1.Key ManagedBy "
            "--Tag.1.Value goldrun",
            repair=lambda: tagging("securitygroup", [group], OWNED).make(context.client),
        )
    else:
        yield Finding("security group", GOOD, f"{group} lets nothing in.")


def check_vswitches(context: CheckContext) -> Iterator[Finding]:
    """Whether instances find a place: in several zones, with free addresses."""
    vpc, switches = context.places
    named = [
        *(word.strip() for word in config.VSWITCH.read(context.env).split(",") if word.strip()),
        *(text for name in config.VSWITCH_OF_ZONE.names if (text := context.env.get(name, "").strip())),
    ]
    known = {switch.id for switch in switches}
    if wrong := [one for one in named if one not in known]:
        yield Finding(
            "vSwitches",
            BROKEN,
            f"{', '.join(wrong)} is not in the security group's VPC {vpc}.",
            "launches there are refused.",
            f"unset {config.VSWITCH.names[0]}, which uses those of the VPC",
        )
        return
    used = [switch for switch in switches if not named or switch.id in named]
    if not used:
        yield Finding("vSwitches", BROKEN, f"{vpc} has no vSwitch.", "no instance can be launched.", SETUP)
        return
    full = [switch for switch in used if switch.free is not None and switch.free < FEW_ADDRESSES]
    zones = {switch.zone for switch in used}
    if full:
        state = BROKEN if len(full) == len(used) else WARNING
        shown = ", ".join(f"{switch.id} ({switch.free} free)" for switch in full)
        yield Finding(
            "vSwitches",
            state,
            f"hardly any address is left in {shown}.",
            "launches there fail.",
            "goldrun sweep --dry-run",
        )
    elif len(zones) == 1:
        yield Finding(
            "vSwitches",
            WARNING,
            f"there is a vSwitch in one zone alone: {used[0].zone}.",
            "when its spot instances are sold out, or reclaimed, nothing is left.",
            SETUP,
        )
    else:
        free = sum(switch.free or 0 for switch in used)
        yield Finding("vSwitches", GOOD, f"{len(used)} in {len(zones)} zones, {free} free addresses.")


def check_key_pair(context: CheckContext) -> Iterator[Finding]:
    """Whether the key pair is there, if one is named."""
    name = config.KEY_PAIR.read(context.env)
    if not name:
        yield Finding("key pair", GOOD, "none is named, so nobody logs in to instances.")
    elif has_key_pair(context.client, name):
        yield Finding("key pair", GOOD, f"{name} is there.")
    else:
        yield Finding(
            "key pair",
            BROKEN,
            f"{context.client.region} has no key pair {name}.",
            "launches are refused.",
            f"unset {config.KEY_PAIR.names[0]}, or aliyun ecs CreateKeyPair --KeyPairName {name}",
        )


def check_egress(context: CheckContext) -> Iterator[Finding]:
    """Whether instances reach GitHub: by a NAT gateway, or by addresses of their own."""
    vpc, switches = context.places
    entries = [
        entry
        for gateway in nat.describe_gateways(context.client, {}, vpc=vpc)
        if gateway.ready
        for entry in nat.describe_entries(context.client, gateway.table)
    ]
    out = {entry.vswitch for entry in entries}
    whole = any(not entry.vswitch for entry in entries)  # of blocks, not of vSwitches
    closed = [switch for switch in switches if switch.id not in out and not whole]
    if context.public_ip:
        yield Finding("egress", GOOD, "instances have public addresses of their own.")
    elif not entries:
        yield Finding(
            "egress",
            BROKEN,
            f"nothing leads from {vpc} to the internet.",
            "runners without a public address do not reach GitHub, and never come online.",
            "pass --public-ip (also to goldrun doctor), or goldrun setup --egress nat",
        )
    elif closed:
        yield Finding(
            "egress",
            BROKEN,
            f"the NAT gateway does not serve {', '.join(switch.id for switch in closed)}.",
            "runners there never come online.",
            "goldrun setup --egress nat",
        )
    else:
        yield Finding("egress", GOOD, f"a NAT gateway serves {len(switches)} vSwitches.")
