"""The rules of security groups: read from a request, compared, described.

Sources: AuthorizeSecurityGroup, RevokeSecurityGroup, the same for egress, and DescribeSecurityGroupAttribute, with
their error tables. The local cloud stores rules; its network does not enforce them. It has no prefix lists, but a rule
may name any.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Sequence

from msgspec.structs import asdict, replace

from local_cloud.actions.registry import Answer, Call
from local_cloud.clock import iso
from local_cloud.errors import ApiFault
from local_cloud.params import Params
from local_cloud.records import Rule, SecurityGroup

PROTOCOLS = ("TCP", "UDP", "ICMP", "ICMPV6", "GRE", "ALL")
MAX_PERMISSIONS = 100  # of a request
ALL_PORTS = "-1/-1"  # of a protocol without ports
_WITH_PORTS = ("TCP", "UDP")
_PORTS = re.compile(r"(\d{1,5})/(\d{1,5})")
_NUMBERED = re.compile(r"Permissions\.(\d{1,3})\.")
# A rule without a number: the older way, which has the same fields.
_FIELDS = (
    *("IpProtocol", "PortRange", "SourcePortRange", "Policy", "Priority", "NicType", "Description"),
    *("SourceCidrIp", "Ipv6SourceCidrIp", "SourceGroupId", "SourcePrefixListId"),
    *("DestCidrIp", "Ipv6DestCidrIp", "DestGroupId", "DestPrefixListId"),
)


def requested(call: Call, direction: str) -> list[Rule]:
    """Return the rules of a request: those of ``Permissions.N``, or one without a number.

    Raises:
        ApiFault: a rule is not valid, or there are both kinds.
    """
    numbers = sorted({int(match[1]) for name in call.params.values if (match := _NUMBERED.match(name))})
    if not numbers:
        return [_rule(call, direction, "")]
    if any(call.params.text(name) for name in (*_FIELDS, "SecurityGroupRuleId.1")):
        raise _both()
    if not 1 <= numbers[0] <= numbers[-1] <= MAX_PERMISSIONS:
        raise ApiFault(400, "InvalidParam.Permissions", "The specified parameter Permissions is not valid.")
    return [_rule(call, direction, f"Permissions.{number}.") for number in numbers]


def revoked(call: Call, group: SecurityGroup, direction: str) -> list[Rule]:
    """Return the rules of a group that a request removes, by their ids or by their fields.

    Since July 2024 a rule that does not exist is an error.

    Raises:
        ApiFault: one does not exist.
    """
    mine = [rule for rule in group.rules if rule.direction == direction]
    ids = call.params.items("SecurityGroupRuleId")
    if not ids:
        wanted = requested(call, direction)
        if not all(any(same(rule, one) for one in mine) for rule in wanted):
            raise ApiFault(400, "InvalidSecurityGroupRule.RuleNotExist", "The specified rule does not exist.")
        return [one for one in mine if any(same(rule, one) for rule in wanted)]
    if any(call.params.text(name) for name in _FIELDS) or any(map(_NUMBERED.match, call.params.values)):
        raise _both()
    if len(set(ids)) < len(ids):
        raise ApiFault(
            400, "InvalidParam.SecurityGroupRuleIdRepeated", "The specified parameter SecurityGroupRuleId is repeated."
        )
    by_id = {rule_id(group, rule): rule for rule in mine}
    if not by_id.keys() >= set(ids):
        raise ApiFault(404, "InvalidSecurityGroupRuleId.NotFound", "The specified SecurityGroupRuleId is not exists.")
    return [by_id[name] for name in ids]


def same(rule: Rule, other: Rule) -> bool:
    """Return whether two rules are the same; their descriptions may differ."""
    return replace(rule, description="", created=0.0) == replace(other, description="", created=0.0)


def rule_id(group: SecurityGroup, rule: Rule) -> str:
    """Return a rule's id: a hash of its fields, which no two rules of a group share."""
    fields = sorted((name, value) for name, value in asdict(rule).items() if name != "description")
    return "sgr-" + hashlib.sha256(f"{group.id} {fields}".encode()).hexdigest()[:20]


