"""What is inside an image: lists of packages, bills of materials, reports, and what advisories say of them."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from goldrun.contents import advisory_report, cyclonedx, osv, software_report
from goldrun.contents.components import Component, Contents, digest, make, parse
from goldrun.contents.rule import AdvisoryException, Rule
from goldrun.contents.scan import blocking, scan
from goldrun.errors import RefusedError, UsageError

LIST = (
    "os\tubuntu\t24.04\n"
    "deb\tlibssl3t64\t3.0.13-0ubuntu3.4\tamd64\topenssl\t3.0.13-0ubuntu3.4\n"
    "deb\tjq\t1.7.1-3build1\tamd64\tjq\t1.7.1-3build1\n"
    "pypi\tJinja2\t3.1.4\n"
    "npm\t@actions/core\t1.10.1\n"
    "npm\tlodash\t4.17.20\n"
    "golang\tgolang.org/x/net\t0.17.0\n"
    "tool\tnode\t24.1.0\tx64\n"
    "a line of no kind\n"
)
NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC).timestamp()


def listed(text: str = LIST) -> Contents:
    return parse(text)


def advisory(place: Path, name: str = "", **fields: Any) -> dict[str, Any]:
    """Write an advisory in the OSV format, and return it."""
    found: dict[str, Any] = {
        "schema_version": "1.7.0",
        "id": name or "UBUNTU-CVE-2026-1000",
        "modified": "2026-11-01T00:00:00Z",
        "summary": "a trouble",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [affected("Ubuntu:24.04:LTS", "openssl", fixed="3.0.13-0ubuntu3.5")],
        **fields,
    }
    place.mkdir(exist_ok=True, parents=True)
    (place / f"{found['id']}.json").write_text(json.dumps(found))
    return found


def affected(ecosystem: str, name: str, *, introduced: str = "0", fixed: str = "", **more: Any) -> dict[str, Any]:
    events = [{"introduced": introduced}, *([{"fixed": fixed}] if fixed else [])]
    kind = "SEMVER" if ecosystem in ("npm", "Go") else "ECOSYSTEM"
    return {"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": kind, "events": events}], **more}


def database(place: Path, contents: Contents) -> Iterable[osv.Advisory]:
    """Return a folder's advisories, and one that makes it know the system."""
    names = {osv.ecosystem_of(one, contents) for one in contents.components if one.kind in ("deb", "rpm")}
    more = tuple(osv.Affected(osv.Package(name, "another")) for name in names)
    return [*osv.read(place), osv.Advisory("X-1", affected=more)]


def test_a_list_is_parsed_sorted_and_without_duplicates() -> None:
    contents = listed(LIST + LIST)
    assert (contents.system, contents.release, len(contents.components)) == ("ubuntu", "24.04", 7)
    assert contents.components[0] == Component("deb", "jq", "1.7.1-3build1", "amd64", "jq", "1.7.1-3build1")
    assert Component("pypi", "jinja2", "3.1.4") in contents.components
    assert list(contents.by_kind()) == ["deb", "pypi", "npm", "golang", "tool"]
    for broken in ("deb\tjq", "npm\t\t1.0", "deb\tjq\t1\ta\tb\tc\td"):
        with pytest.raises(UsageError, match="a line that is not valid"):
            parse(broken)


def test_a_bill_of_materials_is_cyclonedx_and_is_read_again() -> None:
    # Seconds, as with `tests.openapi`: they build grammars when they are imported.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = cyclonedx.write(listed(), "tools-amd64-20261123080000", "m-1", NOW)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert cyclonedx.read(text, "file") == listed()
    urls = {row["purl"] for row in json.loads(text)["components"] if "purl" in row}
    assert "pkg:npm/%40actions/core@1.10.1" in urls
    assert "pkg:golang/golang.org/x/net@0.17.0" in urls
    assert any(url.startswith("pkg:deb/ubuntu/libssl3t64@3.0.13-0ubuntu3.4?") for url in urls)
    assert cyclonedx.write(listed(), "tools-amd64-20261123080000", "m-1", NOW) == text


def test_every_package_comes_back_as_it_was_listed() -> None:
    """Package URLs have no capitals where npm has none any more; and a source has its package's version."""
    more = "npm\tJSONStream\t1.3.5\nnpm\t@Scope/Name\t1\ngolang\tgithub.com/BurntSushi/toml\t1.4.0\n"
    more += (
        "deb\tx\t1:2~3+b 4\tamd64\tsource\nrpm\tGConf2\t3.2-1\tx86_64\ntool\tJava_Temurin\t21\tx64\npypi\tA_b.c\t1\n"
    )
    contents = listed(LIST + more)
    assert cyclonedx.read(cyclonedx.write(contents, "image", "m-1", NOW), "file") == contents
    assert Component("npm", "JSONStream", "1.3.5") in contents.components
    assert Component("deb", "x", "1:2~3+b 4", "amd64", "source", "1:2~3+b 4") in contents.components


@pytest.mark.parametrize(
    "line",
    [
        "deb\tx\t1.0\tamd64\tsource\t",
        "deb\tx\t1.0\tamd64\t\t",
        "deb\tx\t 1.0 ",
        "tool\tgo/bin/x\t1.0",
        "tool\t go \t1.0\t x64 ",
        "npm\t@a/b\t1.0",
        "pypi\t A_b \t1.0+local",
    ],
)
def test_a_bill_of_materials_says_what_was_listed(line: str) -> None:
    """Otherwise `image verify --sbom` says that somebody has changed it."""
    contents = listed(f"{LIST}{line}\n")
    assert cyclonedx.read(cyclonedx.write(contents, "image", "m-1", NOW), "file") == contents


