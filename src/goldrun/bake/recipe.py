"""What a recipe says, and the hash of what it makes. A recipe is a folder that describes how to make an image."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

FILE = "recipe.toml"
RUNNER = "runner"
LATEST = "latest"
# A parameter in a text of the recipe, or in a file that is a template.
REFERENCE = re.compile(r"\{\{\s*parameters\.([\w-]+)\s*\}\}", re.ASCII)


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
        source: its path in the recipe. Of a folder, everything in it is sent.
        target: its path on the builder.
        mode: its mode; files of a folder that may be executed are 0755.
        template: whether parameters in its content are filled in: ``{{ parameters.NAME }}``.
        before: the step right before which it is sent; empty: before all of them.
    """

    source: str
    target: str
    mode: str = "0644"
    owner: str = "root"
    template: bool = False
    before: str = ""


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
    """A bash script that runs on the builder, as root.

    Attributes:
        reboot: whether the builder is stopped and started after it.
        cache: whether the builder's state after it is kept as a stage, from which later builds start.
    """

    name: str
    script: str
    timeout: str = "10m"
    reboot: bool = False
    cache: bool = False


class Test(Part, frozen=True, kw_only=True):
    """A command that must succeed."""

    name: str
    command: str
    timeout: str = "2m"


class Tool(Part, frozen=True, kw_only=True):
    """A tool at a pinned version. Scripts receive ``<NAME>_VERSION`` and, for its file, ``_URL`` and ``_SHA256``.

    Attributes:
        version: the version.
        url: its file, with ``{version}`` and ``{arch}``; empty: a package manager fetches it.
        sha256: the file's checksum, by architecture; required with ``url``.
        arch: the file's names of the architectures, where they are not amd64 and arm64.
        sums: a file with checksums, as sha256sum prints them, with ``{version}`` and ``{arch}``.
        github: the repository whose newest release ``goldrun recipe update`` takes.
        npm: or the npm package.
        pypi: or the package of PyPI.
        latest: or a URL whose first word is the newest version.
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

    def file(self, architecture: str, version: str = "") -> str:
        """Return the URL of its file, of this version or another."""
        return self.filled(self.url, architecture, version)

    def filled(self, text: str, architecture: str, version: str = "") -> str:
        """Return a URL with version and architecture filled in."""
        filled = text.replace("{version}", version or self.version)
        return filled.replace("{arch}", self.arch.get(architecture, architecture))


class Mirrors(Part, frozen=True, kw_only=True):
    """Where files are fetched instead.

    Attributes:
        profile: ``china``: the public mirrors of apt, Docker's packages, npm, PyPI and Go there.
        replace: beginnings of URLs, and what takes their place; checksums stay as they are.
    """

    profile: Literal["", "china"] = ""
    replace: dict[str, str] = {}

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the profile sets for scripts; the recipe's own count before them."""
        return _PROFILES[self.profile]

    def moved(self, url: str) -> str:
        """Return where a file is fetched."""
        for start, other in sorted(self.replace.items(), key=lambda pair: -len(pair[0])):
            if url.startswith(start):
                return other + url.removeprefix(start)
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


class Builder(Part, frozen=True, kw_only=True):
    """The instance that the image is built on."""

    cpu: str = "4.."
    memory: str = "8.."
    disk: int = 40
    on_demand_fallback: bool = True


class Limits(Part, frozen=True, kw_only=True):
    """How long a build, and the boot of an instance, may take."""

    build: str = "2h"
    boot: str = "10m"


class Retention(Part, frozen=True, kw_only=True):
    """Versions to keep; 0: as many as ``KEEP_IMAGE_COUNT`` says."""

    keep: int = 0


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


class Exemption(Part, frozen=True, kw_only=True):
    """An advisory that does not hold an image back, for a time.

    Attributes:
        id: its id, or one of its aliases.
        reason: why.
        until: the last day on which it does not count: ``2026-12-31``.
    """

    id: str
    reason: str
    until: dt.date


class Scan(Part, frozen=True, kw_only=True):
    """Which advisories about its packages hold an image back.

    Attributes:
        fail: the least severity that does: low, medium, high or critical.
        unfixed: whether advisories that no version mends do too.
        exceptions: advisories that do not.
    """

    fail: Literal["low", "medium", "high", "critical"] = "high"
    unfixed: bool = False
    exceptions: tuple[Exemption, ...] = ()


