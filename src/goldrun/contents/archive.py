"""Bills of materials in a bucket: any machine can read what is inside an image, and boots nothing for it.

An object has the name of what it says, the digest that a tag of the image has too. So an image and its copies in other
regions share it, and a changed list is recognized.
"""

from __future__ import annotations

from goldrun.cloud.client import EcsClient
from goldrun.cloud.images import Image
from goldrun.cloud.objects import Folder, get_object, put_object
from goldrun.cloud.tags import CONTENTS
from goldrun.contents import cyclonedx
from goldrun.contents.components import Contents, digest
from goldrun.errors import NotFoundError, RefusedError, UsageError

MEDIA_TYPE = "application/vnd.cyclonedx+json"


def keep(client: EcsClient, folder: Folder, image: Image, contents: Contents) -> None:
    """Put an image's bill of materials into a folder; nothing, if the list is empty: it proves nothing.

    Raises:
        GoldrunError: see ``put_object``.
    """
    if contents.components:
        text = cyclonedx.write(contents, image.name, image.image_id, client.clock.now())
        put_object(client, folder, object_name(digest(contents)), text.encode(), MEDIA_TYPE)


def find(client: EcsClient, folder: Folder, image: Image) -> Contents | None:
    """Return what is inside an image; None: the folder does not have its bill of materials.

    Raises:
        RefusedError: the one that it has is not what was listed.
        GoldrunError: see ``get_object``.
    """
    recorded = CONTENTS.read(image.tags)
    if not recorded:
        return None
    name = object_name(recorded)
    try:
        text = get_object(client, folder, name).decode("utf-8", "replace")
    except NotFoundError:
        return None
    try:
        contents = cyclonedx.read(text, f"{folder}{name}")
    except UsageError:
        contents = None
    if contents is None or digest(contents) != recorded:
        raise RefusedError(
            f"{folder}{name} does not match what was found in {image.name} ({image.image_id}).",
            why=["somebody changed it, or the image's tag."],
            fix=[
                "find out who may write there; then delete it and run goldrun image sbom, which lists the image again."
            ],
        )
    return contents


def object_name(recorded: str) -> str:
    """Return the name of the object for a digest."""
    return f"{recorded}.cdx.json"
