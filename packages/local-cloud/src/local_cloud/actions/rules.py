"""The rules for names, tags and descriptions. Sources: CreateImage, TagResources and their error tables."""

from __future__ import annotations

from collections.abc import Iterable

from local_cloud.errors import ApiFault

MAX_TAGS = 20
MAX_TAG_LENGTH = 128


def check_name(name: str, parameter: str) -> str:
    """Return ``name`` if it is a valid name of an image or a family.

    Raises:
        ApiFault: ``<parameter>.Malformed``.
    """
    first_ok = bool(name) and ((name[0].isascii() and name[0].isalpha()) or _is_chinese(name[0]))
    chars_ok = all((c.isascii() and (c.isalnum() or c in ".:_-")) or _is_chinese(c) for c in name)
    if not (2 <= len(name) <= 128) or not first_ok or not chars_ok or name.startswith(("aliyun", "acs:")):
        raise ApiFault(400, f"Invalid{parameter}.Malformed", f"The specified {parameter} is wrongly formed.")
    return name


def check_description(text: str) -> str:
    """Return ``text`` if it is a valid description of an image.

    Raises:
        ApiFault: ``InvalidDescription.Malformed``.
    """
    if text and (not 2 <= len(text) <= 256 or text.startswith(("http://", "https://"))):
        raise ApiFault(400, "InvalidDescription.Malformed", "The specified description is wrongly formed.")
    return text


def check_tags(pairs: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Return the tags of a request, if they are valid.

    Raises:
        ApiFault: a key or value is malformed, a key is repeated, or there are more than 20.
    """
    tags: dict[str, str] = {}
    for key, value in pairs:
        if not key or len(key) > MAX_TAG_LENGTH or key.startswith(("aliyun", "acs:")) or _has_url(key):
            raise ApiFault(400, "InvalidTagKey.Malformed", "The specified Tag.n.Key is not valid.")
        if value and (len(value) > MAX_TAG_LENGTH or _has_url(value)):
            raise ApiFault(400, "InvalidTagValue.Malformed", "The specified Tag.n.Value is not valid.")
        if key in tags:
            raise ApiFault(400, "Duplicate.TagKey", "The Tag.N.Key contain duplicate key.")
        tags[key] = value or ""
    return merge_tags({}, tags)


def merge_tags(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """Return both, with the new values of common keys.

    Raises:
        ApiFault: there are more than 20.
    """
    merged = {**old, **new}
    if len(merged) > MAX_TAGS:
        raise ApiFault(400, "NumberExceed.Tags", "The maximum number of Tags is exceeded. The maximum is 20.")
    return merged


def has_tags(tags: dict[str, str], wanted: Iterable[tuple[str, str | None]]) -> bool:
    """Return whether it has every wanted tag; a wanted tag without a value matches any."""
    return all(key in tags and value in (None, "", tags[key]) for key, value in wanted)


def tag_rows(tags: dict[str, str], key: str = "TagKey", value: str = "TagValue") -> dict[str, list[dict[str, str]]]:
    """Return tags in the form of an answer."""
    return {"Tag": [{key: name, value: content} for name, content in tags.items()]}


def _is_chinese(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def _has_url(text: str) -> bool:
    return "http://" in text or "https://" in text
