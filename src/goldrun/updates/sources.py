"""Where newer versions and their checksums come from: GitHub's releases, npm, PyPI, or a page that names the newest.

A version and its checksums are found together or not at all. A checksum comes from whoever publishes the file: GitHub's
digest of a release's file, or the checksums that the project publishes; only if there is neither, the file is fetched
and its checksum computed, which is said.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

from goldrun.bake.parts import Mirrors, Tool
from goldrun.errors import GoldrunError, UnavailableError
from goldrun.github.client import GitHub
from goldrun.github.repositories import Release, list_releases, read_release
from goldrun.github.scope import repository_scope
from goldrun.http.web import Web
from goldrun.updates.versions import is_valid, newest, version_in, why_not

_T = TypeVar("_T")
NPM = "https://registry.npmjs.org"
PYPI = "https://pypi.org"
_NUMBERS = r"\d+(?:\.\d+)*"
_WHOLE = rf"({_NUMBERS}(?:[-.+][0-9A-Za-z.]+)?)"
_PARTS = {"version": _WHOLE, "release": f"({_NUMBERS})", "build": r"([0-9A-Za-z.]+)"}
_NAME = "[0-9A-Za-z.+_-]"
_SUM = re.compile(r"^([0-9a-fA-F]{64})(?:\s+\*?(\S+))?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Sources:
    """What is asked.

    Attributes:
        web: reads files.
        github: GitHub's API.
        mirrors: the recipe's: what it fetches elsewhere is asked for there.
    """

    web: Web
    github: GitHub
    mirrors: Mirrors


@dataclass(frozen=True)
class Found:
    """A version of a tool.

    Attributes:
        version: the version.
        sha256: the checksums of its files, by architecture.
        how: where the checksums come from, for people.
        kept: why the recipe keeps its version nevertheless, in a sentence; empty: it does not.
    """

    version: str
    sha256: Mapping[str, str]
    how: str
    kept: str = ""


def has_source(tool: Tool) -> bool:
    """Return whether a tool says where newer versions are found."""
    return bool(tool.github or tool.npm or tool.pypi or tool.latest or tool.apt)


def find(sources: Sources, tool: Tool, architectures: Sequence[str]) -> Found:
    """Return a tool's newest version, with the checksums of its files.

    Args:
        sources: where to look.
        tool: the tool.
        architectures: those that need a file.

    Raises:
        GoldrunError: a source cannot be reached, or what it says makes no sense.
    """
    release: Release | None = None
    if tool.github:
        release, version = _newest_release(sources, tool, architectures)
    else:
        version = _newest(sources, tool, architectures)
    if not tool.takes(version):
        raise UnavailableError(f"The newest version is {version}, which is not of the series {tool.series}.")
    if kept := why_not(tool, version):
        return Found(version, {}, "", kept)
    if not tool.url:
        return Found(version, {}, "the package manager verifies it")
    found = {architecture: _sum_of(sources, tool, architecture, version, release) for architecture in architectures}
    sums = {architecture: digest for architecture, (digest, _) in found.items()}
    return Found(version, sums, ", ".join(dict.fromkeys(how for _, how in found.values())))


def _newest_release(sources: Sources, tool: Tool, architectures: Sequence[str]) -> tuple[Release, str]:
    """Return GitHub's latest release and its version; if that is of another series, the newest one of the series."""
    scope = repository_scope(tool.github)
    release = read_release(sources.github, scope)
    version = _version_of(release, tool, architectures)
    if version and tool.takes(version):
        return release, version
    if not tool.series:
        raise _no_version(f"GitHub's latest release of {tool.github}", release.tag)
    found = {_version_of(one, tool, architectures): one for one in reversed(list_releases(sources.github, scope))}
    version = _choose(tool, f"GitHub's list of the releases of {tool.github}", found)
    return found[version], version


def _version_of(release: Release, tool: Tool, architectures: Sequence[str]) -> str:
    """Return a release's version, as its files or its tag name it; empty: neither does."""
    return _newest_listed("\n".join(release.digests), tool, architectures) or version_in(release.tag)


def _newest(sources: Sources, tool: Tool, architectures: Sequence[str]) -> str:
    if tool.apt:
        return _newest_of_index(_read(sources, tool.index), tool)
    if tool.npm:
        return _newest_of_npm(sources, tool)
    if tool.pypi:
        return _newest_of_pypi(sources, tool)
    page = _read(sources, tool.latest).decode("utf-8", "replace")
    text = (page.split() or [""])[0]
    if found := _newest_listed(page, tool, architectures) or version_in(text):
        return found
    raise _no_version(tool.latest, text)


def _newest_of_npm(sources: Sources, tool: Tool) -> str:
    # A scope's slash is part of the name: @scope%2Fname.
    where = f"{NPM}/{quote(tool.npm, safe='@')}"
    if tool.series:
        return _choose(tool, where, _values_of(sources, where, lambda found: [str(one) for one in found["versions"]]))
    return _valid(tool, f"{where}/latest", _values_of(sources, f"{where}/latest", lambda found: str(found["version"])))


