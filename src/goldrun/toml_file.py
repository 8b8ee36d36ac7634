"""Reads a TOML file into a typed object; every mistake in it is reported with its line, which parsers do not say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import msgspec.inspect

from goldrun.errors import GoldrunError, UsageError

Problem = tuple[tuple[str | int, ...], str]  # the place of a mistake, and what is wrong
T = TypeVar("T")

# What stands in for a value that is missing, or of another type.
_STAND_INS: dict[str, Callable[[], object]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "array": list,
    "object": dict,
}
_HEADER = re.compile(r"^\s*\[(\[)?\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""^\s*(?:"([^"]+)"|'([^']+)'|([\w-]+))((?:\s*\.\s*[\w-]+)*)\s*=""")


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Return the line (from 1) of a path such as ``("steps", 0, "timeout")``, or else of the table it belongs in.

    Finds tables and keys in their usual form: ``[table]``, ``[[array]]``, ``key = …``. Keys of an inline table are at
    the table's line.
    """
    best, best_depth = 1, 0
    here: list[str | int] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            name = header[2].strip()
            here = [part.strip().strip("\"'") for part in name.split(".")]
            if header[1]:
                counts[name] = counts.get(name, -1) + 1
                here.append(counts[name])
            found = here
        elif key := _KEY.match(line):
            first = key[1] or key[2] or key[3]
            found = [*here, first, *(part.strip() for part in key[4].split(".") if part.strip())]
        else:
            continue
        depth = len(found) if list(path[: len(found)]) == found else 0
        if depth > best_depth:
            best, best_depth = number, depth
    return best


def read_file(file: Path, *, fix: str) -> str:
    """Return a file's text.

    Raises:
        UsageError: it cannot be read; ``fix`` says what to do.
    """
    try:
        if file.exists() and not file.is_file():
            raise UsageError(f"{file} is not a file.", fix=[fix])
        return file.read_text(encoding="utf-8-sig")  # editors of Windows begin with a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror or "" if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{file} cannot be read.", why=[f"{why}."], fix=[fix]) from None


def parse(file: Path, text: str, kind: type[T], *, fix: str) -> T:
    """Return a file's text as an object of that kind.

    Raises:
        UsageError: it is not TOML, or keys are unknown, missing or of another type: lists each with its line; ``fix``
            names the schema.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        words = str(error).split(" (at ")[0]
        line = found[1] if found else str(len(text.splitlines()) or 1)
        quotes = ['write text in quotes, for example arch = "amd64"'] if words == "Invalid value" else []
        raise UsageError(f"{file}:{line}: {words}.", fix=quotes) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise UsageError(f"{file} cannot be read.", why=[f"{error}."]) from None
    problems: list[Problem] = []
    read = _convert(data, kind, problems)
    if read is None:
        lines = sorted((line_of(text, path), words) for path, words in problems)
        first, *others = (f"{file}:{line}: {words}" for line, words in lines)
        raise UsageError(first, why=others, fix=[fix])
    return read


def _convert(data: Any, kind: type[T], found: list[Problem]) -> T | None:
    """Return data as an object of that kind; None: it has mistakes, which are added to ``found``.

    The library stops at the first one. So a value of the right type stands in for it, or it is left out where none is
    known, until nothing is wrong.
    """
    ours: dict[tuple[str | int, ...], str] = {}  # the stand-ins, and the types that they have; empty: left out
    while True:
        try:
            read = msgspec.convert(data, kind)
        except msgspec.ValidationError as error:
            words, _, where = str(error).partition(" - at `$")
            absent = re.search(r"missing required field `(.+)`", words)
            unknown = re.search(r"unknown field `(.+)`", words)
            path = _exact(data, _path(where.rstrip("`")), words)
            named = (*path, *(one[1] for one in (unknown, absent) if one))
            expected = re.match(r"Expected `(\w+)", words)
            wanted = expected[1] if expected else "str" if absent else ""
            if not any(named[: depth + 1] in ours for depth in range(len(named))):  # what stands in has mistakes too
                problem = _unknown(kind, named) if unknown else _absent(named) if absent else _wrong(kind, named, words)
                found.append((tuple(path) if absent else named, problem))
            if not named or ours.get(named) == "":
                return None
            if wanted not in _STAND_INS or ours.get(named) == wanted:
                ours[named] = ""
                del _at(data, named[:-1])[named[-1]]
            else:
                ours[named] = wanted
                _at(data, named[:-1])[named[-1]] = _STAND_INS[wanted]()
        else:
            return None if found else read


def _unknown(kind: type, path: Sequence[str | int]) -> str:
    """Say that there is no such key, and which one may be meant."""
    fields = getattr(_type_at(kind, path[:-1]), "fields", ())
    near = get_close_matches(str(path[-1]), [field.encode_name for field in fields], n=1)
    table = _table(path[:-1])
    return f"{table} has no key {path[-1]}: did you mean {near[0]}?" if near else f"{table} has no key {path[-1]}."