def describe(group: SecurityGroup, rule: Rule) -> Answer:
    """Return a rule as ``DescribeSecurityGroupAttribute`` has it."""
    source, dest = ("", "near_") if rule.direction == "ingress" else ("near_", "")
    fields = asdict(rule) | {"near_group": "", "near_prefix_list": ""}
    return {
        "SecurityGroupRuleId": rule_id(group, rule),
        "Direction": rule.direction,
        "IpProtocol": rule.protocol,
        "PortRange": rule.ports,
        "PortRangeListId": "",
        "SourcePortRange": rule.source_ports,
        "SourceCidrIp": fields[f"{source}cidr"],
        "Ipv6SourceCidrIp": fields[f"{source}ipv6"],
        "SourceGroupId": fields[f"{source}group"],
        "SourcePrefixListId": fields[f"{source}prefix_list"],
        "DestCidrIp": fields[f"{dest}cidr"],
        "Ipv6DestCidrIp": fields[f"{dest}ipv6"],
        "DestGroupId": fields[f"{dest}group"],
        "DestPrefixListId": fields[f"{dest}prefix_list"],
        "Policy": rule.policy,
        "Priority": str(rule.priority),
        "NicType": "intranet",
        "Description": rule.description,
        "CreateTime": iso(rule.created),
    }


def _rule(call: Call, direction: str, prefix: str) -> Rule:
    params = call.params
    far, near = ("Source", "Dest") if direction == "ingress" else ("Dest", "Source")
    protocol = params.text(f"{prefix}IpProtocol").upper()
    if protocol not in PROTOCOLS:
        raise ApiFault(400, "InvalidIpProtocol.ValueNotSupported", "The parameter IpProtocol is not supported.")
    cidr, ipv6 = _addresses(params, prefix, far)
    near_cidr, near_ipv6 = _addresses(params, prefix, near)
    _check_families(protocol, [cidr, near_cidr], [ipv6, near_ipv6])
    group, prefix_list = params.text(f"{prefix}{far}GroupId"), params.text(f"{prefix}{far}PrefixListId")
    if not (cidr or ipv6 or group or prefix_list):
        raise ApiFault(
            400,
            f"MissingParameter.{far}",
            f"One of the parameters {far}CidrIp, Ipv6{far}CidrIp, {far}GroupId or {far}PrefixListId must be specified.",
        )
    # Addresses win over a group, and a prefix list is for rules without either.
    group = "" if cidr or ipv6 else group
    if group:
        _check_owner(call, prefix, far)
    if params.text(f"{prefix}NicType", "intranet") not in ("intranet", "internet"):
        raise ApiFault(400, "InvalidNicType.ValueNotSupported", "The specified NicType is not valid.")
    return Rule(
        direction=direction,
        protocol=protocol,
        ports=_ports(params, prefix, protocol),
        source_ports=_source_ports(params, prefix, protocol),
        cidr=cidr,
        ipv6=ipv6,
        group=group,
        prefix_list="" if cidr or ipv6 or group else prefix_list,
        near_cidr=near_cidr,
        near_ipv6=near_ipv6,
        policy=_policy(params, prefix),
        priority=_priority(params, prefix),
        description=_description(params, prefix),
        created=call.now,
    )


def _addresses(params: Params, prefix: str, side: str) -> tuple[str, str]:
    """Return the IPv4 and the IPv6 addresses of one side, of which at most one is given."""
    cidr, ipv6 = params.text(f"{prefix}{side}CidrIp"), params.text(f"{prefix}Ipv6{side}CidrIp")
    if cidr and ipv6:
        kind = "SourceIp" if side == "Source" else "DestIp"
        raise ApiFault(
            400, f"InvalidParam.{kind}", f"{side}CidrIp and Ipv6{side}CidrIp cannot be set at the same time."
        )
    if cidr and not _is_network(cidr, ipaddress.IPv4Network):
        raise ApiFault(400, f"Invalid{side}CidrIp.Malformed", f'The specified parameter "{side}CidrIp" is not valid.')
    if ipv6 and not _is_network(ipv6, ipaddress.IPv6Network):
        raise ApiFault(400, f"InvalidParam.Ipv6{side}CidrIp", f"The specified parameter Ipv6{side}CidrIp is not valid.")
    return cidr, ipv6


