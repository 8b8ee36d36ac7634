"""How many instances run from an image."""

from __future__ import annotations

from collections import Counter

from goldrun.cloud.client import EcsClient
from goldrun.cloud.paging import pages_by_token


def count_instances(client: EcsClient) -> Counter[str]:
    """The number of instances by image id: every page of ``DescribeInstances``."""
    counts: Counter[str] = Counter()
    for answer in pages_by_token(client, "DescribeInstances", {}):
        counts.update(str(instance.get("ImageId", "")) for instance in answer["Instances"]["Instance"])
    return counts
