"""The same setup as code, for those who keep their infrastructure in it: Terraform, or a template for ROS (JSON).

Sources: the documentation of Terraform's provider aliyun/alicloud, and of ROS's resource types.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from goldrun import config
from goldrun.cloud.tags import to_api
from goldrun.policies import policy_for, trust_policy
from goldrun.setup.identity import ECS_TRUST, instances_role, policies_of, workflows_role
from goldrun.setup.kinds import Site
from goldrun.setup.network import DEFAULT_CIDR, block_of

PROVIDER_VERSION = ">= 1.252.0"


class Expression(str):
    """HCL that is written as it is, not as a text."""

    __slots__ = ()


def terraform(site: Site) -> str:
    """Return a configuration that makes this setup; what exists already is imported into it."""
    choices, region = site.choices, site.client.region
    name, tags = choices.name, site.tags
    cidr = choices.cidr or DEFAULT_CIDR
    zones = {zone: block_of(cidr, zone) for zone in sorted(choices.zones)}
    parts = [
        _block("terraform", _PROVIDERS),
        _block('provider "alicloud"', region=region),
        _resource("vpc", vpc_name=name, cidr_block=cidr, tags=tags),
        _resource(
            "vswitch",
            for_each=zones,
            vpc_id=Expression("alicloud_vpc.this.id"),
            zone_id=Expression("each.key"),
            cidr_block=Expression("each.value"),
            vswitch_name=Expression(f'"{name}-${{each.key}}"'),
            tags=tags,
        ),
        _resource(
            "security_group",
            security_group_name=name,
            description="goldrun: runners and builders; nothing comes in",
            vpc_id=Expression("alicloud_vpc.this.id"),
            tags=tags,
        ),
        *(_nat(site) if choices.nat else ()),
        *_identities(site),
        *_outputs(site),
        *_imports(site),
    ]
    return "\n".join(parts)


def _nat(site: Site) -> list[str]:
    name, tags = site.choices.name, site.tags
    return [
        _resource(
            "nat_gateway",
            nat_gateway_name=name,
            vpc_id=Expression("alicloud_vpc.this.id"),
            vswitch_id=Expression(f'alicloud_vswitch.this["{min(site.choices.zones)}"].id'),
            nat_type="Enhanced",
            network_type="internet",
            payment_type="PayAsYouGo",
            internet_charge_type="PayByLcu",
            tags=tags,
        ),
        _resource(
            "eip_address",
            address_name=name,
            bandwidth="100",
            internet_charge_type="PayByTraffic",
            payment_type="PayAsYouGo",
            tags=tags,
        ),
        _resource(
            "eip_association",
            allocation_id=Expression("alicloud_eip_address.this.id"),
            instance_id=Expression("alicloud_nat_gateway.this.id"),
            instance_type="Nat",
        ),
        _resource(
            "snat_entry",
            for_each=Expression("alicloud_vswitch.this"),
            snat_table_id=Expression("alicloud_nat_gateway.this.snat_table_ids"),
            source_vswitch_id=Expression("each.value.id"),
            snat_ip=Expression("alicloud_eip_address.this.ip_address"),
            snat_entry_name=Expression(f'"{name}-${{each.key}}"'),
            depends_on=Expression("[alicloud_eip_association.this]"),
        ),
    ]


def _identities(site: Site) -> list[str]:
    choices = site.choices
    parts = []
    trusts: dict[str, Mapping[str, Any]] = {instances_role(choices): ECS_TRUST}
    if choices.subjects:
        found = next(iter(site.seen.get("identity provider", ())), None)
        arn = found.facts["arn"] if found else "${alicloud_ims_oidc_provider.this.arn}"
        if found is None or found.id == choices.name:
            parts.append(
                _resource(
                    "ims_oidc_provider",
                    oidc_provider_name=choices.name,
                    issuer_url=choices.issuer,
                    client_ids=[choices.audience],
                    description=site.mark,
                )
            )
            arn = "${alicloud_ims_oidc_provider.this.arn}"
        trusts[workflows_role(choices)] = trust_policy(
            arn, issuer=choices.issuer, audience=choices.audience, subjects=sorted(choices.subjects)
        )
    for role, jobs in policies_of(choices).items():
        label = role.removeprefix(f"{choices.name}-").replace("-", "_")
        parts += [
            _resource(
                "ram_policy",
                label,
                policy_name=role,
                policy_document=_jsonencode(policy_for(jobs, choices.sboms)),
                description=site.mark,
                tags=site.tags,
            ),
            _resource(
                "ram_role",
                label,
                role_name=role,
                assume_role_policy_document=_jsonencode(trusts[role]),
                description=site.mark,
                tags=site.tags,
            ),
            _resource(
                "ram_role_policy_attachment",
                label,
                role_name=Expression(f"alicloud_ram_role.{label}.role_name"),
                policy_name=Expression(f"alicloud_ram_policy.{label}.policy_name"),
                policy_type="Custom",
            ),
        ]
    return parts


def _outputs(site: Site) -> list[str]:
    values = {
        config.REGION.names[0]: site.client.region,
        config.VPC.names[0]: Expression("alicloud_vpc.this.id"),
        config.SECURITY_GROUP.names[0]: Expression("alicloud_security_group.this.id"),
        config.ROLE.names[0]: Expression("alicloud_ram_role.self_destruct.role_name"),
    }
    if site.choices.subjects:
        found = next(iter(site.seen.get("identity provider", ())), None)
        values[config.ROLE_ARN.names[0]] = Expression("alicloud_ram_role.workflows.arn")
        values[config.OIDC_PROVIDER_ARN.names[0]] = (
            found.facts["arn"]
            if found and found.id != site.choices.name
            else Expression("alicloud_ims_oidc_provider.this.arn")
        )
    return [_block(f'output "{name}"', value=value) for name, value in values.items()]


def _imports(site: Site) -> list[str]:
    """Return the blocks that take over what exists (Terraform 1.5 and later)."""
    names = {
        "VPC": "alicloud_vpc.this",
        "security group": "alicloud_security_group.this",
        "NAT gateway": "alicloud_nat_gateway.this",
        "public address": "alicloud_eip_address.this",
    }
    prefix = f"{site.choices.name}-"
    wanted: list[tuple[str, str]] = []
    for kind, found in site.seen.items():
        for one in found:
            label = one.key.removeprefix(prefix).replace("-", "_")
            if one.surplus:
                continue
            if kind in names:
                wanted.append((names[kind], one.id))
            elif kind in ("vSwitch", "SNAT entry"):
                resource = "vswitch" if kind == "vSwitch" else "snat_entry"
                wanted.append((f'alicloud_{resource}.this["{one.key}"]', one.id.replace(" ", ":")))
            elif kind in ("policy", "role"):
                wanted.append((f"alicloud_ram_{kind}.{label}", one.id))
            elif kind == "attached policy":
                wanted.append((f"alicloud_ram_role_policy_attachment.{label}", f"role:{one.id}:Custom:{one.id}"))
            elif kind == "identity provider" and one.id == site.choices.name:
                wanted.append(("alicloud_ims_oidc_provider.this", one.id))
            if kind == "public address" and one.facts["of"]:
                wanted.append(("alicloud_eip_association.this", f"{one.id}:{one.facts['of']}"))
    return [_block("import", to=Expression(to), id=resource_id) for to, resource_id in wanted]


_PROVIDERS = f"""  required_providers {{
    alicloud = {{
      source  = "aliyun/alicloud"
      version = "{PROVIDER_VERSION}"
    }}
  }}"""


def _resource(kind: str, label: str = "this", **members: Any) -> str:
    return _block(f'resource "alicloud_{kind}" "{label}"', **members)


def _block(head: str, /, *blocks: str, **members: Any) -> str:
    return "\n".join([f"{head} {{", *blocks, *_aligned(members, 1), "}", ""])


def _aligned(members: Mapping[str, Any], depth: int, *, quoted: bool = False) -> list[str]:
    """Return a line for each member as `terraform fmt` writes them: neighbours of one line each are aligned."""
    texts = [(json.dumps(name) if quoted else name, _hcl(value, depth)) for name, value in members.items()]
    runs = [list(run) for _, run in itertools.groupby(texts, key=lambda one: "\n" in one[1])]
    widths = [0 if "\n" in run[0][1] else max(len(name) for name, _ in run) for run in runs]
    pad = "  " * depth
    return [f"{pad}{name:<{width}} = {text}" for run, width in zip(runs, widths, strict=True) for name, text in run]


def _hcl(value: Any, depth: int = 1) -> str:
    """Return a value as an expression of HCL."""
    if isinstance(value, Expression):
        return str(value)
    if isinstance(value, Mapping):
        quoted = not all(name.isidentifier() for name in value)
        return "\n".join(["{", *_aligned(value, depth + 1, quoted=quoted), f"{'  ' * depth}}}"])
    if isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
        pad = "  " * (depth + 1)
        return "\n".join(["[", *(f"{pad}{_hcl(one, depth + 1)}," for one in value), f"{'  ' * depth}]"])
    if isinstance(value, list | tuple):
        return f"[{', '.join(_hcl(one, depth) for one in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _jsonencode(document: Mapping[str, Any]) -> Expression:
    return Expression(f"jsonencode({_hcl(document)})")


def ros(site: Site) -> dict[str, Any]:
    """Return a template that makes this setup. ROS has no identity providers: their ARN is a parameter."""
    choices = site.choices
    tags = to_api(site.tags)
    cidr = choices.cidr or DEFAULT_CIDR
    zones = sorted(choices.zones)
    switches = {zone: f"VSwitch{number}" for number, zone in enumerate(zones, 1)}
    resources: dict[str, Any] = {
        "Vpc": _ros("ECS::VPC", VpcName=choices.name, CidrBlock=cidr, Tags=tags),
        "SecurityGroup": _ros("ECS::SecurityGroup", SecurityGroupName=choices.name, VpcId={"Ref": "Vpc"}, Tags=tags),
    }
    for zone, label in switches.items():
        resources[label] = _ros(
            "ECS::VSwitch",
            VpcId={"Ref": "Vpc"},
            ZoneId=zone,
            CidrBlock=block_of(cidr, zone),
            VSwitchName=f"{choices.name}-{zone}",
            Tags=tags,
        )
    if choices.nat:
        resources |= _ros_nat(choices.name, list(switches.values()), tags)
    parameters = {}
    trusts: dict[str, Mapping[str, Any]] = {instances_role(choices): ECS_TRUST}
    if choices.subjects:
        parameters["OidcProviderArn"] = {
            "Type": "String",
            "Description": f"ARN of RAM's identity provider for {choices.issuer}",
        }
        trust = trust_policy("", issuer=choices.issuer, audience=choices.audience, subjects=sorted(choices.subjects))
        trust["Statement"][0]["Principal"] = {"Federated": [{"Ref": "OidcProviderArn"}]}
        trusts[workflows_role(choices)] = trust
    for role, jobs in policies_of(choices).items():
        label = "".join(word.capitalize() for word in role.removeprefix(choices.name).split("-"))
        resources[f"{label}Role"] = _ros(
            "RAM::Role", RoleName=role, AssumeRolePolicyDocument=trusts[role], Description=site.mark
        )
        resources[f"{label}Policy"] = _ros(
            "RAM::ManagedPolicy",
            PolicyName=role,
            PolicyDocument=policy_for(jobs, choices.sboms),
            Description=site.mark,
            Roles=[{"Ref": f"{label}Role"}],
        )
    outputs = {
        "VpcId": {"Value": {"Ref": "Vpc"}, "Description": config.VPC.names[0]},
        "SecurityGroupId": {"Value": {"Ref": "SecurityGroup"}, "Description": config.SECURITY_GROUP.names[0]},
    }
    return {
        "ROSTemplateFormatVersion": "2015-09-01",
        "Description": site.mark,
        **({"Parameters": parameters} if parameters else {}),
        "Resources": resources,
        "Outputs": outputs,
    }


def _ros(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"ALIYUN::{kind}", "Properties": properties}


def _ros_nat(name: str, switches: list[str], tags: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    return {
        "NatGateway": _ros(
            "VPC::NatGateway",
            NatGatewayName=name,
            VpcId={"Ref": "Vpc"},
            VSwitchId={"Ref": switches[0]},
            NatType="Enhanced",
            InternetChargeType="PayByLcu",
            Tags=tags,
        ),
        "Eip": _ros("VPC::EIP", Name=name, Bandwidth=100, InternetChargeType="PayByTraffic", Tags=tags),
        "EipAssociation": _ros("VPC::EIPAssociation", AllocationId={"Ref": "Eip"}, InstanceId={"Ref": "NatGateway"}),
        "SnatEntry": {
            **_ros(
                "VPC::SnatEntry",
                SnatTableId={"Fn::GetAtt": ["NatGateway", "SNatTableId"]},
                SourceVSwitchIds=[{"Ref": label} for label in switches],
                SnatIp={"Fn::GetAtt": ["Eip", "EipAddress"]},
                SnatEntryName=name,
            ),
            "DependsOn": "EipAssociation",
        },
    }
