"""Key pairs, by which people log in. Source: DescribeKeyPairs."""

from __future__ import annotations

from goldrun.cloud.client import EcsClient


def has_key_pair(client: EcsClient, name: str) -> bool:
    """Return whether the region has a key pair of this name.

    Raises:
        ApiError: ECS refused or failed.
    """
    answer = client.call("DescribeKeyPairs", {"KeyPairName": name})
    # The name is a pattern there.
    return any(one["KeyPairName"] == name for one in answer["KeyPairs"]["KeyPair"])
