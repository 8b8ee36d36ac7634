"""The account's quotas."""

from __future__ import annotations

from local_cloud.actions.launch_checks import used_cpus
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.errors import invalid

MAX_SECURITY_GROUPS = 100
MAX_INTERFACES = 5000


@action("DescribeAccountAttributes")
def describe_account_attributes(call: Call) -> Answer:
    """The named attributes of the account; without names, all that the local cloud has."""
    quota = call.settings.cpu_quota
    values = {
        "instance-network-type": "vpc",
        "max-security-groups": str(MAX_SECURITY_GROUPS),
        "max-elastic-network-interfaces": str(MAX_INTERFACES),
        "max-postpaid-instance-vcpu-count": str(quota),
        "max-spot-instance-vcpu-count": str(quota),
        "used-postpaid-instance-vcpu-count": str(used_cpus(call, spot=False)),
        "used-spot-instance-vcpu-count": str(used_cpus(call, spot=True)),
        "real-name-authentication": "yes",
    }
    names = call.params.items("AttributeName") or list(values)
    for name in names:
        if name not in values:
            raise invalid("AttributeName")
    return {
        "AccountAttributeItems": {
            "AccountAttributeItem": [
                {"AttributeName": name, "AttributeValues": {"ValueItem": [{"Value": values[name]}]}} for name in names
            ]
        }
    }
