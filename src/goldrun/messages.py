"""The catalogue of translated messages: ``locale/zh_CN/LC_MESSAGES/goldrun.mo``, written by ``make messages``.

A message with values is found by the text around them: ``Image not found: {name}.`` translates whatever name was
written there. So code keeps its f-strings, and the catalogue stays an ordinary gettext one, which click reads too.
"""

from __future__ import annotations

import os
import struct
from functools import cache
from string import Formatter

DOMAIN = "goldrun"
# The scripts that stand alone (``make scripts``) carry no catalogue and have no place on the disk.
FOLDER = os.path.join(os.path.dirname(__file__), "locale") if "__file__" in globals() else ""  # noqa: PTH118, PTH120
LEAST_LETTERS = 4  # a template that is nearly all values would match anything

Template = tuple[list[str], list[str]]


def translate(text: str) -> str:
    """The Chinese of one message, its values filled in; the text itself where the catalogue has none."""
    exact, templates = _catalogue()
    if text in exact:
        return exact[text]
    for (literals, names), translation in templates:
        values = match(text, literals)
        if values is not None:
            # A value of several words may be a message of its own: an error within an error.
            said = [translate(value) if " " in value else value for value in values]
            return translation.format_map(dict(zip(names, said, strict=True)))
    return text


def parse(template: str) -> Template:
    """The literal texts of a template, and the names of the values between them: always one fewer."""
    literals, names = [""], []
    for literal, name, _, _ in Formatter().parse(template):
        literals[-1] += literal
        if name is not None:
            names.append(name)
            literals.append("")
    return literals, names


def match(text: str, literals: list[str]) -> list[str] | None:
    """The values that stand between the literals, each as short as can be; None if the text is not of that form."""
    if len(literals) == 1:
        return [] if text == literals[0] else None
    first, *middle, last = literals
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return None
    values, place, end = [], len(first), len(text) - len(last)
    for literal in middle:
        found = text.find(literal, place, end)
        if found < 0:
            return None
        values.append(text[place:found])
        place = found + len(literal)
    return [*values, text[place:end]]


def read(content: bytes) -> dict[str, str]:
    """The translated messages of a .mo file (GNU gettext manual, "The Format of GNU MO Files")."""
    count, ids, translations = struct.unpack_from("<3I", content, 8)

    def entry(table: int, index: int) -> str:
        length, start = struct.unpack_from("<2I", content, table + 8 * index)
        return content[start : start + length].decode()

    return {entry(ids, index): entry(translations, index) for index in range(count)}


@cache
def _catalogue() -> tuple[dict[str, str], list[tuple[Template, str]]]:
    """Messages without values, and those with values, the most literal first: it says most about the text."""
    if not FOLDER:
        return {}, []
    with open(os.path.join(FOLDER, "zh_CN", "LC_MESSAGES", f"{DOMAIN}.mo"), "rb") as file:  # noqa: PTH118, PTH123
        messages = read(file.read())
    templates = [(parse(english), chinese) for english, chinese in messages.items() if "{" in english]
    useful = [one for one in templates if sum(letter.isalpha() for letter in "".join(one[0][0])) >= LEAST_LETTERS]
    useful.sort(key=lambda one: -len("".join(one[0][0])))
    return {english: chinese for english, chinese in messages.items() if english}, useful