def test_syft_s_bill_of_materials_is_read() -> None:
    """Its debs name the source's version only where it is another one, and its system is a component.

    Python's names are those of their authors: no advisory about jinja2 was found for Jinja2.
    """
    rows = [
        {"type": "operating-system", "name": "ubuntu", "version": "24.04"},
        {"type": "library", "purl": "pkg:deb/ubuntu/libssl3t64@3.0.13?arch=amd64&distro=ubuntu-24.04&upstream=openssl"},
        {"type": "library", "purl": "pkg:deb/ubuntu/gcc-13-base@13.3?arch=amd64&upstream=gcc-13%4013.2"},
        {"type": "library", "name": "Jinja2", "purl": "pkg:pypi/jinja2@3.1.4"},
        {"type": "library", "purl": "pkg:maven/org.example/unknown@1"},
        {"type": "file", "name": "/etc/hosts"},
    ]
    contents = cyclonedx.read(json.dumps({"bomFormat": "CycloneDX", "components": rows}), "file")
    assert contents == make(
        "ubuntu",
        "24.04",
        [
            Component("deb", "libssl3t64", "3.0.13", "amd64", "openssl", "3.0.13"),
            Component("deb", "gcc-13-base", "13.3", "amd64", "gcc-13", "13.2"),
            Component("pypi", "jinja2", "3.1.4"),
        ],
    )


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"bomFormat": "SPDX"}', '{"bomFormat": "CycloneDX", "components": 1}']
)
def test_what_is_no_bill_of_materials_is_told(text: str) -> None:
    with pytest.raises(UsageError):
        cyclonedx.read(text, "some.json")


@pytest.mark.parametrize("hidden", ["component", "release"])
def test_a_bill_of_materials_cannot_hide_packages_in_another(hidden: str) -> None:
    """It had the digest of the whole list, and so passed for it, in a bucket too, with one package or none."""
    openssl = Component("deb", "openssl", "3.0.1", "amd64", "o", "3")
    whole = make("ubuntu", "24.04", [Component("deb", "a", "1", "", "a", "1"), openssl])
    if hidden == "component":
        tail = "1\ndeb\topenssl\t3.0.1\tamd64\to\t3"
        forged = make("ubuntu", "24.04", [Component("deb", "a", "1", "", "a", tail)])
        row = {"type": "library", "name": "a", "purl": f"pkg:deb/ubuntu/a@1?upstream=a%40{quote(tail)}"}
        rows = [{"type": "operating-system", "name": "ubuntu", "version": "24.04"}, row]
    else:
        tail = "24.04\ndeb\ta\t1\t\ta\t1\ndeb\topenssl\t3.0.1\tamd64\to\t3"
        forged = make("ubuntu", tail, [])
        rows = [{"type": "operating-system", "name": "ubuntu", "version": tail}]
    assert digest(forged) == digest(whole)
    with pytest.raises(UsageError, match="is not a bill of materials"):
        cyclonedx.read(json.dumps({"bomFormat": "CycloneDX", "components": rows}), "file")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"bomFormat": "CycloneDX", "components": [ROW]}'])
def test_a_strange_bill_of_materials_is_no_traceback(text: str) -> None:
    """Of thousands of brackets when it was read, and of half a character when its digest was made."""
    row = '{"type": "library", "name": "\\ud800", "purl": "pkg:npm/%F0%9F%A4%96@1"}'
    system = '{"type": "operating-system", "name": "\\ud800"}'
    for strange in (row, system):
        with contextlib.suppress(UsageError):
            digest(cyclonedx.read(text.replace("ROW", strange), "some.json"))


def test_a_report_for_people() -> None:
    text = software_report.write(listed(), "tools-amd64-1")
    assert text.startswith("# tools-amd64-1\n\n- System: ubuntu 24.04\n")
    assert "## Tool cache\n\n| name | version |\n|---|---|\n| node | 24.1.0 |" in text


def lister(changes: dict[str, str]) -> str:
    """goldrun's own script, with other paths."""
    script = (Path(osv.__file__).parents[1] / "bake/packages.sh").read_text()
    for old, new in changes.items():
        assert old in script
        script = script.replace(old, new)
    return script


def test_goldrun_s_script_lists_this_machine(tmp_path: Path) -> None:
    """Run here as on an image: this machine's packages are those that its own tools tell."""
    target = tmp_path / "list.gz"
    # Without what this machine has beside the system and the tests' packages: an image has no such homes.
    (tmp_path / "list.sh").write_text(
        lister({"/run/goldrun-packages.gz": str(target), "find / -xdev": f"find /usr {sys.prefix} -xdev"})
    )
    done = subprocess.run(["bash", tmp_path / "list.sh"], capture_output=True, text=True, check=True, timeout=300)
    assert int(done.stdout) == target.stat().st_size
    contents = parse(gzip.decompress(target.read_bytes()).decode())
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    assert contents.system == release["ID"].strip('"')
    names = {(one.kind, one.name, one.version) for one in contents.components}
    if os.path.exists("/usr/bin/dpkg-query"):  # noqa: PTH110
        bash = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", "bash"], capture_output=True, text=True, check=True
        )
        assert ("deb", "bash", bash.stdout) in names
    assert any(kind == "pypi" and name == "pytest" for kind, name, _ in names)


