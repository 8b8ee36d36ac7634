"""The account and identity that the credentials belong to."""

from __future__ import annotations

from goldrun.cloud.client import EcsClient
from goldrun.cloud.endpoints import STS


def describe_account(client: EcsClient) -> str:
    """Return the account and the identity in it, in words.

    Source: GetCallerIdentity, which needs no permission.

    Raises:
        GoldrunError: the call failed.
    """
    answer = client.call("GetCallerIdentity", api=STS)
    return f"account {answer['AccountId']} ({answer['Arn']})"
