"""How many instances run from an image."""

from __future__ import annotations

from collections import Counter

from goldrun.ecs.client import EcsClient

PAGE = 100


def count_instances(client: EcsClient) -> Counter[str]:
    """The number of instances by image id: every page of ``DescribeInstances``."""
    counts: Counter[str] = Counter()
    token = ""
    while True:
        answer = client.call("DescribeInstances", {"MaxResults": PAGE, "NextToken": token or None})
        counts.update(str(instance.get("ImageId", "")) for instance in answer["Instances"]["Instance"])
        token = answer.get("NextToken") or ""
        if not token:
            return counts