# As `go version -m` writes it: cosign, and a program with modules in place of others.
GO_PROGRAMS = """/usr/local/bin/cosign: go1.26.8
\tpath\tgithub.com/sigstore/cosign/v2/cmd/cosign
\tmod\tgithub.com/sigstore/cosign/v2\tv2.6.5\th1:D7kFSWS2HzfD+LpEuBO89D1KfOAODlkWuuhzXS8yzi0=
\tdep\tcloud.google.com/go/auth\tv0.17.0\th1:74yCm7hCj2rUyyAocqnFzsAYXgJhrG26XCFimrc/Kz4=
\tbuild\t-compiler=gc
/usr/local/bin/mine: go1.25.1 X:boringcrypto
\tpath\texample.org/mine
\tmod\texample.org/mine\t(devel)\t
\tdep\tgithub.com/old/one\tv1.0.0
\t=>\tgithub.com/new/one\tv1.2.0\th1:x
\tdep\texample.org/mine/internal\tv0.0.0-00010101000000-000000000000
\t=>\t./internal\t(devel)\t
"""


def test_go_programs_are_listed_with_their_modules_and_go_itself(tmp_path: Path) -> None:
    """As syft lists them: the module itself, Go's library, and of a replaced module the one in its place."""
    script = Path(osv.__file__).parents[1] / "bake/packages.sh"
    (tmp_path / "list.sh").write_text(
        script.read_text()
        .replace("/run/goldrun-packages.gz", str(tmp_path / "list.gz"))
        .replace("find / -xdev", f"find {tmp_path} -xdev")
    )
    (tmp_path / "go").write_text(f"#!/bin/sh\n[ \"$3\" != /usr/local ] || printf '%s' '{GO_PROGRAMS}'\n")
    (tmp_path / "go").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["bash", tmp_path / "list.sh"], env=env, capture_output=True, text=True, check=True)
    contents = parse(gzip.decompress((tmp_path / "list.gz").read_bytes()).decode())
    assert [(one.name, one.version) for one in contents.components if one.kind == "golang"] == [
        ("cloud.google.com/go/auth", "0.17.0"),
        ("github.com/new/one", "1.2.0"),
        ("github.com/sigstore/cosign/v2", "2.6.5"),
        ("stdlib", "1.25.1"),
        ("stdlib", "1.26.8"),
    ]


def test_go_s_own_library_has_advisories(tmp_path: Path) -> None:
    advisory(tmp_path, affected=[affected("Go", "stdlib", fixed="1.25.2")])
    found = listed("os\tubuntu\t24.04\ngolang\tstdlib\t1.25.1\ngolang\tstdlib\t1.26.8\n")
    assert [(one.component.version, one.fixed) for one in scan(found, osv.read(tmp_path), Rule(), NOW)] == [
        ("1.25.1", "1.25.2")
    ]


def run_lister(folder: Path, changes: dict[str, str], **env: str) -> Contents:
    """Run goldrun's own script on a folder."""
    changes = {"/run/goldrun-packages.gz": f"{folder}/list.gz", "find / -xdev": f"find {folder} -xdev", **changes}
    (folder / "list.sh").write_text(lister(changes))
    subprocess.run(["bash", folder / "list.sh"], env={**os.environ, **env}, capture_output=True, check=True)
    return parse(gzip.decompress((folder / "list.gz").read_bytes()).decode())


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="there is no dpkg")
def test_packages_that_were_removed_are_not_listed(tmp_path: Path) -> None:
    """One whose configuration is left had the advisories of one that is there."""
    states = {"here": "ok installed", "half": "ok unpacked", "failed": "ok half-configured", "gone": "ok config-files"}
    stanzas = [
        f"Package: {name}\nStatus: install {state}\nArchitecture: all\nMaintainer: x\nVersion: 1\nDescription: x\n"
        for name, state in states.items()
    ]
    (tmp_path / "status").write_text("\n".join(stanzas))
    contents = run_lister(tmp_path, {}, DPKG_ADMINDIR=str(tmp_path))
    assert [one.name for one in contents.components if one.kind == "deb"] == ["failed", "half", "here"]


