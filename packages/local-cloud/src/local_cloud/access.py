"""AccessKeys, and the RAM statements and policies that deny or allow actions."""

from __future__ import annotations

from local_cloud.records import Record


class AccessKey(Record, frozen=True, kw_only=True):
    """An AccessKey; ``id`` is its id.

    Attributes:
        user: the RAM user's or role session's name; empty for the account itself.
        role: the role's name, if it is a role session's temporary key.
        token: the STS token that such a key needs.
        expires: on the computer's clock; 0: never.
    """

    secret: str
    account: str
    user: str = ""
    role: str = ""
    token: str = ""
    expires: float = 0.0
    active: bool = True


class Denial(Record, frozen=True, kw_only=True):
    """A RAM statement that denies; ``id`` is the pattern of actions, e.g. ``ecs:DescribeImages`` or ``ecs:*``."""


class Policy(Record, frozen=True, kw_only=True):
    """A RAM policy that is attached to an AccessKey; ``id`` is the key's."""

    document: dict[str, object]


class TrustPolicy(Record, frozen=True, kw_only=True):
    """The identities that a role trusts; ``id`` is the role's name."""

    document: dict[str, object]


class SigningKey(Record, frozen=True, kw_only=True):
    """The key of an issuer of identity tokens; ``id`` is the issuer's URL. Numbers in hexadecimal."""

    modulus: str
    private: str
