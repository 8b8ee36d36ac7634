"""``goldrun recipe update`` against a mirror on this machine: versions, checksums, sources that fail."""

from __future__ import annotations

import difflib
import gzip
import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from goldrun.bake.parts import Mirrors, Tool
from goldrun.bake.reading import load, read_alone
from goldrun.bake.template import TEMPLATE
from goldrun.errors import UnavailableError, UsageError
from goldrun.http.http1 import Answer
from goldrun.http.web import Web
from goldrun.updates.sources import Sources, find
from tests.background import serve_in_background
from tests.commands import run_goldrun
from tests.unit.test_json import validate
from tests.virtual_time import FakeClock

GH = {"amd64": b"gh for amd64", "arm64": b"gh for arm64"}
GO = {"amd64": b"go for amd64", "arm64": b"go for arm64"}


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


PAGES: dict[str, bytes] = {
    "/repos/cli/cli/releases/latest": json.dumps(
        {
            "tag_name": "v2.90.0",
            "assets": [
                {"name": f"gh_2.90.0_linux_{arch}.tar.gz", "digest": f"sha256:{sha(content)}"}
                for arch, content in GH.items()
            ],
        }
    ).encode(),
    "/npm/@pnpm%2Fexe/latest": b'{"version": "10.22.0"}',
    "/pypi/pypi/uv/json": b'{"info": {"version": "0.9.12"}}',
    "/go/VERSION?m=text": b"go1.26.2\ntime 2026-11-03T00:00:00Z\n",
    "/go/go1.26.2.linux-amd64.tar.gz.sha256": sha(GO["amd64"]).encode(),
    "/go/go1.26.2.linux-arm64.tar.gz.sha256": sha(GO["arm64"]).encode(),
    "/k8s/stable.txt": b"v1.35.1",
    "/k8s/v1.35.1/bin/linux/amd64/kubectl": b"kubectl for amd64",
    "/k8s/v1.35.1/bin/linux/arm64/kubectl": b"kubectl for arm64",
    "/node/SHASUMS256.txt": b"1" * 64
    + b"  node-v24.2.0-linux-x64.tar.xz\n"
    + b"2" * 64
    + b" *node-v24.2.0-linux-arm64.tar.xz\n",
    "/node/latest": b"v24.2.0",
    "/docker/Packages.gz": gzip.compress(
        b"Package: docker-ce\nVersion: 5:28.5.1-1~ubuntu.24.04~noble\nDescription: x\n Version: 9\n\n"
        b"Package: docker-ce-cli\nVersion: 5:99.0\n\n"
        b"Package: docker-ce\nVersion: 5:28.10.0-1~ubuntu.24.04~noble\n\n"
        b"Package: docker-ce\nVersion: 28.11.0\n"
    ),
}
RECIPE = """
# Tools are pinned here.
[tools.gh]        # GitHub's CLI
version = "2.83.0"   # a comment that stays
github = "cli/cli"
url = "https://github.com/cli/cli/releases/download/v{version}/gh_{version}_linux_{arch}.tar.gz"
sha256 = { amd64 = "AAA", arm64 = "BBB" }

[tools.pnpm]
version = "10.1.0"
npm = "@pnpm/exe"

[tools.uv]
version = "0.9.12"
pypi = "uv"

[tools.go]
version = "1.25.4"
latest = "https://go.dev/VERSION?m=text"
url = "https://go.dev/dl/go{version}.linux-{arch}.tar.gz"
sums = "MIRROR/go/go{version}.linux-{arch}.tar.gz.sha256"
[tools.go.sha256]
arm64 = "CCC"
amd64 = "DDD"

[tools.kubectl]
version = "1.34.0"
latest = "https://dl.k8s.io/stable.txt"
url = "https://dl.k8s.io/v{version}/bin/linux/{arch}/kubectl"
sha256 = { amd64 = "AAA", arm64 = "BBB" }

[tools.node]
version = "24.1.0"
latest = "https://nodejs.org/latest"
url = "https://nodejs.org/dist/v{version}/node-v{version}-linux-{arch}.tar.xz"
arch = { amd64 = "x64" }
sums = "MIRROR/node/SHASUMS256.txt"
sha256 = { amd64 = "AAA", arm64 = "BBB" }

[tools.docker]
version = "5:28.5.1-1~ubuntu.24.04~noble"
apt = "docker-ce"
index = "https://download.docker.com/linux/ubuntu/dists/noble/stable/binary-amd64/Packages.gz"

[tools.bare]
version = "1.0"
"""