class Recipe(Part, frozen=True, kw_only=True):
    """What ``recipe.toml`` says.

    Attributes:
        family: the image family to build.
        extends: the folder of another recipe that this one adds to.
        description: what the image is for.
        base: the images to start from.
        parameters: values that are given to a build: scripts receive them as variables, texts as
            ``{{ parameters.NAME }}``; a text here is a default.
        tags: more tags of the image and of the build's instances.
        versions: pinned versions of tools; scripts receive them as ``<NAME>_VERSION``. ``runner`` may be ``latest``:
            GitHub's newest version when the build starts.
        tools: pinned tools, each with its version, its file and where newer ones are found.
        mirrors: where files are fetched instead.
        environment: more variables for scripts and tests.
        files: files to put on the builder.
        steps: scripts, run in this order.
        tests: commands that must succeed on the builder before the image is created.
        smoke: commands that must succeed on an instance that was booted from the image.
        manifest: a script that prints ``name=version`` lines (default: the pinned versions).
        packages: a script that lists the packages, a line each, in place of goldrun's own.
        scan: which advisories hold the image back; None: it is not scanned.
    """

    family: str
    extends: str = ""
    description: str = ""
    base: Base = Base()
    parameters: dict[str, str | Parameter] = {}
    tags: dict[str, str] = {}
    versions: dict[str, str] = {}
    tools: dict[str, Tool] = {}
    mirrors: Mirrors = Mirrors()
    environment: dict[str, str] = {}
    files: tuple[File, ...] = ()
    steps: tuple[Step, ...] = ()
    tests: tuple[Test, ...] = ()
    smoke: tuple[Test, ...] = ()
    manifest: str = ""
    packages: str = ""
    scan: Scan | None = None
    builder: Builder = Builder()
    limits: Limits = Limits()
    retention: Retention = Retention()
    publish: Publication = Publication()


@dataclass(frozen=True)
class Loaded:
    """A recipe with the files that it names.

    Attributes:
        recipe: what ``recipe.toml`` says, with what it extends, and the parameters filled in.
        contents: the files by their paths from the recipe's folder.
        parameters: their values.
    """

    recipe: Recipe
    contents: dict[str, bytes]
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def architectures(self) -> tuple[str, ...]:
        """The architectures that it can be built for."""
        return tuple(name for name in ("amd64", "arm64") if getattr(self.recipe.base, name))

    def variables(self, architecture: str) -> dict[str, str]:
        """Return the environment of scripts and tests."""
        pinned = {f"{variable_of(name)}_VERSION": text for name, text in self.recipe.versions.items()}
        given = {variable_of(name): text for name, text in self.parameters.items()}
        recipe = self.recipe
        tools: dict[str, str] = {}
        for name, tool in recipe.tools.items():
            tools[f"{variable_of(name)}_VERSION"] = tool.version
            if tool.url:
                tools[f"{variable_of(name)}_URL"] = recipe.mirrors.moved(tool.file(architecture))
                tools[f"{variable_of(name)}_SHA256"] = tool.sha256.get(architecture, "")
        set_for_all = {**recipe.mirrors.environment, **recipe.environment}
        return {**pinned, **tools, **given, **set_for_all, "ARCH": architecture, "FAMILY": recipe.family}

    @property
    def pinned(self) -> dict[str, str]:
        """The pinned versions of all tools, for the manifest."""
        return {**self.recipe.versions, **{name: tool.version for name, tool in self.recipe.tools.items()}}

    @property
    def wants_latest_runner(self) -> bool:
        """Whether the runner's version must be looked up first: the hash and the scripts need it."""
        return self.recipe.versions.get(RUNNER) == LATEST

    def with_runner(self, version: str) -> Loaded:
        """Return the recipe with the runner pinned to ``version``."""
        versions = {**self.recipe.versions, RUNNER: version}
        return replace(self, recipe=msgspec.structs.replace(self.recipe, versions=versions))

    def version_hash(self, architecture: str, base_image_id: str) -> str:
        """Return the hash of everything that determines the image's content.

        Limits, retention, the builder's size and the description do not change the content.
        """
        recipe = self.recipe
        meant = {
            "format": 1,
            "family": recipe.family,
            "architecture": architecture,
            "base": base_image_id,
            "versions": recipe.versions,
            "environment": recipe.environment,
            "files": [self.file_digest(file) for file in recipe.files],
            "steps": [self.step_digest(step) for step in recipe.steps],
            "tests": [test.command for test in (*recipe.tests, *recipe.smoke)],
            "manifest": _digest(self.contents[recipe.manifest]) if recipe.manifest else "",
            "disk": recipe.builder.disk,
            **({"parameters": dict(self.parameters)} if self.parameters else {}),
            # What makes a tool's file is its checksum, wherever it is fetched.
            **(
                {"tools": {name: [t.version, t.sha256.get(architecture, "")] for name, t in recipe.tools.items()}}
                if recipe.tools
                else {}
            ),
            **({"mirrors": recipe.mirrors.profile} if recipe.mirrors.profile else {}),
        }
        return hashlib.sha256(msgspec.json.encode(meant, order="sorted")).hexdigest()[:32]

    def file_digest(self, file: File) -> list[str]:
        """Return what determines a file on the builder."""
        before = [file.before] if file.before else []
        return [file.target, file.mode, file.owner, _digest(self.content_of(file)), *before]

    def step_digest(self, step: Step) -> str:
        """Return what determines what a step does."""
        return _digest(self.contents[step.script]) + (" reboot" if step.reboot else "")

    def content_of(self, file: File) -> bytes:
        """Return the content of a file as it is sent."""
        content = self.contents[file.source]
        return fill(content.decode(), self.parameters).encode() if file.template else content


def fill(text: str, parameters: Mapping[str, str]) -> str:
    """Return a text with its parameters filled in; those that are not known stay."""
    return REFERENCE.sub(lambda found: parameters.get(found[1], found[0]), text)


def variable_of(name: str) -> str:
    """Return the variable that scripts receive a parameter as."""
    return name.upper().replace("-", "_")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def schema() -> dict[str, Any]:
    """Return the JSON Schema of ``recipe.toml``."""
    return msgspec.json.schema(Recipe)
