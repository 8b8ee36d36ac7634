"""The parts of a recipe: what its tables may say."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a recipe."""


class Base(Part, frozen=True, kw_only=True):
    """The image that each architecture starts from; one without it is not built.

    It is an image family (``acs:ubuntu_24_04_x64``), the name of a published image, or an image id.
    """

    amd64: str = ""
    arm64: str = ""


class File(Part, frozen=True, kw_only=True):
    """A file to put on the builder before the steps, or a folder of files.

    Attributes:
        source: its path in the recipe. Of a folder, everything in it is sent. Or the address of a file of any size,
            which the builder fetches.
        target: its path on the builder.
        mode: its mode; files of a folder that may be executed are 0755.
        template: whether parameters in its content are filled in: ``{{ parameters.NAME }}``.
        before: the step right before which it is sent; empty: before all of them.
        sha256: the checksum of a file that the builder fetches.
        feature: the feature that it belongs to; empty: it is always sent.
    """

    source: str
    target: str
    mode: str = "0644"
    owner: str = "root"
    template: bool = False
    before: str = ""
    sha256: str = ""
    feature: str = ""

    @property
    def is_fetched(self) -> bool:
        """Whether the builder fetches it."""
        return self.source.startswith("https://")


class Parameter(Part, frozen=True, kw_only=True):
    """A value that is given to a build.

    Attributes:
        default: its value if none is given; None: one has to be.
        description: what it is for.
        choices: what it may be; empty: any text.
    """

    default: str | None = None
    description: str = ""
    choices: tuple[str, ...] = ()


class Step(Part, frozen=True, kw_only=True):
    """A bash script, or an Ansible playbook, that runs on the builder, as root.

    Attributes:
        script: the script.
        playbook: the playbook instead; everything in its folder is sent.
        reboot: whether the builder is stopped and started after it.
        cache: whether the builder's state after it is kept as a stage, from which later builds start.
        feature: the feature that it belongs to; empty: it always runs.
    """

    name: str
    script: str = ""
    playbook: str = ""
    timeout: str = "10m"
    reboot: bool = False
    cache: bool = False
    feature: str = ""


class Test(Part, frozen=True, kw_only=True):
    """A command that must succeed.

    Attributes:
        feature: the feature that it belongs to; empty: it always runs.
    """

    name: str
    command: str
    timeout: str = "2m"
    feature: str = ""


class Tool(Part, frozen=True, kw_only=True):
    """A tool at a pinned version. Scripts receive ``<NAME>_VERSION`` and, for its file, ``_URL`` and ``_SHA256``.

    Attributes:
        version: the version.
        url: its file, with ``{version}`` and ``{arch}``; of a version like ``21.0.12+8`` also with ``{release}``
            (21.0.12) and ``{build}`` (8). Empty: a package manager fetches it.
        sha256: the file's checksum, by architecture; required with ``url``.
        arch: the file's names of the architectures, where they are not amd64 and arm64.
        sums: a file with checksums, as sha256sum prints them; a URL like that of the file.
        github: the repository whose newest release ``goldrun recipe update`` takes.
        npm: or the npm package.
        pypi: or the package of PyPI.
        latest: or a URL whose first word is the newest version, or that lists the file by its name.
        apt: or the package of an apt repository, in whose index it is listed.
        index: that index: the URL of a ``Packages``, ``Packages.gz`` or ``Packages.xz``.
        series: the beginning of the versions that are taken: ``3.13`` takes 3.13.15 and not 3.14.0.
        feature: the feature that it belongs to; empty: it is always there.
    """

    version: str
    url: str = ""
    sha256: dict[str, str] = {}
    arch: dict[str, str] = {}
    sums: str = ""
    github: str = ""
    npm: str = ""
    pypi: str = ""
    latest: str = ""
    apt: str = ""
    index: str = ""
    series: str = ""
    feature: str = ""

    def file(self, architecture: str, version: str = "") -> str:
        """Return the URL of its file, of this version or another."""
        return self.filled(self.url, architecture, version)

    def takes(self, version: str) -> bool:
        """Return whether a version is of its series."""
        return not self.series or bool(re.match(rf"{re.escape(self.series)}(?![0-9A-Za-z])", version, re.ASCII))

    def filled(self, text: str, architecture: str, version: str = "") -> str:
        """Return a URL with version and architecture filled in."""
        version = version or self.version
        release, _, build = version.partition("+")
        values = {"version": quote(version, safe=""), "release": release, "build": build}
        values["arch"] = self.arch.get(architecture, architecture)
        return re.sub(r"\{(version|release|build|arch)\}", lambda found: values[found[1]], text)


