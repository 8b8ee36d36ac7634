"""What a recipe says, and the hash of what it makes. A recipe is a folder that describes how to make an image."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from goldrun.bake.parts import (
    Base,
    Builder,
    DataDisk,
    File,
    Limits,
    Mirrors,
    Parameter,
    Part,
    Publication,
    Retention,
    Step,
    Test,
    Tool,
)
from goldrun.contents.rule import Rule
from goldrun.images import manifest

FILE = "recipe.toml"
RUNNER = "runner"
LATEST = "latest"
# A parameter in a text of the recipe, or in a file that is a template.
REFERENCE = re.compile(r"\{\{\s*parameters\.([\w-]+)\s*\}\}", re.ASCII)


class Recipe(Part, frozen=True, kw_only=True):
    """What ``recipe.toml`` says.

    Attributes:
        family: the image family to build.
        extends: the folder of another recipe that this one adds to.
        description: what the image is for.
        base: the images to start from.
        parameters: values that are given to a build: scripts receive them as variables, texts as
            ``{{ parameters.NAME }}``; a text here is a default.
        features: parts that can be left out, and whether they are in: steps, tests, files and tools name theirs.
        tags: more tags of the image and of the build's instances.
        versions: pinned versions of tools; scripts receive them as ``<NAME>_VERSION``. ``runner`` may be ``latest``:
            GitHub's newest version when the build starts.
        tools: pinned tools, each with its version, its file and where newer ones are found.
        mirrors: where files are fetched instead.
        environment: more variables for scripts and tests.
        disks: data disks beside the system disk.
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
    parameters: dict[str, str | Parameter] = {}  # noqa: RUF012 - a Struct copies it
    features: dict[str, bool] = {}  # noqa: RUF012 - a Struct copies it
    tags: dict[str, str] = {}  # noqa: RUF012 - a Struct copies it
    versions: dict[str, str] = {}  # noqa: RUF012 - a Struct copies it
    tools: dict[str, Tool] = {}  # noqa: RUF012 - a Struct copies it
    mirrors: Mirrors = Mirrors()
    environment: dict[str, str] = {}  # noqa: RUF012 - a Struct copies it
    disks: tuple[DataDisk, ...] = ()
    files: tuple[File, ...] = ()
    steps: tuple[Step, ...] = ()
    tests: tuple[Test, ...] = ()
    smoke: tuple[Test, ...] = ()
    manifest: str = ""
    packages: str = ""
    scan: Rule | None = None
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

    def manifest_tags(self, found: Mapping[str, str]) -> dict[str, str]:
        """Return the tags that record the version of each tool: those that are pinned, and what the script has found.

        Raises:
            UsageError: see ``to_tags``.
        """
        pinned = {**self.recipe.versions, **{name: tool.version for name, tool in self.recipe.tools.items()}}
        # ECS takes 20 tags: those of the recipe's own are taken from the manifest's.
        return manifest.to_tags({**pinned, **found}, manifest.MAX_TAGS - len(self.recipe.tags))

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
            **({"disks": self.disk_digest()} if recipe.disks else {}),
            **({"encrypted": recipe.builder.key} if recipe.builder.encrypted else {}),
            **({"mirrors": recipe.mirrors.profile} if recipe.mirrors.profile else {}),
        }
        return hashlib.sha256(msgspec.json.encode(meant, order="sorted")).hexdigest()[:32]

    def file_digest(self, file: File) -> list[str]:
        """Return what determines a file on the builder."""
        # The place of the step, not its name, which another step may have tomorrow.
        steps = [step.name for step in self.recipe.steps]
        before = [str(steps.index(file.before))] if file.before else []
        digest = file.sha256 if file.is_fetched else _digest(self.content_of(file))
        return [file.target, file.mode, file.owner, digest, *before]

    def disk_digest(self) -> list[list[str | int]]:
        """Return what determines the data disks."""
        return [[disk.mount, disk.size, disk.filesystem] for disk in self.recipe.disks]

    def step_digest(self, step: Step) -> str:
        """Return what determines what a step does."""
        named = [f"{name} {_digest(content)}" for name, content in sorted(self.playbook_of(step).items())]
        made = _digest("\n".join([step.playbook, *named]).encode()) if named else _digest(self.contents[step.script])
        return made + (" reboot" if step.reboot else "")

    def playbook_of(self, step: Step) -> dict[str, bytes]:
        """Return what is in a playbook's folder, by the paths in it; empty: the step is a script."""
        if not step.playbook:
            return {}
        folder = step.playbook.rpartition("/")[0]
        inside = f"{folder}/"
        return {name.removeprefix(inside): one for name, one in self.contents.items() if name.startswith(inside)}

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
    """Return the JSON Schema of ``recipe.toml``, the same with each Python: newer ones strip docstrings."""
    found = msgspec.json.schema(Recipe)
    for part in found["$defs"].values():
        if "description" in part:
            part["description"] = inspect.cleandoc(part["description"])
    return found
