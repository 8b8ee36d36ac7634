"""Reads and writes the files that a user names."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
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
        raise UsageError(f"{path} cannot be written.", why=[f"{place} is not writable."])


def write_files(contents: Mapping[Path, bytes], *, folders: bool = False) -> None:
    """Write files.

    Args:
        contents: what is written, by file.
        folders: make the folders that are missing.

    Raises:
        UsageError: one cannot be written.
    """
    for path, content in contents.items():
        try:
            if folders:
                path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise UsageError(f"{path} cannot be written.", why=[f"{error.strerror}."]) from error


def replace_file(path: Path, text: str, *, private: bool = False) -> None:
    """Write a file at once or not at all. A symbolic link stays one: people keep such files in another place.

    Args:
        path: the file.
        text: its new content.
        private: from now on its user alone can read it; otherwise it keeps its mode.

    Raises:
        UsageError: it cannot be written.
    """
    file = path.resolve()
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        part.touch(mode=0o600)
        part.write_bytes(text.encode())
        if file.exists() and not private:
            part.chmod(file.stat().st_mode & 0o777)
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise UsageError(f"{path} cannot be written.", why=[f"{error.strerror}."]) from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process of ours changes files of a folder, and keep them waiting meanwhile."""
    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def write_result(path: Path, text: str) -> None:
    """Write a file that is a command's result.

    Raises:
        OutputError: it could not be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} could not be written.", why=[f"{error.strerror}."]) from error