def test_what_dpkg_and_rpm_own_is_not_listed_for_pypi_and_npm(tmp_path: Path) -> None:
    """A fix that a distribution took into an older version was none for PyPI, and blocked."""
    for name in ("usr/lib/theirs", "usr/lib/merged", "usr/share/rpm_s", "usr/lib/ours"):
        (tmp_path / f"{name}.dist-info").mkdir(parents=True)
        (tmp_path / f"{name}.dist-info/METADATA").write_text(f"Name: {Path(name).name}\nVersion: 1.0\n\n")
    (tmp_path / "usr/lib/node_modules/theirs").mkdir(parents=True)
    (tmp_path / "usr/lib/node_modules/theirs/package.json").write_text('{"version": "1.0"}')
    paths = [f"{tmp_path}/usr/lib/{name}" for name in ("theirs.dist-info/METADATA", "node_modules/theirs/package.json")]
    (tmp_path / "python3-x.list").write_text("\n".join(["/.", *paths, "/lib/merged.dist-info/METADATA"]) + "\n")
    (tmp_path / "rpm").write_text(f"#!/bin/sh\n[ $1 != -qal ] || echo {tmp_path}/usr/share/rpm_s.dist-info/METADATA\n")
    (tmp_path / "rpm").chmod(0o755)
    changes = {"/var/lib/dpkg/info": str(tmp_path), "s|^|/usr|p": f"s|^|{tmp_path}/usr|p"}
    contents = run_lister(tmp_path, changes, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert [one.name for one in contents.components if one.kind in ("pypi", "npm")] == ["ours"]


@pytest.mark.parametrize("without", [(), ("python3",)])
def test_a_package_of_npm_is_what_its_file_says(tmp_path: Path, without: tuple[str, ...]) -> None:
    """The folder of an alias has another name, and the first version in a file may be that of something else."""
    said = {
        "string-width-cjs": {"engines": {"version": "9"}, "name": "string-width", "version": "4.2.3"},
        "@a/nameless": {"version": "1.0.0"},
        "none": {"dependencies": {"version": "7"}},
        "wrong": {"name": "wrong", "version": 1},
        "list": [],
    }
    for name, found in said.items():
        (tmp_path / "node_modules" / name).mkdir(parents=True)
        (tmp_path / "node_modules" / name / "package.json").write_text(json.dumps(found))
    changes = {f"command -v {name}": "false" for name in without}
    contents = run_lister(tmp_path, changes)
    assert [(one.name, one.version) for one in contents.components if one.kind == "npm"] == [
        ("@a/nameless", "1.0.0"),
        ("string-width", "4.2.3"),
    ]


def test_a_database_that_cannot_be_read_fails_the_list(tmp_path: Path) -> None:
    """A list without the system's packages would pass every scan."""
    script = Path(osv.__file__).parents[1] / "bake/packages.sh"
    (tmp_path / "list.sh").write_text(script.read_text().replace("/run/goldrun-packages.gz", str(tmp_path / "list.gz")))
    (tmp_path / "dpkg-query").write_text("#!/bin/sh\necho 'dpkg-query: error: cannot read' >&2\nexit 2\n")
    (tmp_path / "dpkg-query").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", tmp_path / "list.sh"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""


def findings(
    contents: Contents, place: Path, rule: Rule | None = None, now: float = NOW
) -> list[tuple[str, str, bool]]:
    found = scan(contents, database(place, contents), rule or Rule(), now)
    return [(one.advisory, one.component.name, one.blocks) for one in found]


def test_an_advisory_blocks_exactly_the_affected_versions(tmp_path: Path) -> None:
    """By the source package, as distributions write them; the fixed version and another release are free."""
    advisory(tmp_path)
    assert findings(listed(), tmp_path) == [("UBUNTU-CVE-2026-1000", "libssl3t64", True)]
    fixed = LIST.replace("3.0.13-0ubuntu3.4", "3.0.13-0ubuntu3.5")
    assert findings(listed(fixed), tmp_path) == []
    assert findings(listed(LIST.replace("3.0.13-0ubuntu3.4", "3.0.13-0ubuntu3.10")), tmp_path) == []
    assert findings(listed(LIST.replace("24.04", "24.10")), tmp_path) == []
    assert findings(listed(LIST.replace("\tubuntu\t", "\tdebian\t")), tmp_path) == []


@pytest.mark.parametrize("ecosystem", ["Debian:12", "Ubuntu:22.04:LTS", "Ubuntu:Pro:24.04:LTS"])
def test_a_database_that_does_not_know_the_system_is_refused(tmp_path: Path, ecosystem: str) -> None:
    """It found nothing, so every image passed."""
    advisory(tmp_path, affected=[affected(ecosystem, "openssl")])
    with pytest.raises(RefusedError, match=r"The database has no advisories about Ubuntu:24\.04\.") as caught:
        scan(listed(), osv.read(tmp_path), Rule(), NOW)
    assert "2 packages of the image are from there" in str(caught.value)


def test_languages_that_a_database_does_not_know_are_told(tmp_path: Path) -> None:
    """Their packages passed as if they had been compared."""
    advisory(tmp_path, affected=[affected("Ubuntu:24.04:LTS", "another"), affected("Go", "another")])
    told: list[str] = []
    assert scan(listed(), osv.read(tmp_path), Rule(), NOW, told.append) == []
    assert sorted(told) == [
        "1 packages of PyPI are not compared: the database has no advisories about them.",
        "2 packages of npm are not compared: the database has no advisories about them.",
    ]


@pytest.mark.parametrize(
    ("ecosystem", "name", "introduced", "fixed", "hit"),
    [
        ("PyPI", "jinja2", "0", "3.1.5", True),
        ("PyPI", "Jinja2", "0", "3.1.5", True),  # GitHub's advisories have the author's name
        ("PyPI", "jinja2", "0", "3.1.4", False),
        ("PyPI", "jinja2", "3.1.4", "3.1.5", True),
        ("PyPI", "jinja2", "3.2.0a1", "3.2.0", False),
        ("npm", "lodash", "0", "4.17.21", True),
        ("npm", "lodash", "0", "4.9.0", False),
        ("npm", "@actions/core", "1.10.0", "1.11.0", True),
        ("Go", "golang.org/x/net", "0", "0.23.0", True),
        ("Go", "golang.org/x/net", "0.18.0", "0.23.0", False),
        ("Ubuntu:24.04:LTS", "jq", "1.7.1-3build1", "1.7.1-3build2", True),
        ("Ubuntu:Pro:24.04:LTS", "jq", "0", "9", False),
        ("Ubuntu:22.04:LTS", "jq", "0", "9", False),
        ("crates.io", "jq", "0", "9", False),
    ],
)
def test_ranges_of_each_ecosystem(
    tmp_path: Path, ecosystem: str, name: str, introduced: str, fixed: str, hit: bool
) -> None:
    advisory(tmp_path, affected=[affected(ecosystem, name, introduced=introduced, fixed=fixed)])
    assert [found[1] for found in findings(listed(), tmp_path)] == ([name.lower()] if hit else [])


def test_events_in_several_pieces_and_listed_versions(tmp_path: Path) -> None:
    """As the schema says: events are sorted, a package may be fixed and broken again, `versions` counts by itself."""
    events = [{"introduced": "4.17.0"}, {"introduced": "0"}, {"fixed": "4.10.0"}, {"last_affected": "4.17.20"}]
    place = tmp_path / "one"
    one = affected("npm", "lodash")
    one["ranges"] = [{"type": "SEMVER", "events": events}]
    advisory(place, affected=[one], id="GHSA-1")
    for version, hit in (("4.9.0", True), ("4.10.0", False), ("4.16.0", False), ("4.17.20", True), ("4.17.21", False)):
        contents = make("ubuntu", "24.04", [Component("npm", "lodash", version)])
        rule = Rule(unfixed=True)
        assert [found[0] for found in findings(contents, place, rule)] == (["GHSA-1"] if hit else []), version
    place = tmp_path / "two"
    advisory(
        place, affected=[{"package": {"ecosystem": "npm", "name": "lodash"}, "versions": ["4.17.20"]}], id="GHSA-2"
    )
    assert findings(listed(), place) == [("GHSA-2", "lodash", False)], "no version fixes it"
    place = tmp_path / "three"
    git = {"type": "GIT", "repo": "https://example.com", "events": [{"introduced": "0"}]}
    advisory(place, affected=[{"package": {"ecosystem": "npm", "name": "lodash"}, "ranges": [git]}], id="GHSA-3")
    assert findings(listed(), place) == []


@pytest.mark.parametrize(
    ("limits", "hits"),
    [(["2.0.0"], ["1.0.0", "1.9.0"]), (["*"], ["1.0.0", "1.9.0", "2.1.0"]), (["1.5.0", "2.0.0"], ["1.0.0", "1.9.0"])],
)
def test_a_range_ends_at_its_limit(tmp_path: Path, limits: list[str], hits: list[str]) -> None:
    """As the schema says: a version is before one of them. It was affected beyond them, and `*` was no version."""
    one = affected("npm", "lodash")
    one["ranges"][0]["events"] = [{"introduced": "1.0.0"}, {"fixed": "3.0.0"}, *({"limit": limit} for limit in limits)]
    advisory(tmp_path, affected=[one])
    found = [
        version
        for version in ("0.9.0", "1.0.0", "1.9.0", "2.1.0", "3.1.0")
        if findings(make("ubuntu", "24.04", [Component("npm", "lodash", version)]), tmp_path)
    ]
    assert found == hits


def test_a_listed_version_may_be_written_in_another_way(tmp_path: Path) -> None:
    """PyPI's 1.0 and 1.0.0 are one release: what is malware was not found."""
    listed_only = {"package": {"ecosystem": "PyPI", "name": "evil"}, "versions": ["what?", "1.0", "2.0rc1"]}
    advisory(tmp_path, affected=[listed_only], id="MAL-2026-1")
    for version, hit in (("1.0", True), ("1.0.0", True), ("2.0-rc.1", True), ("1.0.1", False), ("odd!", False)):
        contents = make("ubuntu", "24.04", [Component("pypi", "evil", version)])
        assert bool(findings(contents, tmp_path)) == hit, version


@pytest.mark.parametrize(
    ("version", "hit"), [("1.23rc1", True), ("1.23rc2", False), ("1.23rc10", False), ("1.23", False)]
)
def test_go_s_own_pre_releases_are_compared(tmp_path: Path, version: str, hit: bool) -> None:
    """Go calls itself 1.23rc1, and its advisories 1.23.0-rc.1: the first one counted as after the second."""
    advisory(tmp_path, affected=[affected("Go", "stdlib", introduced="1.23.0-0", fixed="1.23.0-rc.2")])
    contents = make("ubuntu", "24.04", [Component("golang", "stdlib", version)])
    assert bool(findings(contents, tmp_path)) == hit


def test_the_fixed_version_is_the_next_one(tmp_path: Path) -> None:
    """As npm's advisories have it: two lines of versions in one list of events, in any order."""
    one = affected("npm", "lodash")
    one["ranges"][0]["events"] = [{"introduced": "0"}, {"introduced": "2.0.0"}, {"fixed": "2.0.1"}, {"fixed": "1.3.2"}]
    advisory(tmp_path, affected=[one])
    for version, fixed in (("1.3.1", "1.3.2"), ("2.0.0", "2.0.1")):
        (found,) = scan(make("ubuntu", "24.04", [Component("npm", "lodash", version)]), osv.read(tmp_path), Rule(), NOW)
        assert found.fixed == fixed


@pytest.mark.parametrize("event", ["fixed", "last_affected"])
def test_an_end_at_the_lowest_version_affects_nothing(tmp_path: Path, event: str) -> None:
    """The version 0 precedes all others: such a range had no end."""
    one = affected("npm", "lodash")
    one["ranges"][0]["events"] = [{"introduced": "0"}, {event: "0"}]
    advisory(tmp_path, affected=[one])
    assert findings(listed(), tmp_path) == []


@pytest.mark.parametrize("turned", [False, True])
def test_of_several_entries_for_a_package_the_worst_counts(tmp_path: Path, turned: bool) -> None:
    """Advisories have one for each repository: the last one overwrote what the others said."""
    entries = [
        affected("npm", "lodash", fixed="4.17.21"),
        {"package": {"ecosystem": "npm", "name": "lodash"}, "versions": ["4.17.20"]},
    ]
    advisory(tmp_path, affected=entries[::-1] if turned else entries)
    assert findings(listed(), tmp_path) == [("UBUNTU-CVE-2026-1000", "lodash", True)]


def test_a_version_that_cannot_be_compared_counts_as_affected(tmp_path: Path) -> None:
    advisory(tmp_path, affected=[affected("PyPI", "jinja2", fixed="3.1.5")])
    strange = make("ubuntu", "24.04", [Component("pypi", "jinja2", "dirty version!")])
    assert [found[2] for found in findings(strange, tmp_path)] == [True]


RPMS = (
    "os\t{system}\t{release}\n"
    "rpm\topenssl-libs\t1:3.0.7-27.el9\tx86_64\topenssl\t1:3.0.7-27.el9\n"
    "rpm\tbash\t5.1.8-9.el9\tx86_64\tbash\t5.1.8-9.el9\n"
)


@pytest.mark.parametrize(
    ("system", "release", "ecosystem", "name", "fixed", "hit"),
    [
        ("almalinux", "9.4", "AlmaLinux:9", "openssl-libs", "1:3.0.7-28.el9", True),
        ("almalinux", "9.4", "AlmaLinux:9", "openssl-libs", "1:3.0.7-27.el9", False),
        ("almalinux", "9.4", "AlmaLinux:9", "openssl-libs", "3.0.7-28.el9", False),  # an epoch counts before all else
        ("almalinux", "9.4", "AlmaLinux:8", "openssl-libs", "1:3.0.7-28.el9", False),
        ("almalinux", "9.4", "AlmaLinux:9", "openssl-libs", "1:3.0.7-27.el9_1.2", True),
        ("rocky", "9.4", "Rocky Linux:9", "openssl", "1:3.0.8-1.el9", True),  # by its source
        ("rhel", "9.4", "Red Hat:enterprise_linux:9::appstream", "openssl-libs", "1:3.0.8-1.el9", True),
        ("rhel", "9.4", "Red Hat:enterprise_linux:9::baseos", "openssl-libs", "1:3.0.8-1.el9", True),
        ("rhel", "9.4", "Red Hat:enterprise_linux:90::baseos", "openssl-libs", "1:3.0.8-1.el9", False),
        ("rhel", "10.0", "Red Hat:enterprise_linux:10.1", "openssl-libs", "1:3.0.8-1.el9", True),  # RHSA-2025:12662
        ("rhel", "10.0", "Red Hat:enterprise_linux:100.1", "openssl-libs", "1:3.0.8-1.el9", False),
        ("openEuler", "24.03-LTS-SP1", "openEuler:24.03-LTS-SP1", "openssl", "1:3.0.12-1", True),
        ("openEuler", "24.03-LTS-SP1", "openEuler:24.03-LTS", "openssl", "1:3.0.12-1", False),
        ("opensuse-leap", "15.6", "openSUSE:Leap 15.6", "openssl-libs", "1:3.1-1", True),
        ("almalinux", "9.4", "Ubuntu:24.04:LTS", "openssl-libs", "9", False),
    ],
)
def test_rpms(tmp_path: Path, system: str, release: str, ecosystem: str, name: str, fixed: str, hit: bool) -> None:
    advisory(tmp_path, affected=[affected(ecosystem, name, fixed=fixed)])
    contents = listed(RPMS.format(system=system, release=release))
    assert [found[1] for found in findings(contents, tmp_path)] == (["openssl-libs"] if hit else [])
    assert osv.uncompared(contents) == 0


def test_packages_that_no_advisory_can_be_about_are_counted() -> None:
    assert osv.uncompared(listed(RPMS.format(system="alinux", release="3"))) == 2
    assert osv.uncompared(listed(LIST)) == 0
    assert osv.uncompared(listed(LIST.replace("ubuntu", "linuxmint"))) == 2


def test_an_rpm_s_epoch_and_source_come_back_and_syft_s_are_read() -> None:
    contents = listed(RPMS.format(system="almalinux", release="9.4"))
    text = cyclonedx.write(contents, "image", "m-1", NOW)
    assert cyclonedx.read(text, "file") == contents
    urls = [row["purl"] for row in json.loads(text)["components"] if "purl" in row]
    assert any(url.startswith("pkg:rpm/almalinux/openssl-libs@3.0.7-27.el9?") and "epoch=1" in url for url in urls)
    url = "pkg:rpm/almalinux/openssl-libs@3.0.7-27.el9?arch=x86_64&epoch=1&upstream=openssl-3.0.7-27.el9.src.rpm"
    rows = [
        {"type": "operating-system", "name": "almalinux", "version": "9.4"},
        {"type": "library", "name": "openssl-libs", "purl": url},
    ]
    (found,) = cyclonedx.read(json.dumps({"bomFormat": "CycloneDX", "components": rows}), "file").components
    assert found in contents.components


SPEC = """Name: mine
Version: 1.2
Release: 3
Summary: x
License: MIT
BuildArch: noarch
%description
x
%package -n mine-tools
Summary: y
Epoch: 4
%description -n mine-tools
y
%files
%files -n mine-tools
"""


@pytest.mark.skipif(shutil.which("rpmbuild") is None, reason="there is no rpmbuild")
def test_goldrun_s_script_lists_rpms(tmp_path: Path) -> None:
    """Two packages of one source, one with an epoch, built and installed with rpm itself in a database of their own."""
    (tmp_path / "mine.spec").write_text(SPEC)
    (tmp_path / ".rpmmacros").write_text(f"%_topdir {tmp_path}/build\n%_dbpath {tmp_path}/db\n")
    env = {**os.environ, "HOME": str(tmp_path)}

    def run(*words: str) -> str:
        done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("rpmbuild", "-bb", "mine.spec")
    run("rpm", "--initdb")
    run("rpm", "-i", "--justdb", "--nodeps", *map(str, (tmp_path / "build/RPMS/noarch").glob("*.rpm")))
    (tmp_path / "os-release").write_text('ID=openEuler\nVERSION_ID="24.03"\nVERSION="24.03 (LTS-SP1)"\n')
    changes = {
        "/run/goldrun-packages.gz": f"{tmp_path}/list.gz",
        ". /etc/os-release": f". {tmp_path}/os-release",
        "find / -xdev": f"find {tmp_path}/db -xdev",
    }
    (tmp_path / "list.sh").write_text(lister(changes))
    run("bash", "list.sh")
    contents = parse(gzip.decompress((tmp_path / "list.gz").read_bytes()).decode())
    assert (contents.system, contents.release) == ("openEuler", "24.03-LTS-SP1")
    assert [one for one in contents.components if one.kind == "rpm"] == [
        Component("rpm", "mine", "1.2-3", "noarch", "mine", "1.2-3"),
        Component("rpm", "mine-tools", "4:1.2-3", "noarch", "mine", "4:1.2-3"),
    ]


LOW = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"}]


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({}, "critical"),
        ({"severity": LOW}, "low"),
        ({"severity": [{"type": "CVSS_V2", "score": "AV:N/AC:M/Au:N/C:P/I:P/A:P"}]}, "medium"),
        ({"severity": [{"type": "Ubuntu", "score": "high"}]}, "high"),
        ({"severity": [{"type": "CVSS_V3", "score": "nonsense"}]}, "medium"),
        ({"severity": []}, "medium"),
        ({"severity": [], "database_specific": {"severity": "MODERATE"}}, "medium"),
        ({"severity": LOW, "database_specific": {"severity": "HIGH"}}, "high"),
        (
            {
                "severity": [
                    {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}
                ]
            },
            "critical",
        ),
    ],
)
def test_severities(tmp_path: Path, fields: dict[str, Any], level: str) -> None:
    advisory(tmp_path, **fields)
    (found,) = scan(listed(), osv.read(tmp_path), Rule(), NOW)
    assert found.level == level
    assert found.blocks is (level in ("high", "critical"))


