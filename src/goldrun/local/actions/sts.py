"""Who the caller is, and temporary keys."""

from __future__ import annotations

import re

from goldrun.local.actions.registry import Answer, Call, action, random_word
from goldrun.local.clock import iso
from goldrun.local.errors import ApiFault, invalid
from goldrun.local.records import AccessKey

_ROLE_ARN = re.compile(r"acs:ram::(?P<account>\d+):role/(?P<role>[\w.-]{1,64})")
_SESSION = re.compile(r"[\w.@-]{2,64}")


@action("GetCallerIdentity", product="sts")
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


@action("AssumeRole", product="sts")
def assume_role(call: Call) -> Answer:
    """A temporary key for a role of the caller's account. Every role exists and trusts its account here."""
    match = _ROLE_ARN.fullmatch(call.params.require("RoleArn"))
    if match is None:
        raise invalid("RoleArn")
    if match["account"] != call.account:
        raise ApiFault(
            403, "NoPermission", "You are not authorized to do this action. You should be authorized by RAM."
        )
    session = call.params.require("RoleSessionName")
    if not _SESSION.fullmatch(session):
        raise invalid("RoleSessionName")
    seconds = call.params.number("DurationSeconds", 3600, 900, 43200)
    key = AccessKey(
        id=f"STS.local{random_word(18)}",
        secret=random_word(40),
        account=call.account,
        user=session,
        role=match["role"],
        token=random_word(160),
        expires=call.wall + seconds,
    )
    call.store.put(key)
    return {
        "AssumedRoleUser": {
            "Arn": f"acs:ram::{call.account}:assumed-role/{key.role}/{session}",
            "AssumedRoleId": f"{_number(key.role)}:{session}",
        },
        "Credentials": {
            "AccessKeyId": key.id,
            "AccessKeySecret": key.secret,
            "SecurityToken": key.token,
            "Expiration": iso(key.expires),
        },
    }


def _number(name: str) -> str:
    """A stable number for a name, as RAM has one for each user and role."""
    return f"2{int.from_bytes(name.encode()[:6].ljust(6, b'0'), 'big') % 10**17:017d}"
