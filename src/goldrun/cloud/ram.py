"""RAM: roles, custom policies, what is attached, and identity providers. They are global, not of a region.

Sources: the RAM API (2015-05-01): CreateRole, GetRole, CreatePolicy, GetPolicy, CreatePolicyVersion,
AttachPolicyToRole, ListPoliciesForRole; the IMS API (2019-08-15): CreateOIDCProvider, ListOIDCProviders,
UpdateOIDCProvider.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from goldrun.cloud.client import EcsClient
from goldrun.cloud.endpoints import IMS, RAM, Api
from goldrun.cloud.errors import ApiError
from goldrun.cloud.rpc import Parameter
from goldrun.cloud.tags import Tags, to_api

Document = Mapping[str, Any]
_ABSENT = "EntityNotExist"


class Role(NamedTuple):
    """A role: its name, ARN, description and trust policy."""

    name: str
    arn: str
    description: str
    trust: Document


class Policy(NamedTuple):
    """A policy: its name, description and document."""

    name: str
    description: str
    document: Document


class Provider(NamedTuple):
    """An identity provider: its name, ARN, issuer, audiences and description."""

    name: str
    arn: str
    issuer: str
    audiences: tuple[str, ...]
    description: str


class Attached(NamedTuple):
    """A policy that a role has: its name, and whether it is of the account (``Custom``) or ``System``."""

    name: str
    kind: str


def get_role(client: EcsClient, name: str) -> Role | None:
    """Return a role; None: there is none of that name."""
    answer = _get(client, "GetRole", {"RoleName": name}, RAM)
    if answer is None:
        return None
    role = answer["Role"]
    return Role(name, role["Arn"], str(role.get("Description") or ""), json.loads(role["AssumeRolePolicyDocument"]))


def create_role(client: EcsClient, name: str, trust: Document, description: str, tags: Tags) -> None:
    """Create a role.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {
        "RoleName": name,
        "AssumeRolePolicyDocument": _text(trust),
        "Description": description,
        "Tag": json.dumps(to_api(tags)),
    }
    client.call("CreateRole", params, api=RAM)


def change_trust(client: EcsClient, name: str, trust: Document) -> None:
    """Change whom a role trusts.

    Raises:
        ApiError: it was refused.
    """
    client.call("UpdateRole", {"RoleName": name, "NewAssumeRolePolicyDocument": _text(trust)}, api=RAM)


def delete_role(client: EcsClient, name: str) -> None:
    """Delete a role without policies.

    Raises:
        ApiError: it was refused.
    """
    client.call("DeleteRole", {"RoleName": name}, api=RAM)


def get_policy(client: EcsClient, name: str, kind: str = "Custom") -> Policy | None:
    """Return a policy as it applies now; None: there is none of that name. A system policy may show no document."""
    answer = _get(client, "GetPolicy", {"PolicyName": name, "PolicyType": kind}, RAM)
    if answer is None:
        return None
    text = answer.get("DefaultPolicyVersion", {}).get("PolicyDocument")
    return Policy(name, str(answer["Policy"].get("Description") or ""), json.loads(text) if text else {})


def create_policy(client: EcsClient, name: str, document: Document, description: str, tags: Tags) -> None:
    """Create a custom policy.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {
        "PolicyName": name,
        "PolicyDocument": _text(document),
        "Description": description,
        "Tag": json.dumps(to_api(tags)),
    }
    client.call("CreatePolicy", params, api=RAM)


def change_policy(client: EcsClient, name: str, document: Document) -> None:
    """Give a custom policy another document; the oldest version makes room if there are too many.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {
        "PolicyName": name,
        "PolicyDocument": _text(document),
        "SetAsDefault": True,
        "RotateStrategy": "DeleteOldestNonDefaultVersionWhenLimitExceeded",
    }
    client.call("CreatePolicyVersion", params, api=RAM)


def delete_policy(client: EcsClient, name: str) -> None:
    """Delete a custom policy that nothing has, with all its versions.

    Raises:
        ApiError: it was refused.
    """
    client.call("DeletePolicy", {"PolicyName": name, "CascadingDelete": True}, api=RAM)


def attached_policies(client: EcsClient, role: str) -> list[Attached]:
    """Return what is attached to a role; nothing if the role does not exist."""
    answer = _get(client, "ListPoliciesForRole", {"RoleName": role}, RAM)
    elements = answer["Policies"]["Policy"] if answer else []
    return [Attached(element["PolicyName"], element["PolicyType"]) for element in elements]


def attach_policy(client: EcsClient, role: str, policy: str) -> None:
    """Attach a custom policy to a role.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {"RoleName": role, "PolicyName": policy, "PolicyType": "Custom"}
    client.call("AttachPolicyToRole", params, api=RAM)


def detach_policy(client: EcsClient, role: str, policy: str) -> None:
    """Take a custom policy from a role.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {"RoleName": role, "PolicyName": policy, "PolicyType": "Custom"}
    client.call("DetachPolicyFromRole", params, api=RAM)


def find_issuer(client: EcsClient, issuer: str) -> Provider | None:
    """Return the identity provider of an issuer, which an account has once; None: it has none.

    Source: ListOIDCProviders, which pages by ``Marker``.
    """
    marker = ""
    while True:
        answer = client.call("ListOIDCProviders", {"MaxItems": 100, "Marker": marker or None}, api=IMS)
        for found in answer["OIDCProviders"]["OIDCProvider"]:
            if found["IssuerUrl"] == issuer:
                return _provider(found)
        marker = str(answer.get("Marker") or "")
        if not answer.get("IsTruncated") or not marker:
            return None


def create_provider(client: EcsClient, name: str, issuer: str, audience: str, description: str) -> None:
    """Register an identity provider.

    Raises:
        ApiError: it was refused.
    """
    params: dict[str, Parameter] = {
        "OIDCProviderName": name,
        "IssuerUrl": issuer,
        "ClientIds": audience,
        "Description": description,
    }
    client.call("CreateOIDCProvider", params, api=IMS)


def change_audiences(client: EcsClient, name: str, audiences: tuple[str, ...]) -> None:
    """Change the audiences that an identity provider accepts.

    Raises:
        ApiError: it was refused.
    """
    client.call("UpdateOIDCProvider", {"OIDCProviderName": name, "ClientIds": ",".join(audiences)}, api=IMS)


def delete_provider(client: EcsClient, name: str) -> None:
    """Delete an identity provider.

    Raises:
        ApiError: it was refused.
    """
    client.call("DeleteOIDCProvider", {"OIDCProviderName": name}, api=IMS)


def _provider(found: Mapping[str, Any]) -> Provider:
    audiences = tuple(sorted(word for word in str(found.get("ClientIds") or "").split(",") if word))
    return Provider(
        found["OIDCProviderName"], found["Arn"], found["IssuerUrl"], audiences, str(found.get("Description") or "")
    )


def _get(client: EcsClient, action: str, params: Mapping[str, Parameter], api: Api) -> dict[str, Any] | None:
    try:
        return client.call(action, params, api=api)
    except ApiError as error:
        if not error.code.startswith(_ABSENT):
            raise
        return None


def _text(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"))