def test_lists_of_an_advisory_may_be_null(tmp_path: Path) -> None:
    """The schema allows it, and the whole scan failed."""
    one = affected("npm", "lodash", fixed="9.0.0", severity=None)
    advisory(tmp_path, "GHSA-1", aliases=None, severity=None, affected=[one])
    advisory(tmp_path, "GHSA-2", affected=None)
    assert findings(listed(), tmp_path, Rule("medium")) == [("GHSA-1", "lodash", True)]


def test_rules(tmp_path: Path) -> None:
    advisory(tmp_path, severity=[{"type": "Ubuntu", "score": "medium"}])
    advisory(tmp_path, "UBUNTU-CVE-2026-2", affected=[affected("Ubuntu:24.04:LTS", "jq")])
    assert blocking(scan(listed(), osv.read(tmp_path), Rule(), NOW)) == []
    held = blocking(scan(listed(), osv.read(tmp_path), Rule("medium", unfixed=True), NOW))
    assert [one.advisory for one in held] == ["UBUNTU-CVE-2026-2", "UBUNTU-CVE-2026-1000"]


@pytest.mark.parametrize("fields", [{"id": "MAL-2026-1"}, {"id": "GHSA-1", "aliases": ["MAL-2026-1"]}])
def test_malware_blocks(tmp_path: Path, fields: dict[str, Any]) -> None:
    """Such advisories tell no severity, and no version fixes them: they passed."""
    advisory(tmp_path, severity=[], affected=[affected("npm", "lodash")], **fields)
    assert findings(listed(), tmp_path) == [(fields["id"], "lodash", True)]
    rule = Rule(exceptions=(AdvisoryException("MAL-2026-1", "a false alarm", dt.date(2026, 11, 23)),))
    assert findings(listed(), tmp_path, rule) == [(fields["id"], "lodash", False)]