def _newest_of_pypi(sources: Sources, tool: Tool) -> str:
    where = f"{PYPI}/pypi/{quote(tool.pypi, safe='')}/json"

    def of_series(found: Any) -> list[str]:
        return [one for one, files in found["releases"].items() if any(not file.get("yanked") for file in files)]

    if tool.series:
        return _choose(tool, where, _values_of(sources, where, of_series))
    version, yanked = _values_of(
        sources, where, lambda found: (str(found["info"]["version"]), found["info"].get("yanked"))
    )
    if yanked:
        raise UnavailableError(f"{where} has no version that was not yanked: the newest is {version}.")
    return _valid(tool, where, version)


def _choose(tool: Tool, where: str, versions: Iterable[str]) -> str:
    if found := newest(tool, versions):
        return found
    raise UnavailableError(
        f"{where} has no version that the recipe accepts.",
        why=[
            *([f"its series is {tool.series}."] if tool.series else []),
            "it accepts no pre-releases, unless it has one now, and no yanked versions.",
        ],
    )


def _valid(tool: Tool, where: str, version: str) -> str:
    if is_valid(tool, version):
        return version
    raise _no_version(where, version)


def _no_version(where: str, text: str) -> UnavailableError:
    return UnavailableError(
        f"{where} names no version: {text[:60]!r}.",
        why=["before a tag's version there is no digit: v1.2.3, go1.2.3 or cli/v1.2.3, and not curl-8_11_1."],
    )


def _newest_listed(text: str, tool: Tool, architectures: Sequence[str]) -> str:
    """Return the newest version of the series whose file a text names for every architecture; empty: none."""
    listed = [set(_listed(text, tool, architecture)) for architecture in architectures]
    common = set.intersection(*listed) if listed else set()
    return newest(tool, common)


def _listed(text: str, tool: Tool, architecture: str) -> Iterator[str]:
    """Yield the versions of a tool's files that a text names."""
    name = unquote(tool.url.rpartition("/")[2]).replace("{arch}", tool.arch.get(architecture, architecture))
    # What is between the placeholders, and every second one a placeholder.
    pieces = re.split(r"\{(version|release|build)\}", name)
    if len(pieces) == 1:
        return  # the file has the same name in every version
    pattern = "".join(_PARTS[one] if place % 2 else re.escape(one) for place, one in enumerate(pieces))
    for found in re.finditer(rf"(?<!{_NAME}){pattern}(?!{_NAME})", text, re.ASCII):
        parts = dict(zip(pieces[1::2], found.groups(), strict=True))
        yield parts.get("version") or "+".join(parts.values())


def _newest_of_index(content: bytes, tool: Tool) -> str:
    """Return the newest version of a package in an apt repository's index, by Debian's order of versions.

    Raises:
        UnavailableError: the index cannot be read, or does not list the package.
    """
    try:
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        elif content.startswith(b"\xfd7zXZ"):
            content = lzma.decompress(content)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise UnavailableError(f"{tool.index} cannot be unpacked.", why=[str(error)]) from error
    versions = []
    for stanza in content.decode("utf-8", "replace").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Package") == tool.apt and fields.get("Version"):
            versions.append(fields["Version"])
    if not versions:
        raise UnavailableError(f"{tool.index} does not list {tool.apt}.")
    return _choose(tool, tool.index, versions)


def _sum_of(sources: Sources, tool: Tool, architecture: str, version: str, release: Release | None) -> tuple[str, str]:
    url = tool.file(architecture, version)
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    if release and f"/{tool.github}/releases/" in url and (digest := release.digests.get(name)):
        return digest, "GitHub's digest"
    if tool.sums:
        place = tool.filled(tool.sums, architecture, version)
        content, how = _read_sums(sources, place)
        listed = _SUM.findall(content.decode("utf-8", "replace"))
        # A file of one line may name no file.
        found = [
            digest for digest, file in listed if file.rpartition("/")[2] == name or (not file and len(listed) == 1)
        ]
        if len({digest.lower() for digest in found}) != 1:
            raise UnavailableError(f"{place} has no checksum of {name}.")
        return found[0].lower(), how
    return hashlib.sha256(_read(sources, url)).hexdigest(), "computed from the file"


def _values_of(sources: Sources, url: str, pick: Callable[[Any], _T]) -> _T:
    """Return what a function picks from a registry's answer."""
    content = _read(sources, url)
    try:
        return pick(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnavailableError(
            f"{url} is not the answer of a registry.", why=[f"{type(error).__name__}: {error}"]
        ) from error


def _read_sums(sources: Sources, url: str) -> tuple[bytes, str]:
    """Return a file of checksums, and whose they are: what a mirror says of its own files proves little."""
    try:
        return sources.web.read(url), "published checksums"
    except GoldrunError:
        if sources.mirrors.moved(url) == url:
            raise
    return _read(sources, url), "the mirror's checksums"


def _read(sources: Sources, url: str) -> bytes:
    moved = sources.mirrors.moved(url)
    try:
        return sources.web.read(moved)
    except GoldrunError as error:
        if moved != url:
            error.why = (*error.why, f"[mirrors] names it in place of {url}.")
        raise
