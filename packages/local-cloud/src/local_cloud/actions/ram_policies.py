"""Policies of RAM, their versions, and the roles that they are attached to.

Sources: CreatePolicy, CreatePolicyVersion, AttachPolicyToRole and the other actions of the RAM API (2015-05-01), with
their error codes. A custom policy has at most five versions; a system policy exists if its name has the form of one.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from local_cloud.actions.ram_roles import document, marked, named_role
from local_cloud.actions.ram_tags import given_tags
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import has_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault
from local_cloud.ram import attached_to, is_system_policy, no_such_policy, policy_of, require_policy
from local_cloud.records.identities import PolicyAttachment, PolicyVersion, RamPolicy

MAX_VERSIONS = 5
KINDS = ("Custom", "System")
_NAME = re.compile(r"[A-Za-z0-9-]{1,128}")


@action("CreatePolicy", "ram", regionless=True)
def create_policy(call: Call) -> Answer:
    """Create a custom policy with its first version."""
    params = call.params
    name = params.require("PolicyName")
    if not _NAME.fullmatch(name):
        raise ApiFault(
            400, "InvalidParameter.PolicyName.InvalidChars", "The parameter PolicyName contains invalid chars."
        )
    if policy_of(call.store, call.account, name):
        raise ApiFault(409, "EntityAlreadyExists.Policy", f"The policy already exists: {name} .")
    first = PolicyVersion(
        id="v1", document=document(params.require("PolicyDocument"), "PolicyDocument"), created=call.now
    )
    policy = RamPolicy(
        id=f"{call.account} {name}",
        account=call.account,
        name=name,
        versions=(first,),
        default=first.id,
        description=params.text("Description"),
        created=call.now,
        updated=call.now,
        tags=given_tags(params),
    )
    call.store.put(policy)
    return {"Policy": _describe(call, policy)}


@action("GetPolicy", "ram", regionless=True)
def get_policy(call: Call) -> Answer:
    """A policy with the version that applies."""
    if call.params.require("PolicyType") == "System":
        return {"Policy": _describe_system(_require_system(call))}
    policy = _require(call)
    version = next(version for version in policy.versions if version.id == policy.default)
    return {"Policy": _describe(call, policy), "DefaultPolicyVersion": _describe_version(policy, version)}


@action("ListPolicies", "ram", regionless=True)
def list_policies(call: Call) -> Answer:
    """The account's custom policies. Here the system's are not listed: any that has the form of one exists."""
    custom = call.params.choice("PolicyType", KINDS) != "System"
    tags = given_tags(call.params).items()
    found = [
        policy
        for policy in call.view.all(RamPolicy)
        if policy.account == call.account and custom and has_tags(policy.tags, tags)
    ]
    shown, paging = marked(call, found)
    return {**paging, "Policies": {"Policy": [_describe(call, policy) for policy in shown]}}


@action("UpdatePolicyDescription", "ram", regionless=True)
def update_policy_description(call: Call) -> Answer:
    """Change a custom policy's description."""
    policy = replace(_require(call), description=call.params.text("NewDescription"), updated=call.now)
    call.store.put(policy)
    return {"Policy": _describe(call, policy)}


@action("DeletePolicy", "ram", regionless=True)
def delete_policy(call: Call) -> Answer:
    """Delete a custom policy that no role has, and that has one version, unless all are to be deleted with it."""
    policy = _require(call)
    if _holders(call, policy.name, "Custom"):
        raise ApiFault(409, "DeleteConflict.Policy.Role", "The policy has been attached to some roles.")
    if len(policy.versions) > 1 and call.params.text("CascadingDelete").lower() != "true":
        raise ApiFault(409, "DeleteConflict.Policy.Version", "The policy has more than one version.")
    call.store.remove(policy)
    return {}


@action("CreatePolicyVersion", "ram", regionless=True)
def create_policy_version(call: Call) -> Answer:
    """Add a version to a custom policy; on request it applies at once, and the oldest other one makes room."""
    params, policy = call.params, _require(call)
    text = document(params.require("PolicyDocument"), "PolicyDocument")
    versions = policy.versions
    if len(versions) >= MAX_VERSIONS:
        if params.text("RotateStrategy") != "DeleteOldestNonDefaultVersionWhenLimitExceeded":
            raise ApiFault(409, "LimitExceeded.Policy.Version", "The version of policy beyond the current limits.")
        oldest = next(version for version in versions if version.id != policy.default)
        versions = tuple(version for version in versions if version != oldest)
    made = PolicyVersion(id=f"v{policy.last + 1}", document=text, created=call.now)
    policy = replace(
        policy,
        versions=(*versions, made),
        last=policy.last + 1,
        default=made.id if params.flag("SetAsDefault") else policy.default,
        updated=call.now,
    )
    call.store.put(policy)
    return {"PolicyVersion": _describe_version(policy, made)}


@action("GetPolicyVersion", "ram", regionless=True)
def get_policy_version(call: Call) -> Answer:
    """A version of a custom policy."""
    policy = _require(call)
    return {"PolicyVersion": _describe_version(policy, _require_version(call, policy))}