class Mirror(BaseHTTPRequestHandler):
    """Serves the pages; what is asked for is written down."""

    pages: dict[str, bytes]
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        content = self.pages.get(self.path)
        if content is not None and content.startswith(b"->"):
            self.send_response(302)
            self.send_header("location", content[2:].decode())
            content = b""
        else:
            self.send_response(404 if content is None else 503 if content == b"broken" else 200)
        self.send_header("content-length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror() -> Iterator[type[Mirror]]:
    class Own(Mirror):
        pages = dict(PAGES)  # noqa: RUF012 - a new one for each test
        asked: list[str] = []  # noqa: RUF012 - a new one for each test

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    thread = serve_in_background(server)
    Own.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    yield Own
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def recipe(tmp_path: Path, mirror: Any) -> Path:
    for path, text in TEMPLATE.items():
        (tmp_path / "tools" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tools" / path).write_text(text.replace("FAMILY", "tools"))
    replace = {
        "https://registry.npmjs.org/": "npm/",
        "https://pypi.org/": "pypi/",
        "https://go.dev/": "go/",
        "https://go.dev/dl/": "go/",
        "https://dl.k8s.io/": "k8s/",
        "https://nodejs.org/": "node/",
        "https://download.docker.com/linux/ubuntu/dists/noble/stable/binary-amd64/": "docker/",
    }
    mirrors = "".join(f'"{start}" = "{mirror.url}/{other}"\n' for start, other in replace.items())
    text = RECIPE.replace("MIRROR", mirror.url).replace("AAA", "a" * 64).replace("BBB", "b" * 64)
    text = text.replace("CCC", "c" * 64).replace("DDD", "d" * 64)
    file = tmp_path / "tools/recipe.toml"
    file.write_text(f"{file.read_text()}\n[mirrors.replace]\n{mirrors}{text}")
    load(file.parent)
    return file


@pytest.fixture
def update(recipe: Path, mirror: Any, tmp_path: Path) -> Any:
    def run(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        env = {"HOME": str(tmp_path), "PATH": "/usr/bin", "GITHUB_API_URL": mirror.url, "GOLDRUN_TIMEOUT": "1"}
        return run_goldrun(("recipe", "update", str(recipe.parent), *words), env, tmp_path, code=code)

    return run


def difference(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[0] in "+-" and not line.startswith(("+++", "---"))]


def test_versions_and_checksums_are_written_and_nothing_else(update: Any, recipe: Path) -> None:
    before = recipe.read_text()
    done = update()
    assert done.stdout.splitlines()[-1] == "UPDATED=true"
    sums = {
        name: (sha(f"{name} for amd64".encode()), sha(f"{name} for arm64".encode())) for name in ("gh", "go", "kubectl")
    }
    old = f'sha256 = {{ amd64 = "{"a" * 64}", arm64 = "{"b" * 64}" }}'
    assert difference(before, recipe.read_text()) == [
        '-version = "2.83.0"   # a comment that stays',
        '+version = "2.90.0"   # a comment that stays',
        f"-{old}",
        f'+sha256 = {{ amd64 = "{sums["gh"][0]}", arm64 = "{sums["gh"][1]}" }}',
        '-version = "10.1.0"',
        '+version = "10.22.0"',
        '-version = "1.25.4"',
        '+version = "1.26.2"',
        f'-arm64 = "{"c" * 64}"',
        f'-amd64 = "{"d" * 64}"',
        f'+arm64 = "{sums["go"][1]}"',
        f'+amd64 = "{sums["go"][0]}"',
        '-version = "1.34.0"',
        '+version = "1.35.1"',
        f"-{old}",
        f'+sha256 = {{ amd64 = "{sums["kubectl"][0]}", arm64 = "{sums["kubectl"][1]}" }}',
        '-version = "24.1.0"',
        '+version = "24.2.0"',
        f"-{old}",
        f'+sha256 = {{ amd64 = "{"1" * 64}", arm64 = "{"2" * 64}" }}',
        '-version = "5:28.5.1-1~ubuntu.24.04~noble"',
        '+version = "5:28.10.0-1~ubuntu.24.04~noble"',
    ]
    load(recipe.parent)
    for words in (
        "GitHub's digest",
        "published checksums",
        "computed from the file",
        "the package manager verifies it",
    ):
        assert words in done.stdout
    again = update()
    assert "nothing is newer." in again.stderr
    assert again.stdout == "UPDATED=false\n"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_the_mark_of_windows_stay(update: Any, recipe: Path, mark: bytes) -> None:
    """Every line was changed, and a diff showed the whole file."""
    recipe.write_bytes(mark + recipe.read_bytes().replace(b"\n", b"\r\n"))
    update()
    written = recipe.read_bytes()
    assert written.startswith(mark + b"#")
    assert written.count(b"\r\n") == written.count(b"\n") > 50
    assert b'version = "2.90.0"   # a comment that stays\r\n' in written
    load(recipe.parent)


def test_what_somebody_writes_meanwhile_is_not_lost(update: Any, recipe: Path, mirror: Any) -> None:
    """Look-ups take minutes: an edit of that time was overwritten with what had been read before."""
    edited = recipe.read_text() + "# an edit\n"

    class Pages(dict[str, bytes]):
        def get(self, path: str, default: Any = None) -> Any:
            recipe.write_text(edited)
            return super().get(path, default)

    mirror.pages = Pages(mirror.pages)
    assert "was changed while its tools were looked up" in update(code=5).stderr
    assert recipe.read_text() == edited
    assert update().stdout.splitlines()[-1] == "UPDATED=true"
    assert "# an edit" in recipe.read_text()


def test_a_version_that_is_a_parameter_stays_one(update: Any, recipe: Path) -> None:
    """The newest version took its place, and the parameter meant nothing any more."""
    text = recipe.read_text().replace('version = "2.83.0"', 'version = "{{ parameters.gh }}"')
    recipe.write_text(f'{text}\n[parameters]\ngh = "2.83.0"\n')
    assert load(recipe.parent).recipe.tools["gh"].version == "2.83.0"
    done = update("--only", "gh")
    assert "gh: its version is {{ parameters.gh }}: not looked up." in done.stderr
    assert done.stdout == "UPDATED=false\n"
    assert 'version = "{{ parameters.gh }}"' in recipe.read_text()


def test_a_dry_run_writes_nothing(update: Any, recipe: Path) -> None:
    before = recipe.read_text()
    printed = json.loads(update("--dry-run", "--json").stdout)
    validate("recipe update", printed)
    found = {one["tool"]: one for one in printed}
    assert recipe.read_text() == before
    assert (found["gh"]["before"], found["gh"]["after"], found["gh"]["written"]) == ("2.83.0", "2.90.0", False)
    assert list(found) == ["gh", "pnpm", "uv", "go", "kubectl", "node", "docker"]


def test_the_checksum_of_a_large_file_is_computed(update: Any, recipe: Path, mirror: Any) -> None:
    """A client of APIs takes no answer of more than 32 MiB; a tool may be larger."""
    large = bytes(33 * 1024 * 1024)
    mirror.pages["/k8s/v1.35.1/bin/linux/arm64/kubectl"] = large
    update()
    assert hashlib.sha256(large).hexdigest() in recipe.read_text()


@pytest.mark.parametrize(
    ("page", "content", "told"),
    [
        ("/repos/cli/cli/releases/latest", None, "gh: "),
        ("/npm/@pnpm%2Fexe/latest", b"broken", "HTTP 503"),
        ("/npm/@pnpm%2Fexe/latest", b"<html>", "is not the answer of a registry"),
        ("/k8s/stable.txt", b"<html>not found</html>", "names no version"),
        ("/k8s/v1.35.1/bin/linux/arm64/kubectl", None, "Not found"),
        ("/node/SHASUMS256.txt", b"1" * 64 + b"  another-file\n", "has no checksum of node-v24.2.0-linux-x64.tar.xz"),
        ("/docker/Packages.gz", b"Package: other\nVersion: 1\n", "does not list docker-ce"),
        ("/docker/Packages.gz", b"\x1f\x8bnonsense", "cannot be unpacked"),
        ("/docker/Packages.gz", b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 9, "cannot be unpacked"),
        ("/go/VERSION?m=text", b"->/go/VERSION?m=text", "from one address to the next"),
    ],
)
def test_a_source_that_fails_is_told_and_nothing_is_half_written(
    update: Any, recipe: Path, mirror: Any, page: str, content: bytes | None, told: str
) -> None:
    mirror.pages.pop(page)
    if content is not None:
        mirror.pages[page] = content
    before = recipe.read_text()
    failed = update(code=6)
    assert told in failed.stderr
    assert "nothing was written" in failed.stderr
    assert recipe.read_text() == before
    assert failed.stdout.splitlines()[-1] == "UPDATED=false"
    broken = next(name for name in ("gh", "pnpm", "go", "kubectl", "node", "docker") if f"{name}: " in failed.stderr)
    going = update("--keep-going")
    assert told in going.stderr
    loaded = load(recipe.parent).recipe.tools
    old = {"gh": "2.83.0", "pnpm": "10.1.0", "go": "1.25.4", "kubectl": "1.34.0", "node": "24.1.0"}
    old["docker"] = "5:28.5.1-1~ubuntu.24.04~noble"
    assert {name for name, version in old.items() if loaded[name].version == version} == {broken}


def test_a_file_s_time_limit_includes_its_redirections(fake_clock: Callable[[], FakeClock]) -> None:
    """Each redirection used to begin the time anew: eight of them took eight times as long."""

    class Slow:
        def send(self, _endpoint: object, _method: object, target: str, *_: object) -> Answer:
            clock.sleep(90.0 if target == "/" else 5.0)
            if target == "/":
                return Answer(302, "", b"", {"location": "/next"})
            return Answer(503, "", b"")

        def close(self) -> None:
            """Nothing is open."""

    clock = fake_clock()
    began = clock.now()
    with pytest.raises(UnavailableError):
        Web(Slow(), clock, timeout=100.0).read("https://mirror.example/")
    assert clock.now() - began <= 100.0 + 5.0


@pytest.mark.parametrize(
    ("missing", "how"), [("", "published checksums"), ("arm64", "published checksums, the mirror's checksums")]
)
def test_checksums_are_those_of_the_origin(fake_clock: Callable[[], FakeClock], missing: str, how: str) -> None:
    """A mirror's own were called published, and of several sources the last one was told."""

    class Hosts:
        def send(self, endpoint: Any, _method: object, target: str, *_: object) -> Answer:
            if target == "/newest":
                return Answer(200, "", b"v2.0", {})
            digit = b"1" if endpoint.host == "origin.example" else b"2"
            return Answer(404 if (digit, target) == (b"1", f"/{missing}") else 200, "", digit * 64, {})

        def close(self) -> None:
            """Nothing is open."""

    start = "https://origin.example/"
    sources = Sources(Web(Hosts(), fake_clock()), None, Mirrors(replace={start: "https://mirror.example/"}))  # type: ignore[arg-type]
    tool = Tool(version="1.0", latest=f"{start}newest", url=f"{start}x", sums=f"{start}{{arch}}")
    found = find(sources, tool, ["amd64", "arm64"])
    assert found.how == how
    assert found.sha256 == {"amd64": "1" * 64, "arm64": ("2" if missing else "1") * 64}


def test_redirections_are_followed(update: Any, recipe: Path, mirror: Any) -> None:
    mirror.pages["/k8s/stable.txt"] = b"->/elsewhere.txt"
    mirror.pages["/elsewhere.txt"] = b"v1.35.1"
    update("--only", "kubectl")
    assert load(recipe.parent).recipe.tools["kubectl"].version == "1.35.1"
    assert load(recipe.parent).recipe.tools["gh"].version == "2.83.0"


@pytest.mark.parametrize(
    ("page", "content", "told"),
    [
        ("/npm/@pnpm%2Fexe/latest", b'{"version": "10.0.9"}', "pnpm: 10.0.9 is older than the recipe's 10.1.0"),
        ("/npm/@pnpm%2Fexe/latest", b'{"version": "11.0.0-0"}', "pnpm: 11.0.0-0 is a pre-release: not taken."),
        ("/pypi/pypi/uv/json", b'{"info": {"version": "0.9.12a1"}}', "uv: 0.9.12a1 is older than the recipe's 0.9.12"),
        ("/k8s/stable.txt", b"v1.33.10", "kubectl: 1.33.10 is older than the recipe's 1.34.0: not taken."),
        ("/k8s/stable.txt", b"v1.36.0-rc.1", "kubectl: 1.36.0-rc.1 is a pre-release: not taken."),
        (
            "/docker/Packages.gz",
            b"Package: docker-ce\nVersion: 5:28.5.0-1~ubuntu.24.04~noble\n",
            "docker: 5:28.5.0-1~ubuntu.24.04~noble is older than the recipe's",
        ),
    ],
)
def test_an_older_version_and_a_pre_release_are_not_taken(
    update: Any, recipe: Path, mirror: Any, page: str, content: bytes, told: str
) -> None:
    """Whatever was different counted as newer: a mirror that lags behind took the recipe back."""
    before = load(recipe.parent).recipe.tools
    mirror.pages[page] = content
    assert told in update().stderr
    name = told.partition(":")[0]
    assert load(recipe.parent).recipe.tools[name] == before[name]


def test_a_file_that_was_replaced_is_an_alarm(update: Any, recipe: Path, mirror: Any) -> None:
    """The same version with another checksum: not an update, but somebody's hand."""
    update()
    mirror.pages["/k8s/v1.35.1/bin/linux/amd64/kubectl"] = b"another kubectl"
    before = recipe.read_text()
    assert "kubectl 1.35.1 does not have the checksum that the recipe has." in update(code=5).stderr
    assert recipe.read_text() == before


def test_a_file_that_was_replaced_is_an_alarm_where_a_checksum_is_missing(
    update: Any, recipe: Path, mirror: Any
) -> None:
    """The checksum of one architecture was overwritten if the other one had none yet."""
    update()
    mirror.pages["/k8s/v1.35.1/bin/linux/amd64/kubectl"] = b"another kubectl"
    recipe.write_text(recipe.read_text().replace(f', arm64 = "{sha(b"kubectl for arm64")}"', ""))
    assert "kubectl 1.35.1 does not have the checksum that the recipe has." in update(code=5).stderr


def test_a_checksum_that_is_missing_is_added(update: Any, recipe: Path) -> None:
    update()
    text = recipe.read_text()
    lines = [line for line in text.splitlines() if not line.startswith(f'sha256 = {{ amd64 = "{sha(GH["amd64"])}')]
    recipe.write_text("\n".join(lines) + "\n")
    with pytest.raises(UsageError, match="its file has no checksum for amd64"):
        load(recipe.parent)
    update("--only", "gh")
    assert load(recipe.parent).recipe.tools["gh"].sha256 == {arch: sha(content) for arch, content in GH.items()}


def test_a_checksum_of_an_architecture_that_is_not_built_is_no_older_one(update: Any, recipe: Path) -> None:
    """Only those of [base] were looked up: arm64's stayed beside the new version."""
    text = recipe.read_text()
    recipe.write_text(re.sub(r'\narm64 = "acs:[^"]*"', "", text))
    assert recipe.read_text() != text
    update("--only", "gh")
    assert read_alone(recipe.parent)[1].tools["gh"].sha256 == {arch: sha(content) for arch, content in GH.items()}


def test_a_recipe_has_the_mirrors_of_the_one_that_it_extends(update: Any, recipe: Path) -> None:
    """The builder fetched from the mirror, and recipe update asked the origin."""
    text, start, tools = recipe.read_text().partition("[mirrors.replace]")
    mirrors, line, tools = tools.partition("# Tools are pinned here.")
    base = recipe.parent.parent / "base"
    recipe.parent.rename(base)
    (base / "recipe.toml").write_text(text + start + mirrors)
    (recipe.parent.parent / "elsewhere/deep").mkdir(parents=True)
    recipe.parent.symlink_to(recipe.parent.parent / "elsewhere/deep")
    recipe.write_text('family = "tools"\nextends = "../base"\n' + line + tools)
    update("--only", "kubectl")
    assert load(recipe.parent).recipe.tools["kubectl"].version == "1.35.1"


def test_a_recipe_has_the_architectures_of_the_one_that_it_extends(update: Any, recipe: Path, mirror: Any) -> None:
    """Those of one that extends an amd64-only recipe needed a file for arm64."""
    tools = recipe.read_text().partition("[mirrors.replace]")[2].replace(f', arm64 = "{"b" * 64}"', "")
    base = recipe.parent.parent / "base"
    base.mkdir()
    (base / "recipe.toml").write_text('family = "base"\n\n[base]\namd64 = "acs:ubuntu_24_04_x64"\n')
    recipe.write_text(f'family = "tools"\nextends = "../base"\n[mirrors.replace]{tools}')
    mirror.pages.pop("/k8s/v1.35.1/bin/linux/arm64/kubectl")
    update("--only", "kubectl")
    assert list(read_alone(recipe.parent)[1].tools["kubectl"].sha256) == ["amd64"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--only", "nothing"), "The recipe has no tool nothing."),
        (("--only", "bare"), "bare does not say where newer versions are."),
    ],
)
def test_mistakes(update: Any, words: tuple[str, ...], told: str) -> None:
    assert told in update(*words, code=2).stderr


def test_scripts_receive_a_tool_s_version_file_and_checksum(recipe: Path, mirror: Any) -> None:
    loaded = load(recipe.parent)
    variables = loaded.variables("amd64")
    assert variables["GH_VERSION"] == "2.83.0"
    assert variables["GH_URL"] == "https://github.com/cli/cli/releases/download/v2.83.0/gh_2.83.0_linux_amd64.tar.gz"
    assert variables["GH_SHA256"] == "a" * 64
    assert variables["NODE_URL"] == f"{mirror.url}/node/dist/v24.1.0/node-v24.1.0-linux-x64.tar.xz"
    assert loaded.variables("arm64")["NODE_URL"].endswith("linux-arm64.tar.xz")
    assert "PNPM_URL" not in variables
    assert "gh=2.83.0" in loaded.manifest_tags({})["Manifest.1"]
    assert Mirrors(profile="china").environment["GOPROXY"].startswith("https://mirrors.aliyun.com/")


def test_a_mirror_is_no_other_image_and_another_checksum_is(recipe: Path) -> None:
    def digest() -> str:
        return load(recipe.parent).version_hash("amd64", "m-1")

    first, text = digest(), recipe.read_text()
    recipe.write_text(text.replace('/k8s/"', '/kubernetes/"'))
    assert digest() == first
    recipe.write_text(text.replace("a" * 64, "e" * 64, 1))
    assert digest() != first
    recipe.write_text(text.replace("b" * 64, "e" * 64, 1))
    assert digest() == first, "arm64's checksum is none of amd64's"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('version = "2.83.0"', 'version = "2 83"', "is not a valid version"),
        ("https://github.com/cli", "http://github.com/cli", "by https alone"),
        (f'amd64 = "{"d" * 64}"', 'amd64 = "d"', "is not the SHA-256"),
        (f'amd64 = "{"d" * 64}"', "", "go): its file has no checksum for amd64"),
        ('npm = "@pnpm/exe"', 'npm = "@pnpm/exe"\ngithub = "pnpm/pnpm"', "come from one place"),
        ("[tools.bare]", f'[tools.bare]\nsha256 = {{ amd64 = "{"a" * 64}" }}', "a checksum needs the url"),
        ('apt = "docker-ce"', "", "both or none"),
        ("[tools.bare]", "[tools.jq]", "jq has a version under [versions] already"),
        ('"https://go.dev/"', '"http://go.dev/"', "a mirror is used by https alone"),
        ('pypi = "uv"\n', 'pypi = "uv"\nseries = "0.8"\n', "0.9.12 is not of the series 0.8"),
        ("[tools.bare]\n", '[tools.bare]\nseries = "1"\n', "a series needs a place for newer versions"),
    ],
)
def test_what_a_recipe_says_of_tools_is_checked(recipe: Path, old: str, new: str, told: str) -> None:
    text = recipe.read_text()
    assert old in text
    recipe.write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError) as caught:
        load(recipe.parent)
    assert told.rsplit("): ", maxsplit=1)[-1] in str(caught.value)


