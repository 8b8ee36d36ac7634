"""Calls of the table for RAM: roles, policies, identity providers."""

from __future__ import annotations

import json
from typing import Any

from conformance.call import Call

TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["acs:ram::1:root"]}}],
    }
)
DOCUMENT = json.dumps(
    {"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["ecs:Describe*"], "Resource": "*"}]}
)
ROLE, POLICY, PROVIDER = "lab-role", "lab-policy", "lab-provider"
CUSTOM = {"PolicyName": POLICY, "PolicyType": "Custom"}
FIRST, SECOND = "1" * 40, "a" * 40


def ram(action: str, parameters: dict[str, Any], members: dict[str, Any] | None = None, error: str = "") -> Call:
    return Call(action, parameters, members or {}, error=error, product="ram")


def ims(action: str, members: dict[str, Any] | None = None, *, error: str = "", **parameters: Any) -> Call:
    named = {} if action == "ListOIDCProviders" else {"OIDCProviderName": PROVIDER}
    return Call(action, {**named, **parameters}, members or {}, error=error, product="ims")


IDENTITIES = (
    ram(
        "CreateRole",
        {
            "RoleName": ROLE,
            "AssumeRolePolicyDocument": TRUST,
            "Description": "a lab's",
            "Tag": [{"Key": "first", "Value": "tag"}],
        },
        {"Role.RoleName": ROLE, "Role.RoleId": None, "Role.MaxSessionDuration": 3600},
    ),
    ram("CreateRole", {"RoleName": ROLE, "AssumeRolePolicyDocument": TRUST}, error="EntityAlreadyExists.Role"),
    ram(
        "CreateRole",
        {"RoleName": "other", "AssumeRolePolicyDocument": "no document"},
        error="InvalidParameter.AssumeRolePolicyDocument.Format",
    ),
    ram("UpdateRole", {"RoleName": ROLE, "NewMaxSessionDuration": 7200}, {"Role.MaxSessionDuration": 7200}),
    ram("GetRole", {"RoleName": ROLE}, {"Role.AssumeRolePolicyDocument": TRUST, "Role.Description": "a lab's"}),
    ram("ListRoles", {"MaxItems": 10}, {"Roles.Role.0.RoleName": ROLE, "Roles.Role.0.Tags.Tag.0.TagValue": "tag"}),
    ram(
        "CreatePolicy",
        {"PolicyName": POLICY, "PolicyDocument": DOCUMENT},
        {"Policy.DefaultVersion": "v1", "Policy.PolicyType": "Custom"},
    ),
    ram("UpdatePolicyDescription", {"PolicyName": POLICY, "NewDescription": "changed"}),
    ram(
        "CreatePolicyVersion",
        {"PolicyName": POLICY, "PolicyDocument": DOCUMENT, "SetAsDefault": True},
        {"PolicyVersion.VersionId": "v2", "PolicyVersion.IsDefaultVersion": True},
    ),
    ram("SetDefaultPolicyVersion", {"PolicyName": POLICY, "VersionId": "v1"}),
    ram("GetPolicy", CUSTOM, {"DefaultPolicyVersion.VersionId": "v1", "Policy.Description": "changed"}),
    ram("GetPolicyVersion", {**CUSTOM, "VersionId": "v2"}, {"PolicyVersion.PolicyDocument": DOCUMENT}),
    ram("ListPolicyVersions", CUSTOM, {"PolicyVersions.PolicyVersion.1.VersionId": "v2"}),
    ram("ListPolicies", {"PolicyType": "Custom"}, {"Policies.Policy.0.PolicyName": POLICY}),
    ram("AttachPolicyToRole", {**CUSTOM, "RoleName": ROLE}),
    ram("AttachPolicyToRole", {**CUSTOM, "RoleName": ROLE}, error="EntityAlreadyExists.Role.Policy"),
    ram("AttachPolicyToRole", {"PolicyName": "AliyunECSReadOnlyAccess", "PolicyType": "System", "RoleName": ROLE}),
    ram("ListPoliciesForRole", {"RoleName": ROLE}, {"Policies.Policy.1.PolicyName": None}),
    ram("ListEntitiesForPolicy", CUSTOM, {"Roles.Role.0.RoleName": ROLE}),
    ram("DeletePolicy", {"PolicyName": POLICY}, error="DeleteConflict.Policy.Role"),
    ram("DeleteRole", {"RoleName": ROLE}, error="DeleteConflict.Role.Policy"),
    ram("DetachPolicyFromRole", {**CUSTOM, "RoleName": ROLE}),
    ram("DetachPolicyFromRole", {**CUSTOM, "RoleName": ROLE}, error="EntityNotExist.Role.Policy"),
    ram("DetachPolicyFromRole", {"PolicyName": "AliyunECSReadOnlyAccess", "PolicyType": "System", "RoleName": ROLE}),
    ram("DeletePolicy", {"PolicyName": POLICY}, error="DeleteConflict.Policy.Version"),
    ram("DeletePolicyVersion", {"PolicyName": POLICY, "VersionId": "v1"}, error="DeleteConflict.PolicyVersion.Default"),
    ram("DeletePolicyVersion", {"PolicyName": POLICY, "VersionId": "v2"}),
    ram("TagResources", {"ResourceType": "role", "ResourceNames": [ROLE], "Tag": [{"Key": "a", "Value": "b"}]}),
    ram(
        "ListTagResources",
        {"ResourceType": "role", "ResourceNames": [ROLE]},
        {"TagResources.1.TagValue": "b"},
    ),
    ram("UntagResources", {"ResourceType": "role", "ResourceNames": [ROLE], "TagKeys": ["a"]}),
    ram("DeletePolicy", {"PolicyName": POLICY}),
    ram("GetPolicy", CUSTOM, error="EntityNotExist.Policy"),
    ram("DeleteRole", {"RoleName": ROLE}),
    ram("GetRole", {"RoleName": ROLE}, error="EntityNotExist.Role"),
    ims(
        "CreateOIDCProvider",
        {"OIDCProvider.Arn": None, "OIDCProvider.ClientIds": "sts.aliyuncs.com"},
        IssuerUrl="https://token.actions.githubusercontent.com",
        ClientIds="sts.aliyuncs.com",
        Fingerprints=FIRST,
    ),
    ims(
        "CreateOIDCProvider",
        error="EntityAlreadyExists.OIDCProvider",
        IssuerUrl="https://example.com",
        ClientIds="x",
        Fingerprints=FIRST,
    ),
    ims("AddClientIdToOIDCProvider", {"OIDCProvider.ClientIds": "sts.aliyuncs.com,other"}, ClientId="other"),
    ims("RemoveClientIdFromOIDCProvider", {"OIDCProvider.ClientIds": "sts.aliyuncs.com"}, ClientId="other"),
    ims("AddFingerprintToOIDCProvider", {"OIDCProvider.Fingerprints": f"{FIRST},{SECOND}"}, Fingerprint=SECOND),
    ims("RemoveFingerprintFromOIDCProvider", {"OIDCProvider.Fingerprints": FIRST}, Fingerprint=SECOND),
    ims("RemoveFingerprintFromOIDCProvider", error="InvalidFingerprints", Fingerprint=FIRST),
    ims("UpdateOIDCProvider", {"OIDCProvider.Description": "changed"}, NewDescription="changed"),
    ims("GetOIDCProvider", {"OIDCProvider.IssuerUrl": "https://token.actions.githubusercontent.com"}),
    ims("ListOIDCProviders", {"OIDCProviders.OIDCProvider.0.OIDCProviderName": PROVIDER}),
    ims("DeleteOIDCProvider"),
    ims("GetOIDCProvider", error="EntityNotExist.OIDCProvider"),
)