class Mirrors(Part, frozen=True, kw_only=True):
    """Where files are fetched instead.

    Attributes:
        profile: ``china``: the public mirrors there of apt, Docker's packages, npm, PyPI and Go, and of the files of
            Node.js, Python and Go.
        replace: beginnings of URLs, and what takes their place, before the profile's; checksums stay as they are.
    """

    profile: Literal["", "china"] = ""
    replace: dict[str, str] = {}

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the profile sets for scripts; the recipe's own count before them."""
        return _PROFILES[self.profile]

    def moved(self, url: str) -> str:
        """Return where a file is fetched."""
        for moves in (self.replace, _MOVES[self.profile]):
            for start in sorted(moves, key=len, reverse=True):
                if url.startswith(start):
                    return moves[start] + url.removeprefix(start)
        return url


_PROFILES: dict[str, dict[str, str]] = {
    "": {},
    "china": {
        "APT_MIRROR": "https://mirrors.aliyun.com",
        "DOCKER_MIRROR": "https://mirrors.aliyun.com/docker-ce",
        "NPM_CONFIG_REGISTRY": "https://registry.npmmirror.com",
        "PIP_INDEX_URL": "https://mirrors.aliyun.com/pypi/simple/",
        "GOPROXY": "https://mirrors.aliyun.com/goproxy/,direct",
    },
}

# Each holds the same files under the same names as its origin.
_MOVES: dict[str, dict[str, str]] = {
    "": {},
    "china": {
        "https://nodejs.org/dist/": "https://registry.npmmirror.com/-/binary/node/",
        "https://github.com/astral-sh/python-build-standalone/releases/download/": (
            "https://registry.npmmirror.com/-/binary/python-build-standalone/"
        ),
        "https://dl.google.com/go/": "https://mirrors.aliyun.com/golang/",
        "https://go.dev/dl/": "https://mirrors.aliyun.com/golang/",
    },
}


class Builder(Part, frozen=True, kw_only=True):
    """The instance that the image is built on.

    Attributes:
        cpu: number of vCPUs: ``4..``, ``4..8``.
        memory: GiB of memory, likewise.
        disk: GiB of the system disk.
        encrypted: whether that disk, and so the image, is encrypted.
        key: the KMS key for it; empty: ECS's own, with which an image cannot be shared.
        on_demand_fallback: whether to pay the list price when no spot offer is left.
    """

    cpu: str = "4.."
    memory: str = "8.."
    disk: int = 40
    encrypted: bool = False
    key: str = ""
    on_demand_fallback: bool = True


class DataDisk(Part, frozen=True, kw_only=True):
    """A data disk, which is part of the image: instances that boot from it have one like it.

    Attributes:
        mount: where it is mounted.
        size: GiB.
        filesystem: what it is formatted with.
    """

    mount: str
    size: int = 40
    filesystem: Literal["ext4", "xfs"] = "ext4"


class Limits(Part, frozen=True, kw_only=True):
    """How long a build, and the boot of an instance, may take."""

    build: str = "2h"
    boot: str = "10m"


class Retention(Part, frozen=True, kw_only=True):
    """Versions to keep; left out: as many as ``KEEP_IMAGE_COUNT`` says."""

    keep: int | None = None


class Publication(Part, frozen=True, kw_only=True):
    """Where a version is published beside the build's region, and who may use it.

    Attributes:
        regions: more regions: the version is published in all of them, or in none.
        accounts: ids of other accounts that may use it.
        public: whether everyone may.
        encrypted: whether the copies' disks are encrypted.
        keys: the KMS key of each region; where none is named, ECS's own, with which nothing can be shared.
    """

    regions: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    public: bool = False
    encrypted: bool = False
    keys: dict[str, str] = {}
