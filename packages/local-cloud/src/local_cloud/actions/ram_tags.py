"""Tags of RAM's roles and policies.

Source: TagResources, UntagResources and ListTagResources of the RAM API (2015-05-01).
"""

from __future__ import annotations

from msgspec.structs import replace

from local_cloud.actions.paging import page_by_token
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_tags, merge_tags
from local_cloud.errors import invalid
from local_cloud.json_input import decode
from local_cloud.params import Params
from local_cloud.ram import require_policy, require_role
from local_cloud.records.identities import RamPolicy, RamRole

KINDS = ("role", "policy")
MOST_SHOWN = 100


@action("TagResources", "ram", regionless=True)
def tag_resources(call: Call) -> Answer:
    """Add tags, or change their values."""
    tags = given_tags(call.params)
    for resource in _named(call):
        call.store.put(replace(resource, tags=merge_tags(resource.tags, tags)))
    return {}


@action("UntagResources", "ram", regionless=True)
def untag_resources(call: Call) -> Answer:
    """Remove tags by their keys, or all."""
    keys, everything = set(_names(call.params, "TagKeys")), call.params.flag("All")
    for resource in _named(call):
        removed = set(resource.tags) if everything and not keys else keys
        kept = {key: value for key, value in resource.tags.items() if key not in removed}
        call.store.put(replace(resource, tags=kept))
    return {}


@action("ListTagResources", "ram", regionless=True)
def list_tag_resources(call: Call) -> Answer:
    """The tags of roles or policies; a row a tag."""
    params, wanted = call.params, given_tags(call.params)
    kind = params.text("ResourceType")
    rows = [
        {"ResourceType": kind, "ResourceName": found.name, "TagKey": key, "TagValue": value}
        for found in _named(call)
        for key, value in found.tags.items()
        if not wanted or wanted.get(key) in ("", value)
    ]
    shown, token = page_by_token(rows, params.text("NextToken"), params.number("PageSize", MOST_SHOWN, 1, MOST_SHOWN))
    return {"TagResources": list(shown), "NextToken": token}


def given_tags(params: Params) -> dict[str, str]:
    """Return the tags of a request: as a list in JSON, which the SDKs write, or one parameter for each member."""
    text = params.text("Tag")
    if not text:
        return check_tags(params.pairs("Tag"))
    try:
        return check_tags((tag.get("Key", ""), tag.get("Value")) for tag in decode(text, list[dict[str, str]]))
    except ValueError:
        raise invalid("Tag") from None


def _names(params: Params, name: str) -> list[str]:
    try:
        return decode(params.text(name), list[str]) if params.text(name) else params.items(name)
    except ValueError:
        raise invalid(name) from None


def _named(call: Call) -> list[RamRole | RamPolicy]:
    """Return the resources that a call names; all of the kind, if it names none."""
    kind = call.params.choice("ResourceType", KINDS) or "role"
    names = _names(call.params, "ResourceNames")
    if not names:
        record: type[RamRole | RamPolicy] = RamRole if kind == "role" else RamPolicy
        return [found for found in call.store.all(record) if found.account == call.account]
    require = require_role if kind == "role" else require_policy
    return [require(call.store, call.account, name) for name in names]
