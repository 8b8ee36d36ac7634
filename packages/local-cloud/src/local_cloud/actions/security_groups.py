"""Security groups and their rules. The local cloud stores rules; its network does not enforce them.

Sources: CreateSecurityGroup, AuthorizeSecurityGroup and the other actions' pages, with their error tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from local_cloud.actions.owned import listed, require_group
from local_cloud.actions.paging import page
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, invalid, missing
from local_cloud.records import Instance, Network, NetworkInterface, Rule, SecurityGroup

PROTOCOLS = ("TCP", "UDP", "ICMP", "ICMPV6", "GRE", "ALL")
MAX_RULES = 100
_PORTS = re.compile(r"(-1|\d{1,5})/(-1|\d{1,5})")


@action("CreateSecurityGroup", idempotent=True)
def create_security_group(call: Call) -> Answer:
    """Create a security group in a VPC; without rules it lets nothing in."""
    params = call.params
    vpc = call.store.get(Network, params.require("VpcId"))
    if vpc is None or vpc.owner != call.account or vpc.region != call.region:
        raise ApiFault(404, "InvalidVpcId.NotFound", "Specified VPC does not exist.")
    group = SecurityGroup(
        id=call.new_id("sg-"),
        region=call.region,
        owner=call.account,
        name=params.text("SecurityGroupName"),
        description=params.text("Description"),
        created=call.now,
        tags=check_tags(params.pairs("Tag")),
        vpc=vpc.id,
    )
    call.store.put(group)
    return {"SecurityGroupId": group.id}


@action("DescribeSecurityGroups")
def describe_security_groups(call: Call) -> Answer:
    """The security groups by VPC, id and name."""
    params = call.params
    found = [
        group
        for group in listed(call, SecurityGroup)
        if params.text("SecurityGroupId") in ("", group.id)
        and params.text("VpcId") in ("", group.vpc)
        and params.text("SecurityGroupName") in ("", group.name)
    ]
    shown, paging = page(params, found)
    return {
        **paging,
        "RegionId": call.region,
        "SecurityGroups": {
            "SecurityGroup": [
                {
                    "SecurityGroupId": group.id,
                    "SecurityGroupName": group.name,
                    "SecurityGroupType": "normal",
                    "VpcId": group.vpc,
                    "Description": group.description,
                    "ResourceGroupId": "",
                    "CreationTime": iso(group.created),
                    "Tags": tag_rows(group.tags),
                }
                for group in shown
            ]
        },
    }


@action("DescribeSecurityGroupAttribute")
def describe_security_group_attribute(call: Call) -> Answer:
    """A security group with its rules, of one direction or of both."""
    group = _group(call)
    direction = call.params.choice("Direction", ("egress", "ingress", "all"), "all")
    return {
        "RegionId": group.region,
        "SecurityGroupId": group.id,
        "SecurityGroupName": group.name,
        "Description": group.description,
        "VpcId": group.vpc,
        "InnerAccessPolicy": "Accept",
        "Permissions": {
            "Permission": [_describe(rule) for rule in group.rules if direction in ("all", rule.direction)]
        },
    }


@action("ModifySecurityGroupAttribute")
def modify_security_group_attribute(call: Call) -> Answer:
    """Change a security group's name and description."""
    group, params = _group(call), call.params
    name = params.text("SecurityGroupName", group.name)
    call.store.put(replace(group, name=name, description=params.text("Description", group.description)))
    return {}


@action("AuthorizeSecurityGroup", idempotent=True)
def authorize_security_group(call: Call) -> Answer:
    """Add rules for what comes in; a rule that exists is not added again."""
    return _add(call, "ingress")


@action("AuthorizeSecurityGroupEgress", idempotent=True)
def authorize_security_group_egress(call: Call) -> Answer:
    """Add rules for what goes out."""
    return _add(call, "egress")


