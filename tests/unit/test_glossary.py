"""The glossary of docs/style.md, as far as names in the code can be checked against it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "src", ROOT / "packages/local-cloud/src")
# Words that have no other meaning in this code. The rest of the column is for readers: GitHub has a server, too.
NOT_SAID = (
    *("blueprint", "deal", "doomed", "door", "emulator", "forensics", "ghost", "guardian", "kill", "leftover"),
    *("mishap", "mock", "pulse", "rehearsal", "slave", "tell", "told", "watchman", "warden", "zombie"),
)
PERSISTED = {"packages/local-cloud/src/local_cloud/github/records.py: told"}  # existing databases have it


@cache
def all_names() -> frozenset[str]:
    """Return every name that a module gives, as ``PATH: NAME``."""
    files = (file for folder in SOURCES for file in folder.rglob("*.py"))
    return frozenset(f"{file.relative_to(ROOT)}: {name}" for file in files for name in names_in(file))


def names_in(file: Path) -> Iterator[str]:
    """Yield the names of a module, its classes, functions, parameters, variables and attributes."""
    yield file.stem
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def words_of(name: str) -> set[str]:
    """Return the words of ``snake_case``, ``CamelCase`` or ``CAPITALS``."""
    return set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))


@pytest.mark.parametrize("word", NOT_SAID)
def test_names_are_the_glossarys(word: str) -> None:
    rows = re.findall(r"^\|.*\|.*\|(.*)\|$", (ROOT / "docs/style.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert any(re.search(rf"\b{word}\b", row) for row in rows), "the glossary does not name it"
    found = {one for one in all_names() if {word, f"{word}s"} & words_of(one.partition(": ")[2])}
    assert not found - PERSISTED
