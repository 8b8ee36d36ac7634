"""No documented parameter of a listing action is ignored: what nothing has read is refused.

If a filter is ignored, the list is too long, and a program that deletes what is listed deletes too much.
"""

from __future__ import annotations

from collections.abc import Mapping

from local_cloud.errors import ApiFault, dry_run, not_performed
from local_cloud.params import Params

_LISTING = ("Describe", "List")
_SHOWN = "It chooses what is shown of each, not which; what the local cloud knows is shown anyway."
_ALL_ALIKE = "It is the same for all that there is here."

# What may be left unread, by action or for all of them (""), and why.
HARMLESS: Mapping[tuple[str, str], str] = {
    ("", "AdditionalAttributes"): _SHOWN,
    ("", "AcceptLanguage"): "It is the language of names, which few answers have.",
    ("DescribeZones", "Verbose"): _SHOWN,
    ("DescribeNetworkInterfaceAttribute", "Attribute"): _SHOWN,
    ("DescribeEipAddresses", "IncludeReservationData"): "It adds changes that are due, and none ever is here.",
    ("DescribeRegions", "ResourceType"): _ALL_ALIKE,
    ("DescribeRegions", "InstanceChargeType"): _ALL_ALIKE,
    ("DescribeImages", "ActionType"): "Every image that starts an instance can also replace its system disk.",
    ("DescribeImages", "ShowExpired"): "No image here is a subscription, so none expires.",
    ("DescribePrice", "ImageId"): "No image here costs anything.",
    ("DescribePrice", "InternetChargeType"): "It is how a bandwidth is billed, and no price here includes any.",
}


def require_all_read(action: str, params: Params, types: Mapping[str, str]) -> None:
    """Refuse what a listing action has not read; answer its ``DryRun``, which none needs to read.

    Args:
        action: its name; others are free to ignore parameters.
        params: the request's, after the action was performed.
        types: its documented parameters. Others pass, as they do at the real gateway.

    Raises:
        ApiFault: ``NotImplemented.LocalCloud`` or ``DryRunOperation``.
    """
    if not action.startswith(_LISTING):
        return
    for name in params.unread(types):
        if name != "DryRun" and not is_harmless(action, name):
            raise _ignored(action, name)
    if "DryRun" in types and params.flag("DryRun"):
        raise dry_run()


def is_harmless(action: str, name: str) -> bool:
    """Return whether an action may ignore a parameter, given by its full name (``Attribute.1``)."""
    stem = name.partition(".")[0]
    return ("", stem) in HARMLESS or (action, stem) in HARMLESS


def _ignored(action: str, name: str) -> ApiFault:
    return not_performed(f"{action} with {name}")