@action("RevokeSecurityGroup", idempotent=True)
def revoke_security_group(call: Call) -> Answer:
    """Remove rules for what comes in; a rule that does not exist is no error, as at the real API."""
    return _remove(call, "ingress")


@action("RevokeSecurityGroupEgress", idempotent=True)
def revoke_security_group_egress(call: Call) -> Answer:
    """Remove rules for what goes out."""
    return _remove(call, "egress")


@action("DeleteSecurityGroup")
def delete_security_group(call: Call) -> Answer:
    """Delete a security group that no instance is in."""
    group = _group(call)
    users: tuple[Instance | NetworkInterface, ...] = (*call.store.all(Instance), *call.store.all(NetworkInterface))
    if any(group.id in user.security_groups for user in users):
        raise ApiFault(403, "DependencyViolation", "There is still instance(s) in the specified security group.")
    call.store.remove(group)
    return {}


def _group(call: Call) -> SecurityGroup:
    return require_group(call, call.params.require("SecurityGroupId"), call.region)


def _add(call: Call, direction: str) -> Answer:
    group = _group(call)
    rules = [*group.rules]
    for rule in _rules(call, direction):
        if not any(_same(rule, other) for other in rules):
            rules.append(rule)
    if len(rules) > MAX_RULES:
        raise ApiFault(403, "AuthorizationLimitExceed", "The limit of authorization records has been reached.")
    call.store.put(replace(group, rules=tuple(rules)))
    return {}


def _remove(call: Call, direction: str) -> Answer:
    group = _group(call)
    gone = list(_rules(call, direction))
    left = tuple(rule for rule in group.rules if not any(_same(rule, other) for other in gone))
    call.store.put(replace(group, rules=left))
    return {}


def _rules(call: Call, direction: str) -> Iterator[Rule]:
    """Yield the rules of a request: ``Permissions.1.…``, or one without a number."""
    prefixes = [f"Permissions.{number}." for number in range(1, MAX_RULES + 1)]
    numbered = [prefix for prefix in prefixes if call.params.text(f"{prefix}IpProtocol")]
    for prefix in numbered or [""]:
        yield _rule(call, direction, prefix)


def _rule(call: Call, direction: str, prefix: str) -> Rule:
    params = call.params
    side = "SourceCidrIp" if direction == "ingress" else "DestCidrIp"
    protocol = params.require(f"{prefix}IpProtocol").upper()
    if protocol not in PROTOCOLS:
        raise ApiFault(400, "InvalidIpProtocol.ValueNotSupported", "The parameter IpProtocol is not supported.")
    ports = params.require(f"{prefix}PortRange")
    if not _PORTS.fullmatch(ports):
        raise invalid("PortRange")
    cidr = params.text(f"{prefix}{side}")
    group = params.text(f"{prefix}{side.removesuffix('CidrIp')}GroupId")
    if not cidr and not group:
        raise missing(side)
    return Rule(
        direction=direction,
        protocol=protocol,
        ports=ports,
        cidr=cidr,
        group=group,
        policy=params.text(f"{prefix}Policy", "accept").capitalize(),
        priority=params.number(f"{prefix}Priority", 1, 1, 100),
        description=params.text(f"{prefix}Description"),
        created=call.now,
    )


def _same(rule: Rule, other: Rule) -> bool:
    return replace(rule, description="", created=0.0) == replace(other, description="", created=0.0)


def _describe(rule: Rule) -> Answer:
    inward = rule.direction == "ingress"
    return {
        "Direction": rule.direction,
        "IpProtocol": rule.protocol,
        "PortRange": rule.ports,
        "SourcePortRange": "",
        "SourceCidrIp": rule.cidr if inward else "",
        "SourceGroupId": rule.group if inward else "",
        "DestCidrIp": "" if inward else rule.cidr,
        "DestGroupId": "" if inward else rule.group,
        "Policy": rule.policy,
        "Priority": str(rule.priority),
        "NicType": "intranet",
        "Description": rule.description,
        "CreateTime": iso(rule.created),
    }
