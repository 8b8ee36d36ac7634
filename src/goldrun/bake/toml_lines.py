"""Finds the line of a key in TOML text: people need it to fix a recipe, and parsers do not report it."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
