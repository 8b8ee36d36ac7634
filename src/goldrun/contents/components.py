"""The packages of an image, as its own databases list them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass

from goldrun.errors import UsageError

DEB, RPM, PYPI, NPM, GOLANG, TOOL, OS = "deb", "rpm", "pypi", "npm", "golang", "tool", "os"
# How PyPI compares names: the name normalization of the packaging specifications.
_PYTHON_SIGNS = re.compile(r"[-_.]+")
KINDS = (DEB, RPM, PYPI, NPM, GOLANG, TOOL)


@dataclass(frozen=True, order=True)
class Component:
    """A package.

    Attributes:
        kind: one of ``KINDS``: deb, rpm, pypi, npm, golang, or a tool of the tool cache.
        name: its name.
        version: its version; of an rpm, with its epoch if it has one.
        architecture: its architecture; empty: any, or not known.
        source: the source package that a deb or an rpm was built from: advisories name that one, or both.
        source_version: the source package's version.
    """

    kind: str
    name: str
    version: str
    architecture: str = ""
    source: str = ""
    source_version: str = ""


@dataclass(frozen=True)
class Contents:
    """What is inside an image.

    Attributes:
        system: the operating system, ``ubuntu``, as ``ID`` in os-release.
        release: its version, ``24.04``.
        components: its packages, sorted, each once.
    """

    system: str
    release: str
    components: tuple[Component, ...]

    def by_kind(self) -> Mapping[str, list[Component]]:
        """Return the packages by kind, in the order of ``KINDS``."""
        found: dict[str, list[Component]] = {kind: [] for kind in KINDS}
        for component in self.components:
            found[component.kind].append(component)
        return {kind: members for kind, members in found.items() if members}


def canonical(kind: str, name: str) -> str:
    """Return a package's name as its registry compares it: PyPI's ``Jinja2`` and ``jinja2`` are one."""
    return _PYTHON_SIGNS.sub("-", name).lower() if kind == PYPI else name


def make(system: str, release: str, components: Iterable[Component]) -> Contents:
    """Return contents, sorted and without duplicates."""
    return Contents(system, release, tuple(sorted(set(components))))


def digest(contents: Contents) -> str:
    """Return the SHA-256 of what is inside, which is the same for the same packages."""
    lines = [f"{OS}\t{contents.system}\t{contents.release}"]
    lines += ["\t".join(astuple(component)) for component in contents.components]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def parse(text: str) -> Contents:
    """Parse what ``packages.sh``, or a recipe's script in its place, prints.

    A line is a kind, a name, a version and, for some, more, separated by tabs: ``deb jq 1.7.1-3 amd64 jq 1.7.1-3``. The
    line ``os ubuntu 24.04`` names the system. Other lines are not read.

    Raises:
        UsageError: a line of a known kind has no name or version.
    """
    system = release = ""
    found: list[Component] = []
    for line in text.split("\n"):
        kind, *words = (word.strip() for word in line.split("\t"))
        if kind not in (*KINDS, OS):
            continue
        if not 2 <= len(words) <= 5 or not words[0] or not words[1]:
            raise UsageError(
                f"The list of packages has a line that is not valid: {line[:80]!r}.",
                fix=["print kind, name and version, separated by tabs."],
            )
        if kind == OS:
            system, release = words[0], words[1]
        else:
            version, architecture, source, source_version = [*words[1:], "", "", ""][:4]
            # A source without a version has the package's own.
            source_version = source and (source_version or version)
            found.append(Component(kind, canonical(kind, words[0]), version, architecture, source, source_version))
    return make(system, release, found)
