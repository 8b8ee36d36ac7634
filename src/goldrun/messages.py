"""The catalogue of translated messages: ``locale/zh_CN/LC_MESSAGES/goldrun.mo``, written by ``make messages``.

A message with values is found by the text around them: ``Image not found: {name}.`` matches any name. So the code uses
plain f-strings, and the catalogue is an ordinary gettext one, which click reads too.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from functools import cache
from string import Formatter

DOMAIN = "goldrun"
# The single-file scripts (``make scripts``) contain no catalogue, and their modules have no file.
FOLDER = os.path.join(os.path.dirname(__file__), "locale") if "__file__" in globals() else ""  # noqa: PTH118, PTH120
# How lines on stderr begin.
PREFIXES = ("error: ", "note: ", "  why: ", "  fix: ", "  note: ", "  request id: ")
# With fewer letters in common a match is weak: its values must be two words at most, or messages themselves.
ENOUGH_LETTERS = 12

Template = tuple[list[str], list[str]]


def translate(text: str) -> str:
    """Return one message in Chinese, its values filled in; the text itself if the catalogue does not have it."""
    prefix = next((known for known in PREFIXES if text.startswith(known)), "")
    said = text.removeprefix(prefix)
    return _catalogue()[0].get(prefix, prefix) + (_mistake(said) or _best(said)[2])


def _mistake(text: str) -> str:
    """Return a mistake in a file in Chinese, with its place: ``recipe.toml:8: what is wrong; what to do``; else empty.

    What is wrong is a message without its full stop, as part of a sentence.
    """
    place, _, rest = text.partition(": ")
    if " " in place or not place.rpartition(":")[2].isdigit():
        return ""
    parts = [max(_best(part), _best(f"{part}.")) for part in rest.split("; ")]
    whole = _best(rest)
    known = sum(part[0] for part in parts)
    said = whole[2] if whole[0] > known else "；".join(part[2].removesuffix("。").removesuffix(".") for part in parts)
    return f"{place}：{said}"


@cache
def _best(text: str) -> tuple[int, int, str]:
    """Return the translation that matches the most letters of ``text``: how many, the outer message's length, the text.

    A value of several words may be a message itself: an error within an error.
    """
    exact, templates = _catalogue()
    if text in exact:
        return _letters(text), len(text), exact[text]
    best = (0, 0, text)
    for (literals, names), translation in templates:
        own = "".join(literals)
        for values in matches(text, literals):
            parts = [_best(value) if " " in value else (0, 0, value) for value in values]
            unknown = max(
                (value.count(" ") for part, value in zip(parts, values, strict=True) if not part[0]), default=0
            )
            known = _letters(own) + sum(part[0] for part in parts)
            if (known, len(own)) > best[:2] and (unknown <= 1 or known >= ENOUGH_LETTERS):
                said = (part[2] for part in parts)
                best = (known, len(own), translation.format_map(dict(zip(names, said, strict=True))))
    return best


def _letters(text: str) -> int:
    return sum(letter.isalpha() for letter in text)


def parse(template: str) -> Template:
    """Return the literal texts of a template, and the names of the values between them (always one fewer)."""
    literals, names = [""], []
    for literal, name, _, _ in Formatter().parse(template):
        literals[-1] += literal
        if name is not None:
            names.append(name)
            literals.append("")
    return literals, names


def matches(text: str, literals: list[str]) -> Iterator[list[str]]:
    """Yield the values between the literals: one list for each way to read the text."""
    first, *rest = literals
    if not text.startswith(first):
        return
    text = text[len(first) :]
    if not rest:
        if not text:
            yield []
    elif len(rest) == 1:
        if text.endswith(rest[0]):
            yield [text[: len(text) - len(rest[0])]]
    elif not rest[0]:  # two values touch each other: where one ends is unknown
        yield from (["", *values] for values in matches(text, rest))
    else:
        place = text.find(rest[0])
        while place >= 0:
            yield from ([text[:place], *values] for values in matches(text[place:], rest))
            place = text.find(rest[0], place + 1)


def read(content: bytes) -> dict[str, str]:
    """Return the translated messages of a .mo file (GNU gettext manual, "The Format of GNU MO Files")."""
    count, ids, translations = struct.unpack_from("<3I", content, 8)

    def entry(table: int, index: int) -> str:
        length, start = struct.unpack_from("<2I", content, table + 8 * index)
        return content[start : start + length].decode()

    return {entry(ids, index): entry(translations, index) for index in range(count)}


@cache
def _catalogue() -> tuple[dict[str, str], list[tuple[Template, str]]]:
    """Return all messages, and those with values."""
    if not FOLDER:
        return {}, []
    with open(os.path.join(FOLDER, "zh_CN", "LC_MESSAGES", f"{DOMAIN}.mo"), "rb") as file:  # noqa: PTH118, PTH123
        messages = read(file.read())
    templates = [(parse(english), chinese) for english, chinese in messages.items() if "{" in english]
    # A template without letters and colons consists of values alone, and would be tried on every text.
    useful = [
        template for template in templates if any(sign.isalpha() or sign == ":" for sign in "".join(template[0][0]))
    ]
    return {english: chinese for english, chinese in messages.items() if english}, useful
