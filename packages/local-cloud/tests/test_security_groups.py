"""Security groups: found by what they are, and their rules as the API checks, tells apart and removes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from msgspec.structs import replace
from tests.conftest import REGION, Running

from local_cloud.records import Rule, SecurityGroup
from sdk import ecs, refused

GROUP = f"sg-local-{REGION}"
SSH = {"ip_protocol": "tcp", "port_range": "22/22", "source_cidr_ip": "10.0.0.0/8"}


def create(live: Running, **more: Any) -> str:
    request = models.CreateSecurityGroupRequest(region_id=REGION, vpc_id=f"vpc-local-{REGION}", **more)
    return str(ecs(live).create_security_group(request).body.security_group_id)


def found(live: Running, **filters: Any) -> dict[str, str]:
    request = models.DescribeSecurityGroupsRequest(region_id=REGION, **filters)
    groups = ecs(live).describe_security_groups(request).body.security_groups.security_group
    return {group.security_group_id: group.security_group_type for group in groups}


def authorize(live: Running, *rules: dict[str, Any], **more: Any) -> None:
    permissions = [models.AuthorizeSecurityGroupRequestPermissions(**rule) for rule in rules]
    request = models.AuthorizeSecurityGroupRequest(
        region_id=REGION, security_group_id=GROUP, permissions=permissions or None, **more
    )
    ecs(live).authorize_security_group(request)


def authorize_egress(live: Running, **rule: Any) -> None:
    request = models.AuthorizeSecurityGroupEgressRequest(
        region_id=REGION,
        security_group_id=GROUP,
        permissions=[models.AuthorizeSecurityGroupEgressRequestPermissions(**rule)],
    )
    ecs(live).authorize_security_group_egress(request)


def revoke(live: Running, **what: Any) -> None:
    request = models.RevokeSecurityGroupRequest(region_id=REGION, security_group_id=GROUP, **what)
    ecs(live).revoke_security_group(request)


def shown(live: Running, group: str = GROUP, **filters: Any) -> Any:
    request = models.DescribeSecurityGroupAttributeRequest(region_id=REGION, security_group_id=group, **filters)
    return ecs(live).describe_security_group_attribute(request).body


def rules(live: Running, **filters: Any) -> list[Any]:
    return list(shown(live, **filters).permissions.permission)


def test_an_advanced_group_reads_back_as_one(live: Running) -> None:
    made = create(live, security_group_type="enterprise")
    assert found(live, security_group_id=made) == {made: "enterprise"}
    assert shown(live, made).inner_access_policy == "Drop"


def test_a_group_is_normal_where_no_type_is_given(live: Running) -> None:
    made = create(live)
    assert found(live, security_group_id=made) == {made: "normal"}


def test_a_type_that_does_not_exist_is_refused(live: Running) -> None:
    assert refused(lambda: create(live, security_group_type="huge")) == (400, "InvalidParams.GroupType")


def test_groups_are_found_by_their_ids(live: Running) -> None:
    made = create(live)
    assert set(found(live, security_group_ids=json.dumps([made, GROUP]))) == {made, GROUP}
    assert found(live, security_group_ids='["sg-none"]') == {}


def test_groups_are_found_by_their_type(live: Running) -> None:
    made = create(live, security_group_type="enterprise")
    assert set(found(live, security_group_type="enterprise")) == {made}
    assert made not in found(live, security_group_type="normal")


@pytest.mark.parametrize(
    "filters", [{"network_type": "classic"}, {"service_managed": True}, {"resource_group_id": "rg-none"}]
)
def test_groups_that_the_local_cloud_has_none_of_are_not_listed(live: Running, filters: dict[str, Any]) -> None:
    assert found(live, **filters) == {}


def test_a_dry_run_lists_no_groups(live: Running) -> None:
    assert refused(lambda: found(live, dry_run=True)) == (400, "DryRunOperation")


def test_rules_are_added_once_and_by_number(live: Running) -> None:
    web = {"ip_protocol": "TCP", "port_range": "80/80", "source_group_id": GROUP, "policy": "drop"}
    for _ in range(2):
        authorize(live, {**SSH, "priority": "2"}, web)
    assert [(rule.ip_protocol, rule.port_range, rule.policy, rule.priority) for rule in rules(live)] == [
        ("TCP", "22/22", "Accept", "2"),
        ("TCP", "80/80", "Drop", "1"),
    ]


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"ip_protocol": "smtp"}, (400, "InvalidIpProtocol.ValueNotSupported")),
        ({"port_range": None}, (400, "InvalidPortRange.Malformed")),
        ({"port_range": "22"}, (400, "InvalidParam.PortRange")),
        ({"port_range": "100/1"}, (400, "InvalidParam.PortRange")),
        ({"port_range": "0/22"}, (400, "InvalidParam.PortRange")),
        ({"port_range": "99999/99999"}, (400, "InvalidParam.PortRange")),
        ({"port_range": "-1/-1"}, (400, "OperationDenied")),
        ({"ip_protocol": "icmp"}, (400, "OperationDenied")),
        ({"source_port_range": "9/1"}, (400, "InvalidSourcePortRange.Malformed")),
        ({"source_port_range": "-1/-1"}, (400, "InvalidSourcePortRange.Malformed")),
        ({"policy": "maybe"}, (400, "InvalidPolicy.Malformed")),
        ({"priority": "high"}, (400, "InvalidPriority.Malformed")),
        ({"priority": "101"}, (400, "InvalidPriority.ValueNotSupported")),
        ({"nic_type": "wireless"}, (400, "InvalidNicType.ValueNotSupported")),
        ({"description": "a" * 513}, (400, "InvalidSecurityGroupDiscription.Malformed")),
        ({"source_cidr_ip": None}, (400, "MissingParameter.Source")),
        ({"source_cidr_ip": "999.1.2.3/99"}, (400, "InvalidSourceCidrIp.Malformed")),
        ({"source_cidr_ip": "10.0.0.0/255.0.0.0"}, (400, "InvalidSourceCidrIp.Malformed")),
        ({"dest_cidr_ip": "10.0.0"}, (400, "InvalidDestCidrIp.Malformed")),
        ({"source_cidr_ip": None, "ipv_6source_cidr_ip": "10::1::/8"}, (400, "InvalidParam.Ipv6SourceCidrIp")),
        ({"ipv_6source_cidr_ip": "2001:db8::/32"}, (400, "InvalidParam.SourceIp")),
        ({"ipv_6dest_cidr_ip": "2001:db8::/32"}, (400, "InvalidParameter.Conflict")),
        (
            {"ip_protocol": "icmpv6", "port_range": "-1/-1"},
            (400, "InvalidParam.Ipv6ProtocolConflictWithIpv4Address"),
        ),
        (
            {"ip_protocol": "icmp", "source_cidr_ip": None, "ipv_6source_cidr_ip": "::/0", "port_range": "-1/-1"},
            (400, "InvalidParam.Ipv4ProtocolConflictWithIpv6Address"),
        ),
        ({"port_range": None, "port_range_list_id": "prl-1"}, (501, "NotImplemented.LocalCloud")),
        (
            {"source_cidr_ip": None, "source_group_id": "sg-1", "source_group_owner_id": 7},
            (501, "NotImplemented.LocalCloud"),
        ),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else None,
)
def test_a_rule_that_makes_no_sense_is_refused(live: Running, change: dict[str, Any], answer: tuple[int, str]) -> None:
    assert refused(lambda: authorize(live, SSH, {**SSH, **change})) == answer
    assert rules(live) == []


def test_a_rule_of_an_unknown_group_is_refused(live: Running) -> None:
    request = models.AuthorizeSecurityGroupRequest(region_id=REGION, security_group_id="sg-nowhere", **SSH)
    assert refused(lambda: ecs(live).authorize_security_group(request)) == (404, "InvalidSecurityGroupId.NotFound")


def test_numbered_rules_and_the_older_way_exclude_each_other(live: Running) -> None:
    assert refused(lambda: authorize(live, SSH, **SSH)) == (400, "InvalidParam.Permissions")


def test_a_rule_without_a_protocol_is_not_passed_over(live: Running) -> None:
    rule = {"port_range": "80/80", "source_cidr_ip": "0.0.0.0/0"}
    assert refused(lambda: authorize(live, SSH, rule)) == (400, "InvalidIpProtocol.ValueNotSupported")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"source_cidr_ip": "192.0.2.7"}, {"source_cidr_ip": "192.0.2.7"}),
        ({"ipv_6source_cidr_ip": "2001:db8::/32"}, {"ipv_6source_cidr_ip": "2001:db8::/32"}),
        ({"source_prefix_list_id": "pl-1"}, {"source_prefix_list_id": "pl-1"}),
        ({"source_group_id": "sg-1", "source_prefix_list_id": "pl-1"}, {"source_group_id": "sg-1"}),
        ({"source_group_id": "sg-1", "source_cidr_ip": "10.0.0.0/8"}, {"source_cidr_ip": "10.0.0.0/8"}),
        (
            {"source_cidr_ip": "10.0.0.0/8", "dest_cidr_ip": "172.16.0.1"},
            {"source_cidr_ip": "10.0.0.0/8", "dest_cidr_ip": "172.16.0.1"},
        ),
    ],
    ids=["an address", "IPv6", "a prefix list", "a group before a list", "addresses before a group", "five parts"],
)
def test_a_rule_is_told_as_it_was_given(live: Running, fields: dict[str, str], told: dict[str, str]) -> None:
    authorize(live, {"ip_protocol": "udp", "port_range": "53/53", **fields})
    (rule,) = rules(live)
    names = ("cidr_ip", "group_id", "prefix_list_id")
    ends = [*(f"{end}_{name}" for end in ("source", "dest") for name in names), "ipv_6source_cidr_ip"]
    assert {name: value for name in (*ends, "ipv_6dest_cidr_ip") if (value := getattr(rule, name))} == told


def test_a_rule_for_what_goes_out_has_its_ends_the_other_way_round(live: Running) -> None:
    authorize_egress(
        live, ip_protocol="all", port_range="-1/-1", ipv_6dest_cidr_ip="::/0", ipv_6source_cidr_ip="fd00::1"
    )
    (rule,) = rules(live)
    assert (rule.ipv_6dest_cidr_ip, rule.ipv_6source_cidr_ip) == ("::/0", "fd00::1")
    rule_of_nowhere = {"ip_protocol": "all", "port_range": "-1/-1"}
    assert refused(lambda: authorize_egress(live, **rule_of_nowhere)) == (400, "MissingParameter.Dest")


def test_rules_that_differ_in_the_senders_ports_are_two(live: Running) -> None:
    authorize(live, {**SSH, "source_port_range": "1/100"}, {**SSH, "source_port_range": "200/300"}, SSH)
    assert [rule.source_port_range for rule in rules(live)] == ["1/100", "200/300", ""]


def test_a_rule_is_revoked_by_its_id(live: Running) -> None:
    authorize(live, SSH, {**SSH, "port_range": "80/80"})
    first, second = rules(live)
    assert first.security_group_rule_id.startswith("sgr-")
    revoke(live, security_group_rule_id=[first.security_group_rule_id])
    assert [rule.security_group_rule_id for rule in rules(live)] == [second.security_group_rule_id]


def test_a_rule_of_an_older_data_file_has_an_id(live: Running) -> None:
    group = live.cloud.store.get(SecurityGroup, GROUP)
    assert group
    rule = Rule(direction="ingress", protocol="TCP", ports="22/22", cidr="0.0.0.0/0")
    live.cloud.store.put(replace(group, rules=(rule,)))
    revoke(live, security_group_rule_id=[rules(live)[0].security_group_rule_id])
    assert rules(live) == []


def ids_of(live: Running) -> list[str]:
    return [rule.security_group_rule_id for rule in rules(live)]


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        (lambda live: {"security_group_rule_id": ["sgr-none"]}, (404, "InvalidSecurityGroupRuleId.NotFound")),
        (lambda live: {"security_group_rule_id": ids_of(live)[1:]}, (404, "InvalidSecurityGroupRuleId.NotFound")),
        (
            lambda live: {"security_group_rule_id": ids_of(live)[:1] * 2},
            (400, "InvalidParam.SecurityGroupRuleIdRepeated"),
        ),
        (lambda live: {"security_group_rule_id": ids_of(live)[:1], **SSH}, (400, "InvalidParam.Permissions")),
        (lambda live: {**SSH, "port_range": "23/23"}, (400, "InvalidSecurityGroupRule.RuleNotExist")),
    ],
    ids=["unknown", "of the other direction", "repeated", "both ways", "another port"],
)
def test_a_rule_that_cannot_be_revoked_stays(
    live: Running, what: Callable[[Running], dict[str, Any]], answer: tuple[int, str]
) -> None:
    authorize(live, SSH)
    authorize_egress(live, ip_protocol="all", port_range="-1/-1", dest_cidr_ip="0.0.0.0/0")
    assert refused(lambda: revoke(live, **what(live))) == answer
    assert len(rules(live)) == 2


def test_rules_are_read_page_by_page(live: Running) -> None:
    authorize(live, *({**SSH, "port_range": f"{port}/{port}"} for port in range(1, 13)))
    first = shown(live, max_results=10)
    assert len(first.permissions.permission) == 10
    second = shown(live, max_results=10, next_token=first.next_token)
    assert [rule.port_range for rule in second.permissions.permission] == ["11/11", "12/12"]
    assert second.next_token == ""
    assert len(rules(live)) == 12
    assert refused(lambda: shown(live, max_results=9)) == (400, "InvalidMaxResults")


def test_rules_are_read_by_direction_and_card(live: Running) -> None:
    authorize(live, SSH)
    assert len(rules(live, direction="ingress", nic_type="internet")) == 1
    assert rules(live, direction="egress") == []
    assert refused(lambda: rules(live, nic_type="wireless")) == (400, "InvalidNicType.ValueNotSupported")
    assert shown(live, attribute="snapshotPolicyIds").snapshot_policy_ids.snapshot_policy_id == []


def test_a_group_has_two_hundred_rules_at_most(live: Running) -> None:
    for low in (1, 101):
        authorize(live, *({**SSH, "port_range": f"{port}/{port}"} for port in range(low, low + 100)))
    assert refused(lambda: authorize(live, SSH | {"port_range": "999/999"})) == (403, "AuthorizationLimitExceed")