def _absent(path: Sequence[str | int]) -> str:
    return f"{_table(path[:-1])} lacks the key {path[-1]}."


def _wrong(kind: type, path: Sequence[str | int], words: str) -> str:
    """Say what is wrong with a value, in the library's words, or which ones are allowed."""
    allowed = getattr(_type_at(kind, path), "values", ())
    if words.startswith("Invalid enum value") and allowed:
        known = ", ".join(repr(one) for one in allowed if one)  # an empty one: not set
        return f"{_dotted(path)} is one of {known}, not {words.removeprefix('Invalid enum value ')}."
    return f"{_dotted(path)}: {words}."


def _type_at(kind: type, path: Sequence[str | int]) -> Any:
    """Return the type of what is at a path in objects of that kind; None: not known."""
    found: Any = msgspec.inspect.type_info(kind)
    for part in path:
        found = _present(found)
        if isinstance(found, msgspec.inspect.StructType):
            found = next((field.type for field in found.fields if field.encode_name == part), None)
        else:
            found = getattr(found, "value_type", getattr(found, "item_type", None))
    return _present(found)


def _present(found: Any) -> Any:
    """Return the type of an optional value that is there."""
    if not isinstance(found, msgspec.inspect.UnionType):
        return found
    return next((one for one in found.types if not isinstance(one, msgspec.inspect.NoneType)), None)


def _dotted(path: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in path if not isinstance(part, int))


def _table(path: Sequence[str | int]) -> str:
    return f"[{_dotted(path)}]" if path else "the file"


def _at(data: Any, path: Sequence[str | int]) -> Any:
    for part in path:
        data = data[part]
    return data


def problem_of(
    path: tuple[str | int, ...], check: Callable[..., object], *given: object, prefix: str = ""
) -> Iterator[Problem]:
    """Yield what is wrong with the value at a path, if a check refuses it.

    Args:
        path: its place.
        check: raises a GoldrunError.
        given: what is checked.
        prefix: what the message begins with.
    """
    try:
        check(*given)
    except GoldrunError as error:
        yield path, prefix + in_words(error)


def in_words(error: GoldrunError) -> str:
    """Return an error, and what to do about it, as part of a sentence."""
    return "; ".join([error.what.rstrip("."), *error.fix])


def refuse(file: Path, text: str, problems: Iterable[Problem]) -> None:
    """Report mistakes, if there are any.

    Raises:
        UsageError: lists each with its line.
    """
    lines = [f"{file}:{line_of(text, path)}: {words}" for path, words in problems]
    if lines:
        raise UsageError(lines[0], why=lines[1:])


def _path(where: str) -> list[str | int]:
    """Return ``.steps[0].timeout`` in parts; ``[...]`` stands for a key that is not reported."""
    return [
        int(index) if index.isdigit() else name or "..."
        for name, index in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", where)
    ]


def _exact(data: Any, path: list[str | int], words: str) -> list[str | int]:
    """Return the path with ``...`` replaced by its key: the first one that the mistake can be in.

    Args:
        data: what the file says.
        path: the path as it was reported.
        words: the mistake.
    """
    found: list[str | int] = []
    for number, part in enumerate(path):
        here = part
        if part == "...":
            fits = (key for key, value in data.items() if _may_be_in(value, path[number + 1 :], words))
            here = next(fits, next(iter(data), ""))
        found.append(here)
        data = data[here] if _has(data, here) else {}
    return found


def _may_be_in(value: Any, rest: list[str | int], words: str) -> bool:
    """Return whether the mistake can be at a path in the value."""
    if rest and rest[0] == "...":
        return isinstance(value, dict) and any(_may_be_in(one, rest[1:], words) for one in value.values())
    if rest:
        return _has(value, rest[0]) and _may_be_in(value[rest[0]], rest[1:], words)
    return _may_have(value, words)


def _may_have(value: Any, words: str) -> bool:
    if absent := re.search(r"missing required field `(.+)`", words):
        return isinstance(value, dict) and absent[1] not in value
    if unknown := re.search(r"unknown field `(.+)`", words):
        return isinstance(value, dict) and unknown[1] in value
    if got := re.search(r", got `(\w+)`", words):
        return _name_of(value) == got[1]
    if invalid := re.search(r"Invalid\senum\svalue\s(.+)", words):
        return repr(value) == invalid[1]
    return True


def _name_of(value: Any) -> str:
    """Return the name of a value's type in the library's words."""
    return next((name for name, make in _STAND_INS.items() if type(value) is make), type(value).__name__)


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, dict):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(data)
