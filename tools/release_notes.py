"""Print a version's part of the CHANGELOG, if the tag is the version that the packages have.

Usage: python tools/release_notes.py vX.Y.Z
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def notes(changelog: str, version: str) -> str:
    """Return what stands under the heading of a version, ``## X.Y.Z`` or ``## X.Y.Z - DATE``.

    Raises:
        ValueError: nothing does.
    """
    found = re.search(rf"^## {re.escape(version)}(?: - [^\n]*)?\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if found is None or not found[1].strip():
        raise ValueError(f"CHANGELOG.md says nothing about {version}: rename the heading Unreleased.")
    return found[1].strip()


def main(tag: str) -> None:
    """Print the notes of a tag; exit with a message if it is not the version, or has none."""
    source = (ROOT / "src/goldrun/__init__.py").read_text(encoding="utf-8")
    version = source.partition('__version__ = "')[2].partition('"')[0]
    if tag != f"v{version}":
        sys.exit(f"error: the tag is {tag}, and the packages have the version {version}.")
    try:
        print(notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version))
    except ValueError as problem:
        sys.exit(f"error: {problem}")


if __name__ == "__main__":
    main(sys.argv[1])
