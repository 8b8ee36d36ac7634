"""Which tags of their own users may give to what goldrun creates."""

from __future__ import annotations

from goldrun.cloud.tags import MANIFEST, MAX_VALUE, SCHEMA

_OWN = {tag.key.lower() for tag in SCHEMA}
_NUMBERED = f"{MANIFEST.key.lower()}."  # as many as the manifest needs
_RESERVED = ("aliyun", "acs:")
_ADDRESSES = ("http://", "https://")


def tag_problem(key: str, value: str) -> str:
    """Return what is wrong with a user's tag; empty: nothing.

    Source: TagResources, RunInstances and CreateImage say the same of ``Tag.N.Key`` and ``Tag.N.Value``.
    """
    if key.lower() in _OWN or key.lower().startswith(_NUMBERED):
        return f"{key} is a tag of goldrun's own"
    if not 0 < len(key) <= MAX_VALUE or len(value) > MAX_VALUE:
        return f"a tag's key has 1 to {MAX_VALUE} characters, its value at most {MAX_VALUE}"
    if key.startswith(_RESERVED) or any(address in word for address in _ADDRESSES for word in (key, value)):
        return "ECS takes no keys that begin with aliyun or acs:, and no addresses"
    return ""
