"""The rules for names, tags and descriptions.

Sources: the pages of CreateImage, TagResources, RunInstances and the other actions that make or change something, with
their error tables. An action's code stands where it calls a rule, if it is not the usual one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from local_cloud.errors import ApiFault
from local_cloud.params import Params

MAX_TAGS = 20
MAX_TAG_LENGTH = 128
_HOST_NAME = re.compile(r"[A-Za-z0-9]+([.-][A-Za-z0-9]+)*")
# What ECS replaces in the host name of a launch: the instance's id, and a number of the sequence.
_PLACEHOLDER = re.compile(r"\$\{instance_id\}|\[[^\[\]]*\]")


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


def check_plain_name(name: str, parameter: str, *, also: str = "", letter_first: bool = True, code: str = "") -> str:
    """Return ``name`` if it is a valid name of anything else of ECS, or not given.

    Args:
        name: the name.
        parameter: the parameter that has it.
        also: characters that it may have besides letters, digits and ``:_.-``.
        letter_first: it has to start with a letter.
        code: of the fault; ``Invalid<parameter>.Malformed`` by default.

    Raises:
        ApiFault: it is not valid.
    """
    chars_ok = all(c.isalpha() or c.isdecimal() or c in f":_.-{also}" for c in name)
    first_ok = not letter_first or name[:1].isalpha()
    if name and not (2 <= len(name) <= 128 and chars_ok and first_ok):
        raise _malformed(parameter, code)
    return name


def check_free_name(name: str, parameter: str, *, code: str = "") -> str:
    """Return ``name`` if it is a valid name or description of the VPC API, or not given: not too long, and no address.

    Raises:
        ApiFault: it is not valid.
    """
    if len(name) > (128 if parameter.endswith("Name") else 256) or _is_url(name):
        raise _malformed(parameter, code)
    return name


def check_host_name(name: str, *, pattern: bool = False) -> str:
    """Return ``name`` if it is a valid host name of a Linux instance, or not given.

    Args:
        name: the name.
        pattern: it names the hosts of a launch, in sequence; see ``launch_names``.

    Raises:
        ApiFault: ``InvalidHostName.Malformed``.
    """
    plain = _PLACEHOLDER.sub("0", name) if pattern else name
    if name and not (2 <= len(name) <= 64 and _HOST_NAME.fullmatch(plain)):
        raise _malformed("HostName")
    return name


def check_launch_names(params: Params) -> None:
    """Check the names and descriptions of a launch: its instances', and their disks'.

    Raises:
        ApiFault: one is not valid.
    """
    # Names of several instances may have a sequence, as in ``node-[1,4]``.
    check_plain_name(params.text("InstanceName"), "InstanceName", also="[],", letter_first=False)
    check_host_name(params.text("HostName"), pattern=True)
    check_description(params.text("Description"))
    for name, value in params.values.items():
        if name.startswith(("SystemDisk.", "DataDisk.")):
            if name.endswith(".DiskName"):
                check_plain_name(value, "DiskName", letter_first=False)
            if name.endswith(".Description"):
                check_description(value, "InvalidDiskDescription.Malformed")


def check_description(
    text: str, code: str = "InvalidDescription.Malformed", *, status: int = 400, least: int = 2
) -> str:
    """Return ``text`` if it is a valid description, or not given.

    Raises:
        ApiFault: it is not valid.
    """
    if text and (not least <= len(text) <= 256 or _is_url(text)):
        raise ApiFault(status, code, "The specified description is wrongly formed.")
    return text


def check_snapshot(params: Params, *, least: int) -> None:
    """Check the name, the description and the retention of a snapshot that is made or changed.

    Raises:
        ApiFault: one is not valid; a description with 404, as in both actions' tables.
    """
    if check_plain_name(params.text("SnapshotName"), "SnapshotName").startswith("auto"):  # as automatic ones are called
        raise _malformed("SnapshotName")
    check_description(params.text("Description"), status=404, least=least)
    if not 1 <= int(params.text("RetentionDays", "1")) <= 65_536:
        raise _malformed("RetentionDays")


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


def like(pattern: str, text: str) -> bool:
    """Return whether a text matches a pattern, in which ``*`` stands for any characters, or none."""
    first, *middle = pattern.split("*")
    if not middle:
        return text == pattern
    last = middle.pop()
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in middle:  # the earliest place of each part leaves the most for the others
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def has_tags(tags: dict[str, str], wanted: Iterable[tuple[str, str | None]]) -> bool:
    """Return whether it has every wanted tag; a wanted tag without a value matches any."""
    return all(key in tags and value in (None, "", tags[key]) for key, value in wanted)


def tag_rows(tags: dict[str, str], key: str = "TagKey", value: str = "TagValue") -> dict[str, list[dict[str, str]]]:
    """Return tags in the form of an answer."""
    return {"Tag": [{key: name, value: content} for name, content in tags.items()]}


def _is_chinese(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def _malformed(parameter: str, code: str = "") -> ApiFault:
    return ApiFault(
        400, code or f"Invalid{parameter}.Malformed", f'The specified parameter "{parameter}" is not valid.'
    )


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _has_url(text: str) -> bool:
    return "http://" in text or "https://" in text
