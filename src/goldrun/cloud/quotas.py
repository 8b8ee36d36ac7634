"""How many more vCPUs the account may run. Source: DescribeAccountAttributes, by region."""

from __future__ import annotations

from goldrun.cloud.client import EcsClient

_NAMES = {
    True: ("max-spot-instance-vcpu-count", "used-spot-instance-vcpu-count"),
    False: ("max-postpaid-instance-vcpu-count", "used-postpaid-instance-vcpu-count"),
}


def free_vcpus(client: EcsClient, *, spot: bool) -> int | None:
    """Return how many more vCPUs the quota of spot instances, or of pay-as-you-go ones, allows.

    None: the account does not say; its quotas may be by instance family.
    """
    names = _NAMES[spot]
    answer = client.call("DescribeAccountAttributes", {"AttributeName": list(names)})
    found: dict[str, int] = {}
    for element in answer["AccountAttributeItems"]["AccountAttributeItem"]:
        values = [value.get("Value", "") for value in element["AttributeValues"]["ValueItem"]]
        if values and values[0].isdigit():
            found[element["AttributeName"]] = int(values[0])
    if not all(name in found for name in names):
        return None
    return max(0, found[names[0]] - found[names[1]])
