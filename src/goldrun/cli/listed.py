"""Where a build leaves the list of an image's packages: files, and a bucket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import packageurl  # noqa: F401 - missing it is told before anything is built

from goldrun.cli.image_contents import render
from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import Image
from goldrun.cloud.objects import Folder
from goldrun.contents import archive
from goldrun.contents.components import Contents

Receiver = Callable[[Image, Contents], None]


def receiver(files: Path | None, folder: Folder | None, client: Callable[[], EcsClient]) -> Receiver:
    """Return what receives an image's packages.

    Args:
        files: gets a bill of materials and a report, each named after the image.
        folder: gets the bill of materials.
        client: returns the cloud.
    """
    if files:
        files.mkdir(parents=True, exist_ok=True)

    def receive(image: Image, contents: Contents) -> None:
        if files:
            for kind, ending in (("cyclonedx", "cdx.json"), ("markdown", "md")):
                file = files / f"{image.name}.{ending}"
                file.write_text(render(image, contents, kind, client().clock.now()), encoding="utf-8")
        if folder:
            archive.keep(client(), folder, image, contents)

    return receive
