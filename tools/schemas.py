"""The JSON schemas of ``--json`` output: `make docs` writes them to schemas/, `make check` compares them.

Types give the shape, docstrings the descriptions.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from goldrun.cli.json.builds import BuiltImage
from goldrun.cli.json.cost import BilledDay, Cost, RunningCost
from goldrun.cli.json.diffs import Change, Difference
from goldrun.cli.json.doctor import Diagnosis, Identity
from goldrun.cli.json.findings import AdvisoryFinding
from goldrun.cli.json.images import Image
from goldrun.cli.json.instances import Instance, Launch, Offer
from goldrun.cli.json.migration import OldPlace
from goldrun.cli.json.prunes import Prune, PrunedImage
from goldrun.cli.json.recipes import CheckedRecipe
from goldrun.cli.json.runners import Runner, StartedRunner
from goldrun.cli.json.serve import PlannedSet
from goldrun.cli.json.settings import Context, ShownSetting
from goldrun.cli.json.setup import Setup, SetupStep
from goldrun.cli.json.sweep import Finding, Sweep
from goldrun.cli.json.updates import ToolUpdate
from goldrun.cli.json.versions import ShownImage, Version
from local_cloud.control_messages import MarketState, Status
from local_cloud.faults import FaultRule

FOLDER = Path(__file__).resolve().parents[1] / "schemas"
MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class LocalStatus(Status, frozen=True, kw_only=True):
    """The local cloud's status.

    Attributes:
        url: where it answers.
    """

    url: str


# The --json output of each command.
PRINTS: dict[str, Any] = {
    "image build": dict[str, BuiltImage],
    "image copy": dict[str, Image],
    "image diff": Difference,
    "image history": list[Version],
    "image id": Image,
    "image inspect": Image,
    "image ls": list[Image],
    "image prune": Prune,
    "image scan": list[AdvisoryFinding],
    "image publish": ShownImage,
    "image rollback": ShownImage,
    "recipe check": CheckedRecipe,
    "recipe update": list[ToolUpdate],
    "migrate check": list[OldPlace],
    "spot ls": list[Offer],
    "instance create": list[Launch],
    "instance ls": list[Instance],
    "runner ls": list[Runner],
    "setup": Setup,
    "doctor": list[Diagnosis],
    "whoami": Identity,
    "config show": list[ShownSetting],
    "context ls": list[Context],
    "runner up": StartedRunner,
    "serve run": list[PlannedSet],
    "sweep": Sweep,
    "cost": Cost,
    "local fault": list[FaultRule],
    "local market": MarketState,
    "local status": LocalStatus,
}
KEYS = {"image build": "architecture", "image copy": "region"}
# Every object, in the order in which the docs explain them; a part comes after what it is part of.
OBJECTS: tuple[type, ...] = (
    Image,
    BuiltImage,
    ShownImage,
    Version,
    Prune,
    PrunedImage,
    Difference,
    Change,
    AdvisoryFinding,
    CheckedRecipe,
    ToolUpdate,
    OldPlace,
)
OBJECTS += (Instance, Offer, Launch, Runner, StartedRunner, PlannedSet, Sweep, Finding, Cost, RunningCost, BilledDay)
OBJECTS += (Setup, SetupStep, Diagnosis, Identity, ShownSetting, Context)
OBJECTS += (LocalStatus, MarketState, FaultRule)


def printed(command: str) -> type:
    """Return the kind of object that a command prints."""
    kind: type = (get_args(PRINTS[command]) or (PRINTS[command],))[-1]
    return kind


def file_name(kind: type) -> str:
    """Return the file name of an object's schema: ``started-runner.schema.json``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower() + ".schema.json"


def summary(kind: type) -> str:
    """Return the first line of its docstring."""
    return (inspect.getdoc(kind) or "").splitlines()[0]


