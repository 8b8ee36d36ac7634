"""Reads and writes the files that a user names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from goldrun.errors import OutputError, UsageError


def read_text(path: Path) -> str:
    """Return a file's text, its line ends as they are.

    Raises:
        UsageError: it cannot be read, or is not text.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read.", why=[f"{error.strerror}."]) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text in UTF-8.") from error


def require_writable(path: Path) -> None:
    """Check that a file can be written, before anything costs money.

    Raises:
        UsageError: it cannot.
    """
    place = path if path.exists() else path.parent
    if not place.exists():
        raise UsageError(f"{path} cannot be written.", why=[f"there is no folder {place}."])
    if not os.access(place, os.W_OK):
        raise UsageError(f"{path} cannot be written.", why=[f"{place} may not be changed."])


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files, each of them whole.

    Raises:
        UsageError: one cannot be written.
    """
    for path, content in contents.items():
        try:
            path.write_bytes(content)
        except OSError as error:
            raise UsageError(f"{path} cannot be written.", why=[f"{error.strerror}."]) from error


def write_result(path: Path, text: str) -> None:
    """Write a file that is a command's result.

    Raises:
        OutputError: it could not be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} could not be written.", why=[f"{error.strerror}."]) from error
