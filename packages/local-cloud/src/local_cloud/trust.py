"""Trust policies of roles, as AssumeRoleWithOIDC evaluates them.

Source: "Create a RAM role for a trusted IdP": the keys of conditions are ``oidc:iss``, ``oidc:aud`` and ``oidc:sub``;
issuer and audience are compared by ``StringEquals``. All of an operator's keys must match, each with one of its values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from local_cloud.errors import ApiFault
from local_cloud.ram import Words, listed

Operator = Literal["StringEquals", "StringLike"]
ConditionKey = Literal["oidc:iss", "oidc:aud", "oidc:sub"]


class Principal(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """The identity providers of a statement."""

    federated: Words


class Statement(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """One statement."""

    effect: Literal["Allow", "Deny"]
    action: Literal["sts:AssumeRole"]
    principal: Principal
    condition: dict[Operator, dict[ConditionKey, Words]] = {}


class Document(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """A trust policy."""

    version: Literal["1"]
    statement: list[Statement]


def trusts(document: Document, provider: str, claims: Mapping[str, Any]) -> bool:
    """Return whether an identity with these claims, from the provider with this ARN, may assume the role."""
    effects = [statement.effect for statement in document.statement if _matches(statement, provider, claims)]
    return "Allow" in effects and "Deny" not in effects


def federated(text: str) -> Document:
    """Return the statements of a role's trust policy that concern identity providers; others trust accounts, services.

    Raises:
        ApiFault: one has a form that the local cloud cannot evaluate.
    """
    whole = json.loads(text)
    statements = [
        one for one in whole["Statement"] if isinstance(one, dict) and "Federated" in one.get("Principal", {})
    ]
    try:
        return msgspec.convert({**whole, "Statement": statements}, Document)
    except msgspec.ValidationError as error:
        raise ApiFault(
            501, "NotImplemented.LocalCloud", f"The local cloud cannot evaluate the trust policy: {error}."
        ) from None


def trusts_account(text: str, account: str) -> bool:
    """Return whether a role's trust policy lets its account's own users assume it."""
    principals = [one.get("Principal", {}) for one in json.loads(text)["Statement"] if isinstance(one, dict)]
    named = [name for principal in principals for name in listed(principal.get("RAM", []))]
    return f"acs:ram::{account}:root" in named


def _matches(statement: Statement, provider: str, claims: Mapping[str, Any]) -> bool:
    return provider in listed(statement.principal.federated) and all(
        _holds(_COMPARE[operator], claims.get(key.removeprefix("oidc:")), listed(values))
        for operator, wanted in statement.condition.items()
        for key, values in wanted.items()
    )


def _holds(compare: Callable[[str, str], bool], claim: Any, values: list[str]) -> bool:
    given = claim if isinstance(claim, list) else [claim]
    return any(isinstance(text, str) and compare(text, value) for text in given for value in values)


def _like(text: str, pattern: str) -> bool:
    """Return whether the value matches a pattern of ``*`` and ``?``; brackets are literal."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


_COMPARE: dict[Operator, Callable[[str, str], bool]] = {"StringEquals": str.__eq__, "StringLike": _like}
