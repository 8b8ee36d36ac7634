"""A database of advisories in the OSV format, in files: as osv.dev exports it, or a mirror of that.

Source: the OSV schema 1.7 with its rules for evaluating ranges; some of its lists may be null. Withdrawn advisories do
not count.
"""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from goldrun.contents.components import DEB, GOLANG, NPM, PYPI, RPM, Component, Contents
from goldrun.errors import UsageError

LEVELS = ("low", "medium", "high", "critical")
UNKNOWN = "medium"  # the severity of an advisory that states none


# Go's own pre-releases, 1.23rc1: advisories write 1.23.0-rc.1, as semantic versions are.
_OF_GO = re.compile(r"(?P<version>\d+\.\d+(?P<patch>\.\d+)?)(?P<stage>beta|rc)(?P<number>\d+)", re.ASCII)


class Package(msgspec.Struct, frozen=True):
    """The package that an advisory is about."""

    ecosystem: str = ""
    name: str = ""


class Range(msgspec.Struct, frozen=True):
    """Affected versions, as events in order."""

    type: str = ""
    events: tuple[dict[str, str], ...] = ()


class Severity(msgspec.Struct, frozen=True):
    """A severity: a CVSS vector, or a distribution's word."""

    type: str = ""
    score: str = ""


class Affected(msgspec.Struct, frozen=True):
    """What an advisory says of one package."""

    package: Package | None = None
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()
    severity: tuple[Severity, ...] | None = ()
    ecosystem_specific: dict[str, Any] | None = None


class Advisory(msgspec.Struct, frozen=True):
    """An advisory."""

    id: str
    summary: str = ""
    aliases: tuple[str, ...] | None = ()
    upstream: tuple[str, ...] = ()
    withdrawn: str | None = None
    severity: tuple[Severity, ...] | None = ()
    affected: tuple[Affected, ...] | None = ()
    database_specific: dict[str, Any] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Its id and its aliases: all of them are of the same trouble, and ``upstream`` may be of several."""
        return (self.id, *(self.aliases or ()))

    @property
    def is_malware(self) -> bool:
        """Whether the package itself is the harm. Source: OpenSSF's malicious-packages, whose ids begin with MAL-."""
        return any(name.startswith("MAL-") for name in self.names)

    def level(self, affected: Affected) -> str:
        """Return its severity for a package: one of ``LEVELS``; the highest one that it states."""
        if self.is_malware:
            return LEVELS[-1]
        stated = [_level(one) for one in (*(affected.severity or ()), *(self.severity or ()))]
        words = ((self.database_specific or {}).get("severity"), (affected.ecosystem_specific or {}).get("urgency"))
        stated += [_WORDS.get(str(word).lower().rstrip("*"), "") for word in words if word]
        return max((one for one in stated if one), key=LEVELS.index, default=UNKNOWN)


def read(place: Path) -> Iterator[Advisory]:
    """Yield the advisories of a database: a file or a folder, of ``.json`` files and ``.zip`` archives of them.

    Raises:
        UsageError: there are none, or one is not valid: a database with a hole proves nothing.
    """
    if not place.exists():
        raise UsageError(f"There are no advisories at {place}.", fix=["download an export of osv.dev: all.zip"])
    files = [place] if place.is_file() else sorted(_files(place))
    count = 0
    for file in files:
        for name, content in _contents(file):
            try:
                advisory = msgspec.json.decode(content, type=Advisory)
            except msgspec.MsgspecError as error:
                raise UsageError(f"{name} is not an advisory in the OSV format.", why=[str(error)]) from error
            count += 1
            if not advisory.withdrawn:
                yield advisory
    if not count:
        raise UsageError(f"There are no advisories at {place}.", fix=["download an export of osv.dev: all.zip"])


def require_readable(place: Path) -> None:
    """Check that a database can be read, and what compares versions is installed, before anything depends on it.

    Raises:
        UsageError: it cannot.
        ModuleNotFoundError: an extra is missing.
    """
    import cvss  # noqa: F401
    import univers  # noqa: F401

    next(read(place), None)


def ecosystem_of(component: Component, contents: Contents) -> str:
    """Return the ecosystem that advisories about a package name; empty: none is known."""
    if component.kind == DEB and contents.system in ("debian", "ubuntu"):
        return f"{contents.system.capitalize()}:{contents.release}"
    if component.kind == RPM and contents.system in _RPM_SYSTEMS:
        ecosystem, has_minor = _RPM_SYSTEMS[contents.system]
        return ecosystem + (contents.release if has_minor else contents.release.partition(".")[0])
    return {PYPI: "PyPI", NPM: "npm", GOLANG: "Go"}.get(component.kind, "")


def uncompared(contents: Contents) -> int:
    """Return how many of the system's packages no advisory can be about: none of its kind are in OSV's ecosystems."""
    return sum(one.kind in (DEB, RPM) and not ecosystem_of(one, contents) for one in contents.components)


def names_of(component: Component) -> Iterator[tuple[str, str]]:
    """Yield the names, and versions, by which advisories know a package: of a deb, its source's; of an rpm, both."""
    own, source = (component.name, component.version), (component.source, component.source_version)
    if component.kind == DEB:
        yield source if component.source else own
        return
    yield own
    if component.source not in ("", component.name):
        yield source