JAVA_AND_PYTHON = """
[tools.java]
version = "21.0.11+9"
series = "21"
github = "adoptium/temurin21-binaries"
url = "https://github.com/adoptium/temurin21-binaries/releases/download/jdk-{version}/OpenJDK21U_{arch}_{release}_{build}.tgz"
arch = { amd64 = "x64", arm64 = "aarch64" }
sha256 = { amd64 = "AAA", arm64 = "BBB" }

[tools.python]
version = "3.13.1+20250101"
series = "3.13"
github = "astral-sh/python-build-standalone"
url = "https://github.com/astral-sh/python-build-standalone/releases/download/{build}/cpython-{version}-{arch}.tar.gz"
arch = { amd64 = "x86_64", arm64 = "aarch64" }
sha256 = { amd64 = "AAA", arm64 = "BBB" }

[tools.node22]
version = "22.1.0"
series = "22"
latest = "https://nodejs.org/dist/index"
sums = "MIRROR/node/dist/index"
url = "https://nodejs.org/dist/v{version}/node-v{version}-linux-{arch}.tar.xz"
arch = { amd64 = "x64" }
sha256 = { amd64 = "AAA", arm64 = "BBB" }
"""


def releases(tag: str, *names: str) -> bytes:
    assets = [{"name": name, "digest": f"sha256:{sha(name.encode())}"} for name in names]
    return json.dumps({"tag_name": tag, "assets": assets}).encode()


