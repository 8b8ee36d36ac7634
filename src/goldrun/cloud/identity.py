"""The account and identity that the credentials belong to."""

from __future__ import annotations

from typing import NamedTuple

from goldrun.cloud.client import EcsClient
from goldrun.cloud.endpoints import STS


class Identity(NamedTuple):
    """Who the credentials belong to.

    Attributes:
        account: the account's id.
        arn: the identity in it.
        role: the role's name, if a role was assumed; else empty.
    """

    account: str
    arn: str
    role: str

    @property
    def is_root(self) -> bool:
        """Whether it is the account itself, which may do everything."""
        return self.arn.endswith(":root")


def find_identity(client: EcsClient) -> Identity:
    """Return who the credentials belong to.

    Source: GetCallerIdentity, which needs no permission.

    Raises:
        GoldrunError: the call failed.
    """
    answer = client.call("GetCallerIdentity", api=STS)
    arn = str(answer["Arn"])
    role = arn.split("/")[1] if ":assumed-role/" in arn else ""
    return Identity(str(answer["AccountId"]), arn, role)


def describe_account(client: EcsClient) -> str:
    """Return the account and the identity in it, in words.

    Raises:
        GoldrunError: the call failed.
    """
    found = find_identity(client)
    return f"account {found.account} ({found.arn})"