def test_an_exception_ends_with_its_day(tmp_path: Path) -> None:
    advisory(tmp_path, aliases=["CVE-2026-1000"])
    rule = Rule(exceptions=(AdvisoryException("CVE-2026-1000", "not reachable", dt.date(2026, 11, 23)),))
    late = NOW + 86399
    (found,) = scan(listed(), osv.read(tmp_path), rule, late)
    assert (found.blocks, found.why) == (False, "exception until 2026-11-23: not reachable")
    (found,) = scan(listed(), osv.read(tmp_path), rule, late + 1)
    assert (found.blocks, found.why) == (True, "its exception ended on 2026-11-23")


@pytest.mark.parametrize(
    ("exceptions", "blocks"),
    [
        ({"CVE-1": 30}, True),
        ({"CVE-1": 30, "CVE-2": 22}, True),
        ({"CVE-1": 30, "CVE-2": 23}, False),
        ({"USN-1": 30}, False),
        ({"RHSA-1": 22, "CVE-1": 30}, True),
        ({"RHSA-1": 30}, False),
    ],
)
def test_an_advisory_about_several_troubles_has_an_exception_with_all_of_them(
    tmp_path: Path, exceptions: dict[str, int], blocks: bool
) -> None:
    """The exception for one CVE let a whole advisory of a distribution pass."""
    advisory(tmp_path, "USN-1", aliases=["RHSA-1"], upstream=["CVE-1", "CVE-2"])
    rule = Rule(
        exceptions=tuple(AdvisoryException(name, "x", dt.date(2026, 11, day)) for name, day in exceptions.items())
    )
    assert findings(listed(), tmp_path, rule) == [("USN-1", "libssl3t64", blocks)]