def test_versions_with_a_build_and_versions_of_a_series(update: Any, recipe: Path, mirror: Any) -> None:
    """Temurin's tag has a plus sign; Python's builds have a date for a tag, and all series in one release."""
    java = [f"OpenJDK21U_{arch}_21.0.12_8.tgz" for arch in ("x64", "aarch64")]
    python = [
        *(f"cpython-3.13.15+20260814-{arch}.tar.gz" for arch in ("x86_64", "aarch64")),
        *(f"cpython-3.13.9+20260814-{arch}.tar.gz" for arch in ("x86_64", "aarch64")),
        *(f"cpython-3.14.7+20260814-{arch}.tar.gz" for arch in ("x86_64", "aarch64")),
        "cpython-3.13.16+20260814-x86_64.tar.gz",  # not there for arm64
        "cpython-3.13.17+20260814-x86_64.tar.gz.sig",
        "xcpython-3.13.18+20260814-x86_64.tar.gz",
    ]
    mirror.pages["/repos/adoptium/temurin21-binaries/releases/latest"] = releases("jdk-21.0.12+8", *java)
    mirror.pages["/repos/astral-sh/python-build-standalone/releases/latest"] = releases("20260814", *python)
    lines = [
        f"{str(place) * 64}  node-v{one}.tar.xz"
        for place, one in enumerate(
            (
                "24.9.0-linux-x64",
                "24.9.0-linux-arm64",
                "22.9.0-linux-x64",
                "22.9.0-linux-arm64",
                "22.22.2-linux-x64",
                "22.22.2-linux-arm64",
            )
        )
    ]
    mirror.pages["/node/dist/index"] = "\n".join(lines).encode()
    text = JAVA_AND_PYTHON.replace("MIRROR", mirror.url).replace("AAA", "a" * 64).replace("BBB", "b" * 64)
    recipe.write_text(recipe.read_text() + text)
    before = recipe.read_text()
    update("--only", "java", "--only", "python", "--only", "node22")
    old = f'-sha256 = {{ amd64 = "{"a" * 64}", arm64 = "{"b" * 64}" }}'
    assert difference(before, recipe.read_text()) == [
        '-version = "21.0.11+9"',
        '+version = "21.0.12+8"',
        old,
        f'+sha256 = {{ amd64 = "{sha(java[0].encode())}", arm64 = "{sha(java[1].encode())}" }}',
        '-version = "3.13.1+20250101"',
        '+version = "3.13.15+20260814"',
        old,
        f'+sha256 = {{ amd64 = "{sha(python[0].encode())}", arm64 = "{sha(python[1].encode())}" }}',
        '-version = "22.1.0"',
        '+version = "22.22.2"',
        old,
        f'+sha256 = {{ amd64 = "{"4" * 64}", arm64 = "{"5" * 64}" }}',
    ]
    loaded = load(recipe.parent)
    assert loaded.variables("arm64")["JAVA_URL"].endswith("/jdk-21.0.12%2B8/OpenJDK21U_aarch64_21.0.12_8.tgz")
    mirror.pages["/repos/adoptium/temurin21-binaries/releases/latest"] = releases("jdk-22.0.1+3")
    mirror.pages["/repos/adoptium/temurin21-binaries/releases?per_page=30"] = b"[%s]" % releases("jdk-22.0.1+3")
    told = update("--only", "java", code=6).stderr
    assert (
        "GitHub's list of the releases of adoptium/temurin21-binaries has no version that the recipe accepts." in told
    )