def descriptions(kind: type) -> dict[str, str]:
    """Return each member's description, from the docstrings of an object and of its base classes."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        _, _, listed = (inspect.getdoc(base) or "").partition("Attributes:\n")
        for name, text in re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", listed, re.MULTILINE):
            found[name] = re.sub(r"\s+", " ", text).replace("``", "`").replace("None:", "null:")
    return found


def schema(kind: Any) -> dict[str, Any]:
    """Return the schema of an object, or of a list or mapping of objects."""
    made: dict[str, Any] = {"$schema": DIALECT, **msgspec.json.schema(kind)}
    known = {one.__name__: one for one in OBJECTS}
    moment = {"type": "string", "format": "date-time", "pattern": MOMENT}
    for name, definition in made["$defs"].items():
        definition["description"] = summary(known[name])
        explained = descriptions(known[name])
        hints = get_type_hints(known[name])
        for member, rule in definition["properties"].items():
            rule.pop("default", None)
            shape = rule
            if datetime in (hints[member], *get_args(hints[member])):
                shape = {"anyOf": [moment, {"type": "null"}]} if "anyOf" in rule else moment
            definition["properties"][member] = {"description": explained[member], **shape}
        definition["required"] = list(definition["properties"])
        definition.pop("additionalProperties", None)  # members may be added
    return made


def files() -> Iterator[tuple[Path, str]]:
    """Yield every schema's file and its content."""
    for kind in dict.fromkeys(map(printed, PRINTS)):
        yield FOLDER / file_name(kind), json.dumps(schema(kind), indent=2) + "\n"


def commands(*headings: str) -> None:
    """Print a table of what each command prints (cog)."""
    print(f"| {' | '.join(headings)} |\n|---|---|---|")
    for command, kind in PRINTS.items():
        one = printed(command)
        link = f"[{one.__name__}](#{one.__name__.lower()})"
        shape = {list: f"{link}`[]`", dict: f"`{{{KEYS.get(command)}: `{link}`}}`"}.get(get_origin(kind) or kind, link)
        print(f"| `goldrun {command}` | {shape} | [{file_name(one)}](../schemas/{file_name(one)}) |")


def objects(member: str, kind: str, meaning: str, *, translation: str = "") -> None:
    """Print a table of the members of each object (cog).

    Args:
        member: the first column's heading.
        kind: the second's.
        meaning: the third's.
        translation: a file beside this one with the descriptions in another language.
    """
    words = tomllib.loads(Path(__file__).with_name(translation).read_text("utf-8")) if translation else {}
    for one in OBJECTS:
        definition = schema(one)["$defs"][one.__name__]
        base = one.__mro__[1] if one.__mro__[1] in OBJECTS else None
        own = [name for name in definition["properties"] if not base or name not in get_type_hints(base)]
        texts = words[one.__name__] if words else {"_": summary(one), **descriptions(one)}
        print(f"### {one.__name__}\n\n{texts['_']}")
        if base:
            print(f"\n[{base.__name__}](#{base.__name__.lower()}) +")
        print(f"\n| {member} | {kind} | {meaning} |\n|---|---|---|")
        for name in own:
            print(f"| `{name}` | {_notation(definition['properties'][name]).replace('``', '')} | {texts[name]} |")
        print()


def _notation(rule: dict[str, Any]) -> str:
    """Return a member's type in a notation that needs no translation: ``string[]``, ``integer | null``."""
    if "anyOf" in rule:
        return " \\| ".join(map(_notation, rule["anyOf"]))
    if "$ref" in rule:
        name = rule["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if rule.get("type") == "array":
        return f"{_notation(rule['items'])}`[]`"
    if rule.get("type") == "object":
        return f"`{{string: `{_notation(rule['additionalProperties'])}`}}`"
    return f"`{'time' if 'format' in rule else rule.get('type', 'string')}`"


def main() -> int:
    """Write the files, or check that they are current."""
    check = "--check" in sys.argv[1:]
    stale = [(file, text) for file, text in files() if not file.exists() or file.read_text(encoding="utf-8") != text]
    for file, text in stale:
        if not check:
            file.write_text(text, encoding="utf-8")
        print(f"{file.relative_to(FOLDER.parent)} {'is stale: run `make docs`' if check else 'is written'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
