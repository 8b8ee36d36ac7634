"""The generated part of docs/troubleshooting.md: every error by exit code, with why and fix, read from the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from goldrun import errors
from goldrun.cloud import errors as cloud
from goldrun.errors import EXIT_CODES
from goldrun.messages import translate
from tools.house import SOURCE
from tools.messages import template


class Told(NamedTuple):
    """An error that the code can raise: its exit code, and what it says, with names in place of values.

    Attributes:
        english: whether it is told in English alone: GARM's provider speaks to a program.
    """

    code: int
    what: str
    why: tuple[str, ...]
    fix: tuple[str, ...]
    english: bool = False


# What a reader would call a value, where the code's own name for it says how it is made.
SHOWN = {
    "ELAPSED": "SECONDS",
    "GONE_SECONDS": "SECONDS",
    "KNOWN": "NAMES",
    "LEFT": "NAMES",
    "LEN": "NUMBER",
    "MEANING": "WHAT IT IS",
    "MEANING2": "OTHER",
    "SHOWN_PATH": "PATH",
    "SILENT": "NUMBER",
    "SORTED": "IDS",
    "STRERROR": "REASON",
    "STRIP": "TEXT",
    "UPPER": "VARIABLE",
    "USED": "IDS",
    "WAITING": "IDS",
    "WHERE": "PLACE",
}
CODES = {
    "UsageError": errors.EXIT_USAGE,
    "NotFoundError": errors.EXIT_NOT_FOUND,
    "CredentialsError": errors.EXIT_CREDENTIALS,
    "RefusedError": errors.EXIT_REFUSED,
    "OutputError": errors.EXIT_OUTPUT,
    "UnavailableError": errors.EXIT_UNAVAILABLE,
    "LostError": errors.EXIT_UNAVAILABLE,
}


def table(what: str, why: str, fix: str, *, chinese: bool = False) -> None:
    """Print a table for each exit code (cog)."""
    found = sorted({*_told(), *_of_the_api()})
    for code in sorted({one.code for one in found}):
        meaning = translate(EXIT_CODES[code]) if chinese else EXIT_CODES[code]
        print(f"### {code}: {meaning.split('：')[0] if chinese else meaning.split(':')[0]}\n")
        print(f"| {what} | {why} | {fix} |\n|---|---|---|")
        for one in found:
            if one.code == code:
                print(f"| {' | '.join(map(_cell, _cells(one, chinese=chinese)))} |")
        print()


def _cells(one: Told, *, chinese: bool) -> tuple[str, str, str]:
    say, mark = (translate, "；") if chinese and not one.english else (str, "; ")
    *first, last = [say(fix) for fix in one.fix] or [""]
    return say(one.what), " ".join(map(say, one.why)), mark.join([*(fix.rstrip(".。") for fix in first), last])


def _cell(text: str) -> str:
    return re.sub(r"[|<>*_`]", lambda found: f"\\{found[0]}", text) or "–"


def _told() -> Iterator[Told]:
    """Yield the errors that are raised, or made, with a text of their own."""
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        constants = _constants(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in CODES:
                continue
            what = _text(node.args[0]) if node.args else ""
            if what:
                more = {one.arg: _texts(one.value, constants) for one in node.keywords}
                yield Told(
                    CODES[node.func.id], what, more.get("why", ()), more.get("fix", ()), file.parent.name == "garm"
                )


def _of_the_api() -> Iterator[Told]:
    """Yield what is said about the error codes of the cloud's APIs."""
    for code, why in cloud._CREDENTIAL_CODES.items():
        yield Told(errors.EXIT_CREDENTIALS, f"ACTION was answered with {code}.", (), (why,))
    for code, fix in cloud._FIXES.items():
        yield Told(errors.EXIT_REFUSED, f"ACTION was answered with {code}.", (), (fix,))
    for beginnings, kind, fix in cloud._CLASSES:
        for beginning in beginnings:
            said = f"ACTION was answered with {beginning}*."
            yield Told(kind.exit_code, said, (), (fix.replace("{statement}", "STATEMENT"),))


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return a module's texts that have a name."""
    named = [one for one in tree.body if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)]
    return {one.targets[0].id: _text(one.value) for one in named if isinstance(one.targets[0], ast.Name)}


def _text(node: ast.expr) -> str:
    """Return a text, with capitals for what is filled in; empty: it is not written here."""
    if isinstance(node, ast.JoinedStr):
        told = re.sub(r"\{(\w+)\}", lambda found: _shown(found[1].upper()), template(node))
        return told.replace("{{", "{").replace("}}", "}")
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _shown(name: str) -> str:
    return SHOWN.get(name, name)


def _texts(node: ast.expr, constants: Mapping[str, str]) -> tuple[str, ...]:
    parts = node.elts if isinstance(node, ast.List | ast.Tuple) else []
    texts = (constants.get(part.id, "") if isinstance(part, ast.Name) else _text(part) for part in parts)
    return tuple(filter(None, texts))
