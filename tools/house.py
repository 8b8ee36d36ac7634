"""The architecture, read from the code: which part of goldrun imports which."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src/goldrun"
LOCAL = ROOT / "packages/local-cloud/src/local_cloud"

# The packages, from the front ends to the wire. Modules outside of them (errors, config, …) are small, and open to all.
FLOORS = {
    "front ends: parse, call, print": ("cli", "garm", "serve"),
    "decisions: functions over frozen data": (
        "setup",
        "doctor",
        "sweep",
        "migrate",
        "cost",
        "bake",
        "contents",
        "updates",
        "runners",
        "images",
        "launch",
    ),
    "what the cloud and GitHub say: typed calls": ("cloud", "github"),
    "the wire": ("http",),
}
ROOMS = frozenset(room for floor in FLOORS.values() for room in floor)


def imports(file: Path) -> Iterator[str]:
    """Yield the full name of everything that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(file: Path) -> str:
    """Return the package, or the top-level module, that a file of goldrun belongs to."""
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def arrows() -> dict[str, set[str]]:
    """Return which packages each package imports, without the arrows that others imply."""
    direct: dict[str, set[str]] = {room: set() for room in sorted(ROOMS)}
    for file in SOURCE.rglob("*.py"):
        if part(file) in ROOMS:
            targets = {name.split(".")[1] for name in imports(file) if name.startswith("goldrun.")}
            direct[part(file)] |= targets & ROOMS - {part(file)}
    return {
        room: {target for target in targets if not _implied(direct, room, target)} for room, targets in direct.items()
    }


def _implied(direct: Mapping[str, set[str]], room: str, target: str) -> bool:
    return any(target in _reach(direct, step) for step in direct[room] - {target})


def _reach(direct: Mapping[str, set[str]], room: str) -> set[str]:
    return direct[room].union(*(_reach(direct, step) for step in direct[room]))
