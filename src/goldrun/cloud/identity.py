"""Whose credentials these are."""

from __future__ import annotations

from goldrun.cloud.client import EcsClient
from goldrun.cloud.endpoints import STS


def describe_account(client: EcsClient) -> str:
    """The account and the identity in it, in words.

    Source: GetCallerIdentity, which needs no permission.

    Raises:
        GoldrunError: it cannot be asked.
    """
    answer = client.call("GetCallerIdentity", api=STS)
    return f"account {answer['AccountId']} ({answer['Arn']})"
