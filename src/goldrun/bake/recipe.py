"""Reads, checks and hashes a recipe: the folder that describes how to make an image."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from goldrun.cloud.assistant import command
from goldrun.durations import parse_duration
from goldrun.errors import GoldrunError
from goldrun.images.naming import check_name
from goldrun.launch.offers import parse_span
from goldrun.toml_file import Problem, parse, read_file, refuse

FILE = "recipe.toml"
RUNNER = "runner"
LATEST = "latest"
MAX_SCRIPT = 60 * 1024
MAX_FILE = 1024 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MODE = re.compile(r"0?[0-7]{3}")


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a recipe."""


class Base(Part, frozen=True, kw_only=True):
    """The image family that each architecture starts from; one without it is not built."""

    amd64: str = ""
    arm64: str = ""


class File(Part, frozen=True, kw_only=True):
    """A file to put on the builder before the steps."""

    source: str
    target: str
    mode: str = "0644"
    owner: str = "root"


class Step(Part, frozen=True, kw_only=True):
    """A bash script that runs on the builder, as root."""

    name: str
    script: str
    timeout: str = "10m"


class Test(Part, frozen=True, kw_only=True):
    """A command that must succeed."""

    name: str
    command: str
    timeout: str = "2m"


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


class Recipe(Part, frozen=True, kw_only=True):
    """What ``recipe.toml`` says.

    Attributes:
        family: the image family to build.
        description: what the image is for.
        base: the image families to start from.
        versions: pinned versions of tools; scripts receive them as ``<NAME>_VERSION``. ``runner`` may be ``latest``:
            GitHub's newest version when the build starts.
        environment: more variables for scripts and tests.
        files: files to put on the builder.
        steps: scripts, run in this order.
        tests: commands that must succeed on the builder before the image is created.
        smoke: commands that must succeed on an instance that was booted from the image.
        manifest: a script that prints ``name=version`` lines (default: the pinned versions).
    """

    family: str
    description: str = ""
    base: Base
    versions: dict[str, str] = {}
    environment: dict[str, str] = {}
    files: tuple[File, ...] = ()
    steps: tuple[Step, ...] = ()
    tests: tuple[Test, ...] = ()
    smoke: tuple[Test, ...] = ()
    manifest: str = ""
    builder: Builder = Builder()
    limits: Limits = Limits()
    retention: Retention = Retention()


@dataclass(frozen=True)
class Loaded:
    """A recipe with the files that it names.

    Attributes:
        recipe: what ``recipe.toml`` says.
        contents: the files by their paths in the recipe.
    """

    recipe: Recipe
    contents: dict[str, bytes]

    @property
    def architectures(self) -> tuple[str, ...]:
        """The architectures that it can be built for."""
        return tuple(name for name in ("amd64", "arm64") if getattr(self.recipe.base, name))

    def variables(self, architecture: str) -> dict[str, str]:
        """Return the environment of scripts and tests."""
        pinned = {f"{name.upper().replace('-', '_')}_VERSION": text for name, text in self.recipe.versions.items()}
        return {**pinned, **self.recipe.environment, "ARCH": architecture, "FAMILY": self.recipe.family}

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
            "files": [[file.target, file.mode, file.owner, self._digest(file.source)] for file in recipe.files],
            "steps": [self._digest(step.script) for step in recipe.steps],
            "tests": [test.command for test in (*recipe.tests, *recipe.smoke)],
            "manifest": self._digest(recipe.manifest) if recipe.manifest else "",
            "disk": recipe.builder.disk,
        }
        return hashlib.sha256(msgspec.json.encode(meant, order="sorted")).hexdigest()[:32]

    def _digest(self, path: str) -> str:
        return hashlib.sha256(self.contents[path]).hexdigest()