OF_SERIES = """
[tools.npm9]
version = "9.1.0"
series = "9"
npm = "npm"

[tools.old_uv]
version = "0.8.1"
series = "0.8"
pypi = "uv"

[tools.docker28]
version = "5:28.0.0-1"
series = "5:28"
apt = "docker-ce"
index = "https://download.docker.com/linux/ubuntu/dists/noble/stable/binary-amd64/Packages"

[tools.helm3]
version = "3.1.0"
series = "3"
github = "helm/helm"
"""


def test_the_newest_of_a_series_is_found_where_the_next_one_has_begun(update: Any, recipe: Path, mirror: Any) -> None:
    """The newest of all was taken and refused, so the series had no more updates."""
    mirror.pages["/npm/npm"] = b'{"versions": {"9.2.0": {}, "9.10.0": {}, "9.11.0-pre.1": {}, "10.0.0": {}}}'
    files = {"0.8.2": [{"yanked": False}], "0.8.3": [{"yanked": True}], "0.8.4": [], "0.9.12": [{"yanked": False}]}
    mirror.pages["/pypi/pypi/uv/json"] = json.dumps({"info": {"version": "0.9.12"}, "releases": files}).encode()
    versions = ("5:28.5.1-1", "5:29.0.0-1", "not a version")
    mirror.pages["/docker/Packages"] = "\n\n".join(f"Package: docker-ce\nVersion: {one}" for one in versions).encode()
    tags = ["v4.0.0", "v3.20.0", "v3.21.0", "v3.22.0-rc.1"]
    mirror.pages["/repos/helm/helm/releases/latest"] = releases(tags[0])
    drafts = [{"tag_name": "v3.30.0", "draft": True}, {"tag_name": "v3.31.0", "prerelease": True}]
    listed = [*drafts, *({"tag_name": one} for one in tags)]
    mirror.pages["/repos/helm/helm/releases?per_page=30"] = json.dumps(listed).encode()
    recipe.write_text(recipe.read_text() + OF_SERIES)
    wanted = {"npm9": "9.10.0", "old_uv": "0.8.2", "docker28": "5:28.5.1-1", "helm3": "3.21.0"}
    update(*(word for name in wanted for word in ("--only", name)))
    tools = load(recipe.parent).recipe.tools
    assert {name: tools[name].version for name in wanted} == wanted


