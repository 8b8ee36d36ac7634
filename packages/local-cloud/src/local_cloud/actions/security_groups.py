"""Security groups, and the adding and removing of their rules.

Sources: CreateSecurityGroup, AuthorizeSecurityGroup and the other actions' pages, with their error tables.
"""

from __future__ import annotations

from msgspec.structs import replace

from local_cloud.actions.owned import listed, require_group
from local_cloud.actions.paging import listed_ids, page, page_by_token
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_description, check_plain_name, check_tags, tag_rows
from local_cloud.actions.security_group_rules import describe, requested, revoked, same
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, dry_run
from local_cloud.params import Params
from local_cloud.records import Instance, Network, NetworkInterface, SecurityGroup

MAX_RULES = 200  # of both directions
KINDS = ("normal", "enterprise")


@action("CreateSecurityGroup", idempotent=True)
def create_security_group(call: Call) -> Answer:
    """Create a security group in a VPC; without rules it lets nothing in."""
    params = call.params
    vpc = call.store.get(Network, params.require("VpcId"))
    if vpc is None or vpc.owner != call.account or vpc.region != call.region:
        raise ApiFault(404, "InvalidVpcId.NotFound", "Specified VPC does not exist.")
    kind = params.text("SecurityGroupType", "normal")
    if kind not in KINDS:
        raise ApiFault(400, "InvalidParams.GroupType", "The specified security group type is not valid.")
    group = SecurityGroup(
        id=call.new_id("sg-"),
        region=call.region,
        owner=call.account,
        name=check_plain_name(params.text("SecurityGroupName"), "SecurityGroupName"),
        description=check_description(params.text("Description")),
        created=call.now,
        tags=check_tags(params.pairs("Tag")),
        vpc=vpc.id,
        kind=kind,
    )
    call.store.put(group)
    return {"SecurityGroupId": group.id}


@action("DescribeSecurityGroups")
def describe_security_groups(call: Call) -> Answer:
    """The security groups by VPC, ids, name and type."""
    params = call.params
    if params.flag("DryRun"):
        raise dry_run()
    ids, kind = listed_ids(params, "SecurityGroupIds"), params.choice("SecurityGroupType", KINDS)
    group_id, vpc, name = params.text("SecurityGroupId"), params.text("VpcId"), params.text("SecurityGroupName")
    found = [
        group
        for group in ([] if _wants_other_kinds(params) else listed(call, SecurityGroup))
        if group_id in ("", group.id)
        and (ids is None or group.id in ids)
        and vpc in ("", group.vpc)
        and name in ("", group.name)
        and kind in ("", group.kind)
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
                    "SecurityGroupType": group.kind,
                    "VpcId": group.vpc,
                    "Description": group.description,
                    "ResourceGroupId": "",
                    "ServiceManaged": False,
                    "RuleCount": len(group.rules),
                    "CreationTime": iso(group.created),
                    "Tags": tag_rows(group.tags),
                }
                for group in shown
            ]
        },
    }


@action("DescribeSecurityGroupAttribute")
def describe_security_group_attribute(call: Call) -> Answer:
    """A security group with its rules, of one direction or of both, page by page."""
    group, params = _group(call), call.params
    direction = params.choice("Direction", ("egress", "ingress", "all"), "all")
    params.choice("NicType", ("intranet", "internet"))  # in a VPC both mean intranet
    rules = [rule for rule in group.rules if direction in ("all", rule.direction)]
    shown, token = page_by_token(rules, params.text("NextToken"), params.number("MaxResults", 500, 10, 1000))
    policies = params.choice("Attribute", ("snapshotPolicyIds",))
    return {
        "RegionId": group.region,
        "SecurityGroupId": group.id,
        "SecurityGroupName": group.name,
        "Description": group.description,
        "VpcId": group.vpc,
        "InnerAccessPolicy": "Accept" if group.kind == "normal" else "Drop",
        "NextToken": token,
        "Permissions": {"Permission": [describe(group, rule) for rule in shown]},
        **({"SnapshotPolicyIds": {"SnapshotPolicyId": []}} if policies else {}),
    }


@action("ModifySecurityGroupAttribute")
def modify_security_group_attribute(call: Call) -> Answer:
    """Change a security group's name and description."""
    group, params = _group(call), call.params
    name = check_plain_name(params.text("SecurityGroupName"), "SecurityGroupName")
    description = check_description(params.text("Description"), "InvalidSecurityGroupDiscription.Malformed")
    call.store.put(replace(group, name=name or group.name, description=description or group.description))
    return {}


@action("AuthorizeSecurityGroup", idempotent=True)
def authorize_security_group(call: Call) -> Answer:
    """Add ingress rules; a rule that exists is not added again."""
    return _add(call, "ingress")


@action("AuthorizeSecurityGroupEgress", idempotent=True)
def authorize_security_group_egress(call: Call) -> Answer:
    """Add egress rules."""
    return _add(call, "egress")


@action("RevokeSecurityGroup", idempotent=True)
def revoke_security_group(call: Call) -> Answer:
    """Remove ingress rules."""
    return _remove(call, "ingress")


@action("RevokeSecurityGroupEgress", idempotent=True)
def revoke_security_group_egress(call: Call) -> Answer:
    """Remove egress rules."""
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


def _wants_other_kinds(params: Params) -> bool:
    """Return whether a call lists groups of a kind that does not exist here."""
    network, managed = params.choice("NetworkType", ("vpc", "classic")), params.flag("ServiceManaged")
    return network == "classic" or managed or bool(params.text("ResourceGroupId"))


def _group(call: Call) -> SecurityGroup:
    return require_group(call, call.params.require("SecurityGroupId"), call.region)


def _add(call: Call, direction: str) -> Answer:
    group = _group(call)
    rules = [*group.rules]
    for rule in requested(call, direction):
        if not any(same(rule, other) for other in rules):
            rules.append(rule)
    if len(rules) > MAX_RULES:
        raise ApiFault(403, "AuthorizationLimitExceed", "The limit of authorization records has been reached.")
    call.store.put(replace(group, rules=tuple(rules)))
    return {}


def _remove(call: Call, direction: str) -> Answer:
    group = _group(call)
    removed = revoked(call, group, direction)
    call.store.put(replace(group, rules=tuple(rule for rule in group.rules if rule not in removed)))
    return {}