def test_an_exception_that_was_renewed_counts(tmp_path: Path) -> None:
    """The first one in the recipe decided, even if it had ended."""
    advisory(tmp_path, aliases=["CVE-1"])
    rule = Rule(exceptions=tuple(AdvisoryException("CVE-1", "x", dt.date(2026, 11, day)) for day in (1, 30, 2)))
    (found,) = scan(listed(), osv.read(tmp_path), rule, NOW)
    assert (found.blocks, found.why) == (False, "exception until 2026-11-30: x")


def test_databases(tmp_path: Path) -> None:
    """Files and archives; withdrawn advisories do not count; a hole is an error, not an absence."""
    place = tmp_path / "osv"
    one = advisory(place, withdrawn="2026-11-02T00:00:00Z")
    assert findings(listed(), place) == []
    with zipfile.ZipFile(place / "all.zip", "w") as archive:
        archive.writestr("UBUNTU-CVE-2026-7.json", json.dumps({**one, "id": "UBUNTU-CVE-2026-7", "withdrawn": None}))
    assert [found[0] for found in findings(listed(), place)] == ["UBUNTU-CVE-2026-7"]
    assert [found[0] for found in findings(listed(), place / "all.zip")] == ["UBUNTU-CVE-2026-7"]
    (place / "broken.json").write_text('{"id": 7}')
    with pytest.raises(UsageError, match="not an advisory in the OSV format"):
        findings(listed(), place)
    (place / "broken.json").unlink()
    (place / "all.zip").write_bytes(b"PK")
    with pytest.raises(UsageError, match="is not a zip archive"):
        findings(listed(), place)
    for missing in (tmp_path / "nowhere", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(UsageError, match="There are no advisories at"):
            findings(listed(), missing)


def test_a_database_of_withdrawn_advisories_is_one(tmp_path: Path) -> None:
    """It was a traceback, before the build began."""
    advisory(tmp_path, withdrawn="2026-11-02T00:00:00Z")
    osv.require_readable(tmp_path)


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_is_no_file_in_a_database_is_told(tmp_path: Path, kind: str) -> None:
    """It was a traceback, after the image was built."""
    advisory(tmp_path)
    if kind == "folder":
        (tmp_path / "all.json").mkdir()
        assert len(list(osv.read(tmp_path))) == 1, "what is in a folder is read, whatever its name"
    else:
        (tmp_path / "z.json").symlink_to(tmp_path / "nothing")
        with pytest.raises(UsageError, match=r"z\.json cannot be read"):
            list(osv.read(tmp_path))


@pytest.mark.parametrize(
    ("mark", "at", "flip"), [(b"a.json", 6, 0xFF), (b"PK\x01\x02", 6, 0xFF), (b"PK\x01\x02", 8, 1)]
)
def test_an_archive_that_is_damaged_or_encrypted_is_told(tmp_path: Path, mark: bytes, at: int, flip: int) -> None:
    """It was a traceback: zlib's error, a method that is not implemented, a password that is missing."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", '{"id": "x"}' * 50)
    content = bytearray((tmp_path / "all.zip").read_bytes())
    content[content.index(mark) + at] ^= flip
    (tmp_path / "all.zip").write_bytes(content)
    with pytest.raises(UsageError, match="is not a zip archive"):
        list(osv.read(tmp_path))


def test_the_report_of_advisories_stays_in_its_cells(tmp_path: Path) -> None:
    """What advisories say comes from elsewhere: no mention, no link, no row of its own."""
    assert advisory_report.write([]) == ""
    advisory(tmp_path, summary="see [here](http://evil) @somebody\n| `x` | " + "long " * 50)
    found = scan(listed(), osv.read(tmp_path), Rule(), NOW)
    head, rule, row = advisory_report.write(found).splitlines()
    assert (head.count("|"), rule.count("|")) == (6, 6)
    assert row.startswith(
        "| critical | `UBUNTU-CVE-2026-1000` | `libssl3t64 3.0.13-0ubuntu3.4` | `3.0.13-0ubuntu3.5` | see \\[here\\]"
    )
    assert "@somebody" not in row
    assert len(row.replace("\\", "")) < 250
    many = advisory_report.write(found * 250)
    assert many.endswith("50 more are not shown.\n")
    assert len(many) < 65_536