def is_affected(affected: Affected, version: str, kind: str) -> bool:
    """Return whether an advisory is about that version: listed, or within one of its ranges."""
    if version in affected.versions:
        return True
    if any(_within(one, version, comparer(kind)) for one in affected.ranges if one.type != "GIT"):
        return True
    return kind == PYPI and _is_among(affected.versions, version)  # last: it parses hundreds of versions


def fixed_in(affected: Affected, version: str, kind: str) -> str:
    """Return the first version after that one which fixes it; empty: none yet."""
    parse = comparer(kind)
    found = [event["fixed"] for one in affected.ranges if one.type != "GIT" for event in one.events if "fixed" in event]
    try:
        later = [text for text in found if parse(text) > parse(version)]
        return min(later, key=parse, default="")
    except ValueError:
        return found[-1] if found else ""


def same_ecosystem(advisory: str, ours: str) -> bool:
    """Return whether an advisory's ecosystem is a package's.

    ``Ubuntu:24.04:LTS`` is ``Ubuntu:24.04``, Pro's is not. Of Red Hat each repository has one, and since RHEL 10 each
    minor version: ``Red Hat:enterprise_linux:9::appstream``, ``Red Hat:enterprise_linux:10.1``.
    """
    if advisory == ours or (advisory.removesuffix(":LTS") == ours and ours.startswith("Ubuntu:")):
        return True
    return ours.startswith("Red Hat:") and advisory.startswith((f"{ours}:", f"{ours}."))


def comparer(kind: str) -> Callable[[str], Any]:
    """Return the function that makes a kind's versions comparable; raises ValueError for what is no version."""
    from univers import versions

    kinds: Mapping[str, Any] = {
        DEB: versions.DebianVersion,
        PYPI: versions.PypiVersion,
        NPM: versions.SemverVersion,
        GOLANG: versions.GolangVersion,
        RPM: versions.RpmVersion,
    }

    def parse(text: str) -> Any:
        if kind == GOLANG and (own := _OF_GO.fullmatch(text)):
            text = f"{own['version']}{'' if own['patch'] else '.0'}-{own['stage']}.{own['number']}"
        try:
            return kinds[kind](text)
        except versions.InvalidVersion as error:
            raise ValueError(str(error)) from error

    return parse


def _is_among(versions: Iterable[str], version: str) -> bool:
    """Return whether a version of PyPI is listed, maybe written in another way: 1.0 and 1.0.0 are one."""
    parse = comparer(PYPI)

    def release(text: str) -> Any:
        with contextlib.suppress(ValueError):
            return parse(text)

    ours = release(version)
    return ours is not None and any(release(text) == ours for text in versions)


def _within(one: Range, version: str, parse: Callable[[str], Any]) -> bool:
    """Evaluate a range's events, sorted by version, as the schema says."""
    try:
        ours = parse(version)
        limits = [event["limit"] for event in one.events if "limit" in event]
        if limits and not any(text == "*" or ours < parse(text) for text in limits):
            return False
        named = [(name, text) for event in one.events for name, text in event.items() if name != "limit"]
        events = sorted(
            ((parse(text) if text != "0" else None, name) for name, text in named),
            key=lambda event: (event[0] is not None, event[0]) if event[0] is not None else (False, 0),
        )
    except ValueError:
        # A version that cannot be compared may be affected: to say no would need evidence.
        return True
    inside = False
    for at, name in events:
        if name == "introduced" and (at is None or ours >= at):
            inside = True
        elif (name == "fixed" and (at is None or ours >= at)) or (
            name == "last_affected" and (at is None or ours > at)
        ):
            inside = False
    return inside


def _level(severity: Severity) -> str:
    if not severity.type.startswith("CVSS"):
        return _WORDS.get(severity.score.lower(), "")
    import cvss

    kinds = {"CVSS_V2": cvss.CVSS2, "CVSS_V3": cvss.CVSS3, "CVSS_V4": cvss.CVSS4}
    try:
        found = kinds[severity.type](severity.score)
        score = float(found.base_score)
    except (cvss.CVSSError, KeyError):
        return ""
    return "critical" if score >= 9 else "high" if score >= 7 else "medium" if score >= 4 else "low"


# The ecosystems of systems with rpm, and whether each minor version has one. For the others, Alibaba Cloud Linux among
# them, OSV has none.
_RPM_SYSTEMS = {
    "almalinux": ("AlmaLinux:", False),
    "openEuler": ("openEuler:", True),
    "opensuse-leap": ("openSUSE:Leap ", True),
    "rhel": ("Red Hat:enterprise_linux:", False),
    "rocky": ("Rocky Linux:", False),
}
_WORDS = {
    **{name: name for name in LEVELS},
    "moderate": "medium",
    "important": "high",
    "negligible": "low",
    "unimportant": "low",
}


def _files(folder: Path) -> Iterator[Path]:
    return (one for one in folder.rglob("*") if one.suffix in (".json", ".zip") and not one.is_dir())


def _contents(file: Path) -> Iterator[tuple[str, bytes]]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read.", why=[f"{error.strerror}."]) from error
    if file.suffix != ".zip":
        yield str(file), content
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield f"{file}/{name}", archive.read(name)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:  # so do damaged and encrypted ones fail
        raise UsageError(f"{file} is not a zip archive.", why=[str(error)], fix=["download it again."]) from error