def load(folder: Path) -> Loaded:
    """Read a recipe and check all of it.

    Raises:
        UsageError: it is not valid; lists every mistake with its line.
    """
    file = folder / FILE
    text = read_file(file, fix="goldrun recipe init writes a new one.")
    recipe = parse(file, text, Recipe, fix="goldrun recipe schema prints the schema of a recipe.")
    contents: dict[str, bytes] = {}
    refuse(file, text, _problems(recipe, folder, contents))
    return Loaded(recipe, contents)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of ``recipe.toml``."""
    return msgspec.json.schema(Recipe)


def _problems(recipe: Recipe, folder: Path, contents: dict[str, bytes]) -> Iterator[Problem]:
    """Yield every mistake with its place; put the valid files into ``contents``."""
    yield from _heading(recipe)
    yield from _named_files(recipe, folder, contents)
    yield from _times(recipe)
    yield from _try(("builder", "cpu"), lambda: parse_span(recipe.builder.cpu, "vCPUs"))
    yield from _try(("builder", "memory"), lambda: parse_span(recipe.builder.memory, "GiB"))
    if not 20 <= recipe.builder.disk <= 2048:
        yield ("builder", "disk"), "a disk has 20 to 2048 GiB"
    if not 0 <= recipe.retention.keep <= 1000:
        yield ("retention", "keep"), "keep 1 to 1000 versions, or leave it out"


def _heading(recipe: Recipe) -> Iterator[Problem]:
    yield from _try(("family",), lambda: check_name(recipe.family))
    if recipe.family.endswith(("-amd64", "-arm64")):
        yield ("family",), "the architecture is not part of a family's name"
    if not (recipe.base.amd64 or recipe.base.arm64):
        yield ("base",), "name a base image family for amd64, arm64 or both"
    if not recipe.steps:
        yield (), "a recipe needs at least one step: [[steps]] with name and script"
    if not recipe.smoke:
        yield (), "a recipe needs at least one smoke test: [[smoke]] with name and command"
    for table, names in (("versions", recipe.versions), ("environment", recipe.environment)):
        for name, value in names.items():
            if not _VARIABLE.fullmatch(name.replace("-", "_")) or "\n" in value:
                yield (table, name), f"{name!r} cannot be the name of a variable, or its value has a line break"


def _named_files(recipe: Recipe, folder: Path, contents: dict[str, bytes]) -> Iterator[Problem]:
    for number, step in enumerate(recipe.steps):
        yield from _script(folder, step.script, ("steps", number, "script"), contents)
    if recipe.manifest:
        yield from _script(folder, recipe.manifest, ("manifest",), contents)
    for number, file in enumerate(recipe.files):
        yield from _read(folder, file.source, ("files", number, "source"), MAX_FILE, contents)
        if not file.target.startswith("/") or file.target.endswith("/"):
            yield ("files", number, "target"), f"{file.target!r} is not the absolute path of a file"
        if not _MODE.fullmatch(file.mode):
            yield ("files", number, "mode"), f"{file.mode!r} is not a mode, such as 0644"


def _times(recipe: Recipe) -> Iterator[Problem]:
    named = {
        "steps": [(step.name, step.timeout) for step in recipe.steps],
        "tests": [(test.name, test.timeout) for test in recipe.tests],
        "smoke": [(test.name, test.timeout) for test in recipe.smoke],
    }
    for table, parts in named.items():
        for number, (name, timeout) in enumerate(parts):
            yield from _span((table, number, "timeout"), timeout)
            if [other for other, _ in parts].index(name) < number:
                yield (table, number, "name"), f"{name!r} is defined twice"
    yield from _span(("limits", "build"), recipe.limits.build)
    yield from _span(("limits", "boot"), recipe.limits.boot)


def _script(folder: Path, name: str, path: tuple[str | int, ...], contents: dict[str, bytes]) -> Iterator[Problem]:
    yield from _read(folder, name, path, MAX_SCRIPT, contents)
    content = contents.get(name)
    if content is not None and not content.startswith(b"#!"):
        yield path, f"{name} has no first line such as #!/usr/bin/env bash"
    elif content is not None and b"\r\n" in content:
        yield path, f"{name} has Windows line ends, at which bash fails: sed -i 's/\\r$//' {folder / name}"
    elif content is not None:
        yield from _try(path, lambda: command(content, {}), f"{name}: ")


def _read(
    folder: Path, name: str, path: tuple[str | int, ...], most: int, contents: dict[str, bytes]
) -> Iterator[Problem]:
    try:
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()):
            yield path, f"{name} is outside the recipe's folder"
            return
        if file.exists() and not file.is_file():
            yield path, f"{name} is not a file"
            return
        content = file.read_bytes()
    except (OSError, RuntimeError) as error:  # Python 3.12 and older report a loop of links as a RuntimeError
        yield path, f"{name} cannot be read: {getattr(error, 'strerror', '') or 'its links lead in a circle'}"
        return
    if len(content) > most:
        yield path, f"{name} has {len(content):,} bytes; {most:,} can be sent: let a script fetch it"
    else:
        contents[name] = content


def _span(path: tuple[str | int, ...], text: str) -> Iterator[Problem]:
    yield from _try(path, lambda: parse_duration(text))


def _try(path: tuple[str | int, ...], check: Callable[[], object], prefix: str = "") -> Iterator[Problem]:
    try:
        check()
    except GoldrunError as error:
        yield path, prefix + "; ".join([error.what.rstrip("."), *error.fix])