@action("ListPolicyVersions", "ram", regionless=True)
def list_policy_versions(call: Call) -> Answer:
    """The versions of a custom policy."""
    call.params.only("PolicyType", "Custom")
    policy = _require(call)
    rows = [_describe_version(policy, version) for version in policy.versions]
    return {"PolicyVersions": {"PolicyVersion": rows}}


@action("SetDefaultPolicyVersion", "ram", regionless=True)
def set_default_policy_version(call: Call) -> Answer:
    """Let another version of a custom policy apply."""
    policy = _require(call)
    call.store.put(replace(policy, default=_require_version(call, policy).id, updated=call.now))
    return {}


@action("DeletePolicyVersion", "ram", regionless=True)
def delete_policy_version(call: Call) -> Answer:
    """Delete a version that does not apply."""
    policy = _require(call)
    version = _require_version(call, policy)
    if version.id == policy.default:
        raise ApiFault(409, "DeleteConflict.PolicyVersion.Default", "The default version of policy cannot be deleted.")
    call.store.put(replace(policy, versions=tuple(kept for kept in policy.versions if kept != version)))
    return {}


@action("AttachPolicyToRole", "ram", regionless=True)
def attach_policy_to_role(call: Call) -> Answer:
    """Give a role a policy."""
    attachment = _attachment(call)
    if call.store.get(PolicyAttachment, attachment.id):
        raise ApiFault(409, "EntityAlreadyExists.Role.Policy", "The policy has already been attached to the role.")
    call.store.put(attachment)
    return {}


@action("DetachPolicyFromRole", "ram", regionless=True)
def detach_policy_from_role(call: Call) -> Answer:
    """Take a policy from a role."""
    attachment = call.store.get(PolicyAttachment, _attachment(call).id)
    if attachment is None:
        raise ApiFault(404, "EntityNotExist.Role.Policy", "The policy is not attached to the role.")
    call.store.remove(attachment)
    return {}


@action("ListPoliciesForRole", "ram", regionless=True)
def list_policies_for_role(call: Call) -> Answer:
    """The policies of a role."""
    rows = []
    for held in attached_to(call.store, call.account, named_role(call).name):
        policy = policy_of(call.store, call.account, held.policy)
        described = _describe(call, policy) if policy and held.kind == "Custom" else _describe_system(held.policy)
        rows.append({**described, "AttachDate": iso(held.created)})
    return {"Policies": {"Policy": rows}}


@action("ListEntitiesForPolicy", "ram", regionless=True)
def list_entities_for_policy(call: Call) -> Answer:
    """The roles that have a policy; here there are no users and groups with policies."""
    kind = call.params.require("PolicyType")
    name = _require_system(call) if kind == "System" else _require(call).name
    rows = [
        {
            "RoleName": held.role,
            "Arn": f"acs:ram::{call.account}:role/{held.role}",
            "AttachDate": iso(held.created),
        }
        for held in _holders(call, name, kind)
    ]
    return {"Users": {"User": []}, "Groups": {"Group": []}, "Roles": {"Role": rows}}


def _attachment(call: Call) -> PolicyAttachment:
    kind = call.params.choice("PolicyType", KINDS) or "Custom"
    name = _require_system(call) if kind == "System" else _require(call).name
    role = named_role(call).name
    return PolicyAttachment(
        id=f"{call.account} {role} {kind} {name}",
        account=call.account,
        role=role,
        policy=name,
        kind=kind,
        created=call.now,
    )


def _holders(call: Call, name: str, kind: str) -> list[PolicyAttachment]:
    meant = (call.account, name, kind)
    return [held for held in call.store.all(PolicyAttachment) if (held.account, held.policy, held.kind) == meant]


def _require(call: Call) -> RamPolicy:
    return require_policy(call.store, call.account, call.params.require("PolicyName"))


def _require_system(call: Call) -> str:
    name = call.params.require("PolicyName")
    if not is_system_policy(name):
        raise no_such_policy(name)
    return name


def _require_version(call: Call, policy: RamPolicy) -> PolicyVersion:
    wanted = call.params.require("VersionId")
    for version in policy.versions:
        if version.id == wanted:
            return version
    raise ApiFault(404, "EntityNotExist.Policy.Version", f"The policy version not exists: {wanted} .")


def _describe(call: Call, policy: RamPolicy) -> Answer:
    return {
        "PolicyName": policy.name,
        "PolicyType": "Custom",
        "Description": policy.description,
        "DefaultVersion": policy.default,
        "PolicyDocument": policy.document,
        "AttachmentCount": len(_holders(call, policy.name, "Custom")),
        "CreateDate": iso(policy.created),
        "UpdateDate": iso(policy.updated),
        "Tags": tag_rows(policy.tags),
    }


def _describe_system(name: str) -> Answer:
    return {"PolicyName": name, "PolicyType": "System", "Description": "", "DefaultVersion": "v1"}


def _describe_version(policy: RamPolicy, version: PolicyVersion) -> Answer:
    return {
        "VersionId": version.id,
        "IsDefaultVersion": version.id == policy.default,
        "PolicyDocument": version.document,
        "CreateDate": iso(version.created),
    }