@pytest.mark.parametrize(
    ("info", "told"),
    [
        ({"version": "1!2.0"}, "1!2.0"),
        ({"version": "0.9.13", "yanked": True}, "has no version that was not yanked: the newest is 0.9.13."),
        ({"version": "two"}, "json names no version: 'two'."),
    ],
)
def test_versions_of_pypi(update: Any, mirror: Any, info: dict[str, Any], told: str) -> None:
    """An epoch was cut off, and a version that was yanked was proposed."""
    mirror.pages["/pypi/pypi/uv/json"] = json.dumps({"info": info}).encode()
    done = update("--only", "uv", code=0 if told == "1!2.0" else 6)
    assert told in done.stdout + done.stderr


def test_china_s_mirrors_take_files_over_where_the_recipe_names_no_others() -> None:
    node = "https://nodejs.org/dist/v24.18.0/node-v24.18.0-linux-x64.tar.xz"
    assert Mirrors(profile="china").moved(node) == (
        "https://registry.npmmirror.com/-/binary/node/v24.18.0/node-v24.18.0-linux-x64.tar.xz"
    )
    assert Mirrors(profile="china").moved("https://github.com/cli/cli") == "https://github.com/cli/cli"
    assert Mirrors().moved(node) == node
    own = Mirrors(profile="china", replace={"https://": "https://mirror.example.com/"})
    assert own.moved(node).startswith("https://mirror.example.com/nodejs.org/dist/")
