"""Where a build leaves the list of an image's packages: files, and a bucket."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import packageurl  # noqa: F401 - a missing one is reported before anything is built

from goldrun.cli.files import write_result
from goldrun.cli.image_contents import render
from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import Image
from goldrun.cloud.objects import Folder
from goldrun.contents import archive
from goldrun.contents.components import Contents
from goldrun.errors import OutputError, UsageError

Receiver = Callable[[Image, Contents], None]


def receiver(files: Path | None, folder: Folder | None, client: EcsClient) -> Receiver:
    """Return what receives an image's packages.

    Args:
        files: gets a bill of materials and a report, each named after the image.
        folder: gets the bill of materials.
        client: the cloud.

    Raises:
        UsageError: the folder for the files cannot be made or written to.
    """
    if files:
        _require_folder(files)

    def receive(image: Image, contents: Contents) -> None:
        if files:
            for kind, ending in (("cyclonedx", "cdx.json"), ("markdown", "md")):
                _write(files / f"{image.name}.{ending}", render(image, contents, kind, client.clock.now()))
        if folder:
            archive.keep(client, folder, image, contents)

    return receive


def _require_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot hold bills of materials.", why=[f"{error.strerror}."]) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{folder} cannot hold bills of materials.", why=["it cannot be written to."])


def _write(file: Path, text: str) -> None:
    try:
        write_result(file, text)
    except OutputError:
        with contextlib.suppress(OSError):
            file.unlink()  # half of it would be taken for all
        raise
