"""The names of a launch's instances and hosts.

Sources: RunInstances, ``UniqueSuffix``, ``HostName`` and ``HostNames``; "Specify sequential instance names or
hostnames": ``web[9,3]-x`` is ``web009-x``, ``web010-x``, …
"""

from __future__ import annotations

import re
from collections.abc import Callable

from local_cloud.actions.registry import Call
from local_cloud.errors import ApiFault

MOST_DIGITS = 6
SUFFIX_DIGITS = 3
MAX_NAME, MAX_HOST_NAME = 128, 64
INSTANCE_ID = "${instance_id}"
_SEQUENCE = re.compile(r"(?P<before>[^\[\]]+)\[(?:(?P<first>\d{0,6}),(?P<digits>[1-6]?))?\](?P<after>[^\[\]]*)")

Naming = Callable[[int, str], str]  # from an instance's number and its id to its name


def instance_names(call: Call, amount: int) -> Naming:
    """Return how the instances are named (default: each by its id)."""
    name = call.params.text("InstanceName")
    if not name:
        return lambda _, instance_id: instance_id
    return _named(call, name, amount, MAX_NAME, "InvalidParams.InstanceNameExceed")


def host_names(call: Call, amount: int) -> Naming:
    """Return how the hosts are named (default: no names).

    Raises:
        ApiFault: they are named in both ways, or not each of them.
    """
    name, names = call.params.text("HostName"), call.params.items("HostNames")
    if name and names:
        raise ApiFault(
            403, "InvalidHostname.SingleAndMultiConflict", "HostName and HostNames.N cannot both be specified."
        )
    if not names:
        return _named(call, name, amount, MAX_HOST_NAME, "InvalidParams.HostnameExceed")
    if len(names) != amount:
        raise ApiFault(403, "InvalidHostname.SizeInvalid", "The number of HostNames.N is not that of the instances.")
    return lambda number, _: names[number]


def _named(call: Call, name: str, amount: int, most: int, too_long: str) -> Naming:
    suffixed = bool(name) and amount > 1 and call.params.flag("UniqueSuffix")
    found = _SEQUENCE.fullmatch(name)
    if found is None and ("[" in name or "]" in name):
        raise ApiFault(
            400,
            "InvalidInstanceName.CustomMalformed",
            "Customized section of instance or host name is invalid, please use valid format: "
            "[], [,], [m,], [,n], [m,n].",
        )
    suffixed = suffixed and (found is None or bool(found["after"]))
    if suffixed and len(name) + SUFFIX_DIGITS > most:
        raise ApiFault(403, too_long, "The uniqueSuffix takes three naming places, please shorten your name.")

    def naming(number: int, instance_id: str) -> str:
        given = name if found is None else _in_sequence(found, number)
        suffix = f"{number + 1:0{SUFFIX_DIGITS}d}" if suffixed else ""
        return given.replace(INSTANCE_ID, instance_id) + suffix

    return naming


def _in_sequence(found: re.Match[str], number: int) -> str:
    first, digits = found["first"] or "0", int(found["digits"] or MOST_DIGITS)
    if len(first) > digits:
        digits = MOST_DIGITS
    return f"{found['before']}{int(first) + number:0{digits}d}{found['after']}"
