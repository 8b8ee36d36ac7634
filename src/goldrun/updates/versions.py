"""The order of versions: which one is newer, and which ones are not finished yet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from goldrun.bake.parts import Tool
from goldrun.contents.components import DEB, NPM, PYPI
from goldrun.contents.osv import comparer

# After the numbers: 9.2.0-rc3, 1.27rc1, 3.14.0b2, 5:28.5.1~rc.1-1.
_PREVIEW = re.compile(
    r"(?:\d+[:!])?\d+(?:\.\d+)*[-._~]?(?:(?:alpha|beta|canary|dev|ea|next|nightly|pre|preview|rc|snapshot)(?![a-z])|[abm]\d)",
    re.ASCII | re.IGNORECASE,
)
_NUMBERS = re.compile(r"\d+(?:\.\d+)*", re.ASCII)
# A tag is v1.2.3, 1.2.3-rc-1, go1.2rc3, cli/v1.2.3, jdk-21.0.12+8. In python3-1.2.3 a digit stands before the version.
_TAG = re.compile(
    rf"\D*({_NUMBERS.pattern}(?:(?:a|b|rc|alpha|beta)\d+)?(?:(?:\.(?=[A-Za-z])|-(?!\d+\.\d))[0-9A-Za-z.-]+)?"
    r"(?:\+[0-9A-Za-z.+-]+)?)",
    re.ASCII,
)
# Source: Semantic Versioning 2.0.0.
_SEMVER = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)


def version_in(tag: str) -> str:
    """Return the version that a tag ends with; empty: none, or it is not clear where it begins."""
    found = _TAG.fullmatch(tag)
    return found[1] if found else ""


def newest(tool: Tool, versions: Iterable[str]) -> str:
    """Return the newest version that a tool takes; empty: there is none. What is no version does not count."""
    order = _order(tool)
    takes_previews = _is_preview(tool, tool.version)
    found = [
        one
        for one in versions
        if tool.takes(one) and is_valid(tool, one) and (takes_previews or not _is_preview(tool, one))
    ]
    return max(found, key=order, default="")


def is_valid(tool: Tool, version: str) -> bool:
    """Return whether that is a version where the tool comes from."""
    if tool.npm:
        return bool(_SEMVER.fullmatch(version))
    try:
        _order(tool)(version)
    except ValueError:
        return False
    return True


def why_not(tool: Tool, version: str) -> str:
    """Return why a version does not take the place of the recipe's; empty: it may."""
    order = _order(tool)
    try:
        is_older = order(version) < order(tool.version)
    except ValueError:  # the recipe's is none of the registry's: whatever is found there takes its place
        is_older = False
    if is_older:
        return f"{version} is older than the recipe's {tool.version}: not taken."
    if _is_preview(tool, version) and not _is_preview(tool, tool.version):
        return f"{version} is a pre-release: not taken."
    return ""


def _is_preview(tool: Tool, version: str) -> bool:
    # In npm's versions whatever follows a hyphen says so.
    return bool(_PREVIEW.match(version)) or bool(tool.npm and "-" in version.partition("+")[0])


def _order(tool: Tool) -> Callable[[str], Any]:
    kind = DEB if tool.apt else PYPI if tool.pypi else NPM if tool.npm else ""
    return comparer(kind) if kind else _natural


def _natural(version: str) -> tuple[list[int], bool, list[tuple[bool, int, str]], list[tuple[bool, int, str]]]:
    """Return what versions without rules of their own are compared by: numbers, what follows them, and the build.

    9.2.0-rc10 is before 9.2.0, and 21.0.12+9 before 21.0.12+10.
    """
    text, _, build = version.partition("+")
    found = _NUMBERS.match(text)
    numbers = found[0] if found else ""
    rest = text.removeprefix(numbers)
    return [int(one) for one in numbers.split(".") if one], not rest, _words(rest), _words(build)


def _words(text: str) -> list[tuple[bool, int, str]]:
    """Return the numbers and words of a text; a number is before a word, as in semantic versions."""
    words = re.findall(r"\d+|[A-Za-z]+", text, re.ASCII)
    return [(False, int(one), "") if one.isdigit() else (True, 0, one) for one in words]
