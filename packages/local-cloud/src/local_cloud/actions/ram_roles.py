"""RAM roles: created, read, changed, deleted. They are global.

Sources: CreateRole, GetRole, UpdateRole, DeleteRole and ListRoles of the RAM API (2015-05-01), with their error codes.
"""

from __future__ import annotations

import json
import re
from typing import Any

from msgspec.structs import replace

from local_cloud.actions.ram_tags import given_tags
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import has_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, invalid
from local_cloud.ram import attached_to, require_role, role_of
from local_cloud.records.identities import RamRole

_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)


@action("CreateRole", "ram", regionless=True)
def create_role(call: Call) -> Answer:
    """Create a role."""
    params = call.params
    name = params.require("RoleName")
    if not _NAME.fullmatch(name):
        raise ApiFault(400, "InvalidParameter.RoleName.InvalidChars", "The parameter RoleName contains invalid chars.")
    if role_of(call.store, call.account, name):
        raise ApiFault(409, "EntityAlreadyExists.Role", f"The role already exists: {name} .")
    role = RamRole(
        id=f"{call.account} {name}",
        account=call.account,
        name=name,
        trust=document(params.require("AssumeRolePolicyDocument"), "AssumeRolePolicyDocument"),
        description=params.text("Description"),
        session_seconds=params.number("MaxSessionDuration", 3600, 3600, 43200),
        created=call.now,
        updated=call.now,
        tags=given_tags(params),
    )
    call.store.put(role)
    return {"Role": _describe(role)}


@action("GetRole", "ram", regionless=True)
def get_role(call: Call) -> Answer:
    """A role with its trust policy."""
    return {"Role": {**_describe(named_role(call)), "IsServiceLinkedRole": False}}


@action("ListRoles", "ram", regionless=True)
def list_roles(call: Call) -> Answer:
    """The account's roles, without their trust policies."""
    tags = given_tags(call.params).items()
    found = [role for role in call.view.all(RamRole) if role.account == call.account and has_tags(role.tags, tags)]
    shown, paging = marked(call, found)
    return {**paging, "Roles": {"Role": [{**_summary(role), "Tags": tag_rows(role.tags)} for role in shown]}}


@action("UpdateRole", "ram", regionless=True)
def update_role(call: Call) -> Answer:
    """Change a role's trust policy, description or longest session."""
    role, params = named_role(call), call.params
    if text := params.text("NewAssumeRolePolicyDocument"):
        role = replace(role, trust=document(text, "NewAssumeRolePolicyDocument"))
    if "NewDescription" in params.values:
        role = replace(role, description=params.text("NewDescription"))
    seconds = params.number("NewMaxSessionDuration", role.session_seconds, 3600, 43200)
    role = replace(role, session_seconds=seconds, updated=call.now)
    call.store.put(role)
    return {"Role": _describe(role)}


@action("DeleteRole", "ram", regionless=True)
def delete_role(call: Call) -> Answer:
    """Delete a role that has no policies."""
    role = named_role(call)
    if attached_to(call.store, role.account, role.name):
        raise ApiFault(409, "DeleteConflict.Role.Policy", "The role has policies. Please detach them first.")
    call.store.remove(role)
    return {}


def named_role(call: Call) -> RamRole:
    """Return the role that a call names.

    Raises:
        ApiFault: it does not exist.
    """
    return require_role(call.store, call.account, call.params.require("RoleName"))


def document(text: str, parameter: str) -> str:
    """Return a policy document that has the form of one.

    Raises:
        ApiFault: it has not.
    """
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict) or parsed.get("Version") != "1" or not isinstance(parsed.get("Statement"), list):
        raise ApiFault(400, f"InvalidParameter.{parameter}.Format", f"The parameter {parameter} is not valid.")
    return text


def marked(call: Call, items: list[Any]) -> tuple[list[Any], Answer]:
    """Return the page of ``Marker`` and ``MaxItems``, and the members of the answer that describe it."""
    text = call.params.text("Marker", "0")
    if not re.fullmatch("[0-9]{1,9}", text):
        raise invalid("Marker")
    start, size = int(text), call.params.number("MaxItems", 100, 1, 1000)
    more = start + size < len(items)
    return items[start : start + size], {"IsTruncated": more, **({"Marker": str(start + size)} if more else {})}


def _describe(role: RamRole) -> Answer:
    return {**_summary(role), "AssumeRolePolicyDocument": role.trust}


def _summary(role: RamRole) -> Answer:
    return {
        "RoleId": str(300_000_000_000_000_000 + int.from_bytes(role.name.encode()[:7], "big") % 10**17),
        "RoleName": role.name,
        "Arn": f"acs:ram::{role.account}:role/{role.name}",
        "Description": role.description,
        "MaxSessionDuration": role.session_seconds,
        "AllowConsoleLogin": False,
        "CreateDate": iso(role.created),
        "UpdateDate": iso(role.updated),
    }
