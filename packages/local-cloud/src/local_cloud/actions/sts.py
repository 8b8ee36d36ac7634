"""STS: the caller's identity, and temporary keys."""

from __future__ import annotations

import re

import msgspec

from local_cloud import tokens
from local_cloud.access import AccessKey, TrustPolicy
from local_cloud.actions.registry import Answer, Call, action, random_word
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, invalid
from local_cloud.ram import provider_of, role_of
from local_cloud.trust import Document, federated, trusts, trusts_account

_ROLE_ARN = re.compile(r"acs:ram::(?P<account>\d+):role/(?P<role>[\w.-]{1,64})")
_PROVIDER_ARN = re.compile(r"acs:ram::(?P<account>\d+):oidc-provider/(?P<name>[\w.-]{1,128})")
_SESSION = re.compile(r"[\w.@-]{2,64}")


@action("GetCallerIdentity", product="sts", regionless=True)
def get_caller_identity(call: Call) -> Answer:
    """The identity behind the AccessKey."""
    key = call.caller
    if key.role:
        return {
            "IdentityType": "AssumedRoleUser",
            "AccountId": key.account,
            "Arn": f"acs:ram::{key.account}:assumed-role/{key.role}/{key.user}",
            "PrincipalId": f"{_number(key.role)}:{key.user}",
            "RoleId": _number(key.role),
        }
    if key.user:
        return {
            "IdentityType": "RAMUser",
            "AccountId": key.account,
            "Arn": f"acs:ram::{key.account}:user/{key.user}",
            "PrincipalId": _number(key.user),
            "UserId": _number(key.user),
        }
    return {
        "IdentityType": "Account",
        "AccountId": key.account,
        "Arn": f"acs:ram::{key.account}:root",
        "PrincipalId": key.account,
        "UserId": key.account,
    }


@action("AssumeRole", product="sts", regionless=True)
def assume_role(call: Call) -> Answer:
    """A temporary key for a role of the caller's account.

    A role that was created by the API has its trust policy; every other role exists here, and trusts its account.
    """
    account, role = _role(call)
    made = role_of(call.store, account, role)
    if account != call.account or (made and not trusts_account(made.trust, account)):
        raise ApiFault(
            403, "NoPermission", "You are not authorized to do this action. You should be authorized by RAM."
        )
    return _session(call, account, role)


@action("AssumeRoleWithOIDC", product="sts", regionless=True, unsigned=True)
def assume_role_with_oidc(call: Call) -> Answer:
    """A temporary key for a role in exchange for an identity provider's token.

    The call is not signed: the token is the proof. A provider that was created by the API has its issuer and
    audiences; every other one of the account, of any name, is the local GitHub, with the audience
    ``sts.aliyuncs.com``. A role without a trust policy trusts all its jobs.
    """
    account, role = _role(call)
    provider = _PROVIDER_ARN.fullmatch(call.params.require("OIDCProviderArn"))
    if provider is None:
        raise invalid("OIDCProviderArn")
    if provider["account"] != account:
        raise ApiFault(401, "AuthenticationFail.NoPermission", "No such OIDC Provider registered.")
    registered = provider_of(call.store, account, provider["name"])
    claims = tokens.read(
        call.store,
        call.params.require("OIDCToken"),
        call.now,
        audiences=registered.clients if registered else (tokens.AUDIENCE,),
        registered=registered.issuer if registered else "",
    )
    trust = _trust(call, account, role)
    if trust and not trusts(trust, provider[0], claims):
        raise ApiFault(401, "AuthenticationFail.NoPermission", "There is no permission")
    return _session(call, account, role)


def _trust(call: Call, account: str, role: str) -> Document | None:
    if made := role_of(call.store, account, role):
        return federated(made.trust)
    given = call.store.get(TrustPolicy, role)
    return msgspec.convert(given.document, Document) if given else None


def _role(call: Call) -> tuple[str, str]:
    """Return the account and the name of the requested role."""
    match = _ROLE_ARN.fullmatch(call.params.require("RoleArn"))
    if match is None:
        raise invalid("RoleArn")
    return match["account"], match["role"]


def _session(call: Call, account: str, role: str) -> Answer:
    """Return a temporary key for the role."""
    session = call.params.require("RoleSessionName")
    if not _SESSION.fullmatch(session):
        raise invalid("RoleSessionName")
    seconds = call.params.number("DurationSeconds", 3600, 900, 43200)
    key = AccessKey(
        id=f"STS.local{random_word(18)}",
        secret=random_word(40),
        account=account,
        user=session,
        role=role,
        token=random_word(160),
        expires=call.wall + seconds,
    )
    call.store.put(key)
    return {
        "AssumedRoleUser": {
            "Arn": f"acs:ram::{account}:assumed-role/{role}/{session}",
            "AssumedRoleId": f"{_number(role)}:{session}",
        },
        "Credentials": {
            "AccessKeyId": key.id,
            "AccessKeySecret": key.secret,
            "SecurityToken": key.token,
            "Expiration": iso(key.expires),
        },
    }


def _number(name: str) -> str:
    """Return a stable number for a name: RAM has one for each user and role."""
    return f"2{int.from_bytes(name.encode()[:6].ljust(6, b'0'), 'big') % 10**17:017d}"
