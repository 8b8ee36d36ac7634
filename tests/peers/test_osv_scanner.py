"""What goldrun's scan finds, beside osv-scanner on the same bill of materials and database, where there is one.

`osv-scanner` on the PATH is used, or the one that OSV_SCANNER names.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from goldrun.contents import cyclonedx, osv
from goldrun.contents.components import Component, make
from goldrun.contents.rule import Rule
from goldrun.contents.scan import scan

SCANNER = os.environ.get("OSV_SCANNER") or shutil.which("osv-scanner")
pytestmark = pytest.mark.skipif(
    SCANNER is None, reason="there is no osv-scanner on the PATH, and OSV_SCANNER names none"
)
# The names are in small letters: osv-scanner takes them from package URLs, which have no others.
NAMES = {
    "npm": ("lodash", "@a/b", "left-pad"),
    "pypi": ("jinja2", "a-b"),
    "golang": ("golang.org/x/net", "github.com/x/toml"),
    "deb": ("openssl", "jq", "zlib"),
}
ENDS = {
    "npm": ("", "", "-alpha", "-alpha.1", "-beta.2", "-rc.10", "+build", "-1"),
    "pypi": ("", "", "a1", "b2", "rc1", ".post1", ".dev3", "rc1.post2", ".0", "+local"),
    "golang": ("", "", "-rc.1", "-0.20230101000000-abcdefabcdef", "+incompatible", "-alpha"),
    "deb": ("", "-1", "~rc1-1", "+dfsg-2", "a-1", "~~", "+b1", "-0ubuntu1", "-2+deb12u1", "-1~bpo", "-10"),
}
STARTS = {"npm": ("",), "golang": ("",), "pypi": ("", "", "1!"), "deb": ("", "", "1:", "2:")}


def version(chance: random.Random, kind: str) -> str:
    numbers = ".".join(str(chance.choice((0, 1, 2, 3, 9, 10, 11))) for _ in range(3))
    return chance.choice(STARTS[kind]) + numbers + chance.choice(ENDS[kind])


def component(kind: str, name: str, text: str) -> Component:
    return Component(kind, name, text, "amd64", name, text) if kind == "deb" else Component(kind, name, text)


def advisory(chance: random.Random, number: int, ecosystems: dict[str, str]) -> dict[str, Any]:
    kind = chance.choice(list(NAMES))
    points = sorted({version(chance, kind) for _ in range(chance.randint(1, 4))}, key=osv.comparer(kind))
    events = [{"introduced": "0"}] if chance.random() < 0.5 else [{"introduced": points.pop(0)}]
    for place, point in enumerate(points):
        end = "fixed" if chance.random() < 0.7 else "last_affected"
        events.append({"introduced" if place % 2 else end: point})
    return {
        "id": f"X-{number}",
        "modified": "2026-11-01T00:00:00Z",
        "affected": [
            {
                "package": {"ecosystem": ecosystems[kind], "name": chance.choice(NAMES[kind])},
                "ranges": [{"type": "SEMVER" if kind in ("npm", "golang") else "ECOSYSTEM", "events": events}],
                **({"versions": [version(chance, kind) for _ in range(5)]} if chance.random() < 0.2 else {}),
            }
        ],
    }


def theirs(place: Path, bill: Path) -> set[tuple[str, str, str]]:
    env = {**os.environ, "OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY": str(place)}
    words = ["scan", "source", "--offline", "--sbom", str(bill), "--format", "json", "--all-vulns"]
    done = subprocess.run([str(SCANNER), *words], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1), done.stderr
    return {
        (found["id"], package["package"]["name"], package["package"]["version"])
        for result in json.loads(done.stdout)["results"]
        for package in result["packages"]
        for found in package.get("vulnerabilities", ())
    }


@pytest.mark.parametrize(
    ("seed", "system", "release", "ecosystem"),
    [(1, "debian", "12", "Debian:12"), (2, "debian", "13", "Debian:13"), (3, "ubuntu", "24.04", "Ubuntu:24.04:LTS")],
)
def test_they_find_the_same(tmp_path: Path, seed: int, system: str, release: str, ecosystem: str) -> None:
    chance = random.Random(seed)
    ecosystems = {"npm": "npm", "pypi": "PyPI", "golang": "Go", "deb": ecosystem}
    listed = [component(kind, name, version(chance, kind)) for kind in NAMES for name in NAMES[kind] for _ in range(4)]
    contents = make(system, release, listed)
    bill = tmp_path / "bill.cdx.json"
    bill.write_text(cyclonedx.write(contents, "image", "m-1", 0))
    made = [advisory(chance, number, ecosystems) for number in range(1000)]
    for named in ecosystems.values():
        folder = tmp_path / "database/osv-scalibr" / named.partition(":")[0]
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "all.zip", "w") as archive:
            for one in made:
                if one["affected"][0]["package"]["ecosystem"] == named:
                    archive.writestr(f"{one['id']}.json", json.dumps(one))
    found = scan(contents, osv.read(tmp_path / "database"), Rule(), 0.0)
    ours = {(one.advisory, one.component.name, one.component.version) for one in found}
    assert ours == theirs(tmp_path / "database", bill)
    assert len(ours) > 1000
