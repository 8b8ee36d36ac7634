"""The primary network interface of a launch.

Source: RunInstances, ``NetworkInterface.N``: the primary one's vSwitch, security groups and address stand for the
parameters of the launch itself, which must then be left out.
"""

from __future__ import annotations

from local_cloud.errors import ApiFault, not_performed
from local_cloud.params import MAX_LIST, Params

_STEM = "NetworkInterface"
_STANDS_FOR = {
    "VSwitchId": "VSwitchId",
    "PrimaryIpAddress": "PrivateIpAddress",
    "SecurityGroupId": "SecurityGroupId",
    "SecurityGroupIds": "SecurityGroupIds",
}


def without_interfaces(params: Params) -> Params:
    """Return a launch's parameters with those of its primary interface in their places.

    Raises:
        ApiFault: it is not valid, or there is a secondary interface.
    """
    numbers = sorted(
        {
            int(number)
            for name in params.values
            if name.startswith(f"{_STEM}.")
            if (number := name.split(".")[1]).isdigit() and int(number) <= MAX_LIST
        }
    )
    if not numbers:
        return params
    kinds = [params.text(f"{_STEM}.{number}.InstanceType", "Secondary") for number in numbers]
    if any(kind not in ("Primary", "Secondary") for kind in kinds):
        raise _wrong("The InstanceType of a NetworkInterface is Primary or Secondary.")
    if "Secondary" in kinds:
        raise not_performed("a secondary NetworkInterface of a launch")
    if len(numbers) > 1:
        raise _wrong("An instance has one primary NetworkInterface.")
    stem = f"{_STEM}.{numbers[0]}."
    if any(name.partition(".")[0] in _STANDS_FOR.values() and value for name, value in params.values.items()):
        raise _wrong("What the primary NetworkInterface has cannot be specified for the instance.")
    moved = {}
    for name, value in params.values.items():
        word, dot, rest = name.removeprefix(stem).partition(".")
        if name.startswith(stem) and value and word in _STANDS_FOR:
            moved[f"{_STANDS_FOR[word]}{dot}{rest}"] = value
    if "VSwitchId" not in moved or not {"SecurityGroupId", "SecurityGroupIds.1"} & set(moved):
        raise _wrong("The primary NetworkInterface needs a VSwitchId and a security group.")
    return Params({**params.values, **moved})


def _wrong(why: str) -> ApiFault:
    return ApiFault(400, "InvalidParam.NetworkInterface", why)