def _is_network(text: str, kind: Callable[..., object]) -> bool:
    length = text.partition("/")[2]
    try:
        kind(text, strict=False)
    except ValueError:
        return False
    return "/" not in text or length.isdecimal()  # not a mask


def _check_families(protocol: str, old: Sequence[str], new: Sequence[str]) -> None:
    if any(old) and any(new):
        raise ApiFault(400, "InvalidParameter.Conflict", "IPv6 and IPv4 addresses cannot exist at the same time.")
    if protocol == "ICMP" and any(new):
        raise ApiFault(
            400,
            "InvalidParam.Ipv4ProtocolConflictWithIpv6Address",
            "IPv6 address cannot be specified for IPv4-specific protocol.",
        )
    if protocol == "ICMPV6" and any(old):
        raise ApiFault(
            400,
            "InvalidParam.Ipv6ProtocolConflictWithIpv4Address",
            "IPv4 address cannot be specified for IPv6-specific protocol.",
        )


def _check_owner(call: Call, prefix: str, side: str) -> None:
    owner = call.params.text(f"{prefix}{side}GroupOwnerId")
    if owner not in ("", call.account) or call.params.text(f"{prefix}{side}GroupOwnerAccount"):
        raise ApiFault(
            501, "NotImplemented.LocalCloud", "The local cloud has no rules for security groups of other accounts."
        )


def _ports(params: Params, prefix: str, protocol: str) -> str:
    text = params.text(f"{prefix}PortRange")
    if not text and params.text(f"{prefix}PortRangeListId"):
        raise ApiFault(501, "NotImplemented.LocalCloud", "The local cloud has no port lists.")
    if not text:
        raise ApiFault(400, "InvalidPortRange.Malformed", "The specified parameter PortRange must set.")
    if text != ALL_PORTS and not _is_range(text):
        raise ApiFault(
            400,
            "InvalidParam.PortRange",
            "The specified parameter PortRange is not valid. It should be two integers less than 65535 in ?/? format.",
        )
    if (text != ALL_PORTS) != (protocol in _WITH_PORTS):
        raise ApiFault(
            400, "OperationDenied", "The specified IpProtocol does not exist or IpProtocol and PortRange do not match."
        )
    return text


def _source_ports(params: Params, prefix: str, protocol: str) -> str:
    text = params.text(f"{prefix}SourcePortRange")
    if text and not (_is_range(text) if protocol in _WITH_PORTS else text == ALL_PORTS):
        raise ApiFault(
            400, "InvalidSourcePortRange.Malformed", 'The specified parameter "SourcePortRange" is not valid.'
        )
    return text


def _is_range(text: str) -> bool:
    match = _PORTS.fullmatch(text)
    return match is not None and 1 <= int(match[1]) <= int(match[2]) <= 65535


def _policy(params: Params, prefix: str) -> str:
    policy = params.text(f"{prefix}Policy", "accept").capitalize()
    if policy not in ("Accept", "Drop"):
        raise ApiFault(400, "InvalidPolicy.Malformed", 'The specified parameter "Policy" is not valid.')
    return policy


def _priority(params: Params, prefix: str) -> int:
    text = params.text(f"{prefix}Priority", "1")
    if not text.isdecimal():
        raise ApiFault(400, "InvalidPriority.Malformed", "The parameter Priority is invalid.")
    if not 1 <= int(text) <= 100:
        raise ApiFault(400, "InvalidPriority.ValueNotSupported", "The parameter Priority is invalid.")
    return int(text)


def _description(params: Params, prefix: str) -> str:
    text = params.text(f"{prefix}Description")
    if len(text) > 512:
        raise ApiFault(
            400,
            "InvalidSecurityGroupDiscription.Malformed",
            "The specified security group rule description is not valid.",
        )
    return text


def _both() -> ApiFault:
    return ApiFault(
        400, "InvalidParam.Permissions", "The specified parameter Permissions cannot coexist with other parameters."
    )
