"""Reads the files that a user names."""

from __future__ import annotations

from pathlib import Path

from goldrun.errors import UsageError


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
