"""Adds actions to api.json, from which the local cloud checks parameters: all of ECS, and what it has of other APIs.

Usage: python tools/api_description.py

The SDK is generated from the API's published description: its request models have the names and types of
parameters, and a comment says which are required. Actions that are in the file already stay as they are.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

from alibabacloud_ecs20140526 import models as ecs
from alibabacloud_ims20190815 import models as ims
from alibabacloud_ram20150501 import models as ram
from alibabacloud_vpc20160428 import models as vpc

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "packages/local-cloud/src/local_cloud/api.json"
TYPES = {"str": "String", "int": "Integer", "bool": "Boolean", "float": "Float"}
REQUIRED = "# This parameter is required."
# For the API's own accounting; clients do not send them.
UNUSED = re.compile(r"(Resource)?Owner(Account|Id)")


# Of the VPC API's hundreds of actions.
VPC = (
    "AllocateEipAddress",
    "AssociateEipAddress",
    "CreateDefaultVpc",
    "CreateNatGateway",
    "CreateSnatEntry",
    "DeleteNatGateway",
    "DeleteSnatEntry",
    "DescribeNatGateways",
    "DescribeSnatTableEntries",
    "CreateDefaultVSwitch",
    "CreateVpc",
    "CreateVSwitch",
    "DeleteVpc",
    "DeleteVSwitch",
    "DescribeEipAddresses",
    "DescribeRouteTableList",
    "DescribeRouteTables",
    "DescribeVpcAttribute",
    "DescribeVSwitchAttributes",
    "ListTagResources",
    "ModifyEipAddressAttribute",
    "ModifyVpcAttribute",
    "ModifyVSwitchAttribute",
    "ReleaseEipAddress",
    "TagResources",
    "UnassociateEipAddress",
    "UnTagResources",
)


RAM = (
    *("CreateRole", "GetRole", "ListRoles", "UpdateRole", "DeleteRole"),
    *("CreatePolicy", "GetPolicy", "ListPolicies", "UpdatePolicyDescription", "DeletePolicy"),
    *("CreatePolicyVersion", "GetPolicyVersion", "ListPolicyVersions", "SetDefaultPolicyVersion"),
    *("DeletePolicyVersion", "AttachPolicyToRole", "DetachPolicyFromRole", "ListPoliciesForRole"),
    *("ListEntitiesForPolicy", "TagResources", "UntagResources", "ListTagResources"),
)
IMS = (
    *("CreateOIDCProvider", "GetOIDCProvider", "ListOIDCProviders", "UpdateOIDCProvider", "DeleteOIDCProvider"),
    *("AddClientIdToOIDCProvider", "RemoveClientIdFromOIDCProvider"),
    *("AddFingerprintToOIDCProvider", "RemoveFingerprintFromOIDCProvider"),
)
VERSIONS = {"ram": "2015-05-01", "ims": "2019-08-15"}


def parameters(models: Any, action: str) -> dict[str, str]:
    """Return an action's parameters by name, with their types; ``!`` marks required ones."""
    return dict(sorted(_members(models, getattr(models, f"{action}Request"), "")))


def _members(models: Any, model: Any, prefix: str) -> list[tuple[str, str]]:
    source = inspect.getsource(model)
    members = re.findall(r"^        self\.(\w+) = \1$", source, re.MULTILINE)
    # Both have the members in the same order.
    names = dict(zip(members, re.findall(r"result\['([^']+)'\] = ", source), strict=True))
    types = dict(re.findall(r"^        (\w+): (.+) = None,$", source, re.MULTILINE))
    found: list[tuple[str, str]] = []
    comments = ""
    for line in map(str.strip, source[: source.index("def validate")].splitlines()):
        if line.startswith("#"):
            comments += f"{line}\n"
        elif assigned := re.fullmatch(r"self\.(\w+) = \1", line):
            member, must = assigned[1], "!" if REQUIRED in comments else ""
            comments = ""
            name, kind = prefix + names[member], types[member]
            if UNUSED.fullmatch(name):
                continue
            if kind in TYPES:
                found.append((name, TYPES[kind] + must))
            elif kind.startswith("List["):
                found.append((name, f"RepeatList{must}"))
            elif kind.startswith("Dict["):
                found.append((name, f"Json{must}"))
            else:
                found.append((name, f"Struct{must}"))
                found += _members(models, getattr(models, kind.removeprefix("main_models.")), f"{name}.")
    return found


def known() -> list[str]:
    """Return the names of all actions."""
    requests = {name.removesuffix("Request") for name in dir(ecs) if name.endswith("Request")}
    return sorted(name for name in requests if not name.endswith("Shrink") and hasattr(ecs, f"{name}Response"))


def main() -> None:
    """Write the file."""
    products: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    for code, version in VERSIONS.items():
        products.setdefault(code, {"version": version, "actions": {}})
    for code, models, names in (("ecs", ecs, known()), ("vpc", vpc, VPC), ("ram", ram, RAM), ("ims", ims, IMS)):
        actions = products[code]["actions"]
        actions |= {name: parameters(models, name) for name in names if name not in actions}
    lines = []
    for code, api in products.items():
        members = ",\n".join(
            f"  {json.dumps(name)}: {json.dumps(params, separators=(',', ':'))}"
            for name, params in sorted(api["actions"].items())
        )
        lines.append(f' {json.dumps(code)}: {{"version": {json.dumps(api["version"])}, "actions": {{\n{members}\n }}}}')
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
