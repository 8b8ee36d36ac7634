"""Bills of materials in CycloneDX 1.6, as JSON: written for an image, and read again, also those that syft wrote.

A package is its package URL; a deb's and an rpm's have ``distro`` and ``upstream``, because advisories name the source
package. Sources: the CycloneDX 1.6 JSON schema, and purl-spec's types.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from packageurl import PackageURL

from goldrun import __version__
from goldrun.cloud.moments import format_moment
from goldrun.contents.components import DEB, GOLANG, NPM, PYPI, RPM, TOOL, Component, Contents, canonical, make
from goldrun.errors import UsageError

_TYPES = {DEB: "deb", RPM: "rpm", PYPI: "pypi", NPM: "npm", GOLANG: "golang", TOOL: "generic"}
_SOURCE_RPM = re.compile(r"(?P<name>.+)-(?P<version>[^-]+-[^-]+)\.src\.rpm")
_KIND_OF = {kind: name for name, kind in _TYPES.items()}


def write(contents: Contents, image: str, version: str, now: float) -> str:
    """Return the bill of materials of an image.

    Args:
        contents: what is inside.
        image: the image's name.
        version: which one it is: its id.
        now: seconds since 1970.
    """
    rows = [_row(component, contents) for component in contents.components]
    system = {"type": "operating-system", "name": contents.system, "version": contents.release, "bom-ref": "os"}
    # The same image has the same number, whoever lists it again.
    number = uuid.UUID(bytes=hashlib.sha256(f"{image} {version}".encode()).digest()[:16], version=4)
    return json.dumps(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": f"urn:uuid:{number}",
            "version": 1,
            "metadata": {
                "timestamp": format_moment(now),
                "tools": {"components": [{"type": "application", "name": "goldrun", "version": __version__}]},
                "component": {"type": "operating-system", "name": image, "version": version, "bom-ref": "image"},
            },
            "components": [*([system] if contents.system else []), *rows],
        },
        indent=1,
        ensure_ascii=False,
    )


def read(text: str, name: str) -> Contents:
    """Read a bill of materials.

    Args:
        text: the file.
        name: the file's name, for errors.

    Raises:
        UsageError: it is not a bill of materials in CycloneDX's JSON.
    """
    try:
        found = json.loads(text)
        if found["bomFormat"] != "CycloneDX":
            raise UsageError(f"{name} is not in CycloneDX's format.")
        system = release = ""
        components: list[Component] = []
        for row in found.get("components", []):
            if row["type"] == "operating-system":
                system, release = str(row["name"]), str(row.get("version", ""))
            elif component := _component(row):
                components.append(component)
        _require_plain(system, release, *(word for one in components for word in astuple(one)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{name} is not a bill of materials.", why=[f"{type(error).__name__}: {error}"], fix=["goldrun image sbom"]
        ) from error
    return make(system, release, components)


def _require_plain(*words: str) -> None:
    """Check that no word has what separates them in a digest, where it would hide others.

    Raises:
        ValueError: one has, or is not Unicode.
    """
    text = "".join(words)
    text.encode()
    if "\n" in text or "\t" in text:
        raise ValueError("a name or version has a line break or a tab")


def _row(component: Component, contents: Contents) -> dict[str, str]:
    url = _url(component, contents)
    return {
        "type": "application" if component.kind == TOOL else "library",
        "bom-ref": url,
        "name": component.name,
        "version": component.version,
        "purl": url,
    }


def _url(component: Component, contents: Contents) -> str:
    kind, name, namespace, version = _TYPES[component.kind], component.name, "", component.version
    qualifiers: dict[str, str] = {}
    if component.architecture:
        qualifiers["arch"] = component.architecture
    if component.kind in (DEB, RPM):
        namespace = contents.system
        qualifiers["distro"] = f"{contents.system}-{contents.release}"
        if component.source:
            qualifiers["upstream"] = f"{component.source}@{component.source_version}"
        if component.kind == RPM and ":" in version:
            qualifiers["epoch"], _, version = version.partition(":")
    elif component.kind in (NPM, GOLANG, TOOL):
        namespace, _, name = name.rpartition("/")
    return PackageURL(kind, namespace or None, name, version, qualifiers).to_string()


def _component(row: Mapping[str, Any]) -> Component | None:
    """Return the package that a row is; None: of a kind that is not known."""
    if not (text := row.get("purl")):
        return None
    url = PackageURL.from_string(str(text))
    kind = _KIND_OF.get(url.type)
    if not kind or not url.version:
        return None
    epoch = f"{url.qualifiers['epoch']}:" if "epoch" in url.qualifiers else ""
    source, _, source_version = url.qualifiers.get("upstream", "").partition("@")
    # syft names the file that an rpm was built from.
    if built := _SOURCE_RPM.fullmatch(source):
        source, source_version = built["name"], f"{epoch}{built['version']}"
    name = f"{url.namespace}/{url.name}" if kind in (NPM, GOLANG, TOOL) and url.namespace else url.name
    # Package URLs have no capitals where the registry allows none any more; older packages still do: JSONStream.
    if str(row.get("name", "")).lower() == name.lower():
        name = str(row["name"])
    # syft leaves the source's version out where it is the package's own.
    return Component(
        kind,
        canonical(kind, name),
        f"{epoch}{url.version}",
        url.qualifiers.get("arch", ""),
        source,
        (source_version or url.version) if source else "",
    )
