"""What is inside an image: tools and their versions, stored in the image's own tags.

So ``DescribeImages``, which finds the image, returns the manifest too, without booting it, in every region that has a
copy, and it is deleted with the image. A tag holds 128 characters and an image 20 tags, of which goldrun reserves six
for the manifest: as plain ``name=version`` pairs, which people can read in the console, or compressed if they are too
long.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from goldrun.cloud.tags import MANIFEST, MAX_VALUE
from goldrun.errors import UsageError

MAX_TAGS = 6
PACKED = "z:"

Manifest = Mapping[str, str]


@dataclass(frozen=True)
class Difference:
    """What differs between two manifests.

    Attributes:
        added: tools that only the second has, with their versions.
        removed: tools that only the first has, with their versions.
        changed: tools that both have, with both versions.
    """

    added: dict[str, str]
    removed: dict[str, str]
    changed: dict[str, tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def to_tags(manifest: Manifest, most: int = MAX_TAGS) -> dict[str, str]:
    """Return the tags that store ``manifest``, ``Manifest.1`` and so on: ``most`` of them at most.

    Raises:
        UsageError: it is too long even when compressed, or a name or version contains a separator.
    """
    for name, version in manifest.items():
        if not name or any(char in f"{name}{version}" for char in "=;\n"):
            raise UsageError(
                f"{name}={version} is not valid in a manifest.", why=["= ; and line breaks are separators."]
            )
    text = ";".join(f"{name}={manifest[name]}" for name in sorted(manifest))
    room = most * MAX_VALUE
    if len(text) > room or text.startswith(PACKED) or "http://" in text or "https://" in text:
        text = PACKED + base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    if len(text) > room:
        raise UsageError(
            f"The manifest is too long: {len(manifest)} tools, {len(text)} characters compressed; {room} fit.",
            fix=["list fewer tools."],
        )
    pieces = [text[start : start + MAX_VALUE] for start in range(0, len(text), MAX_VALUE)]
    return {f"{MANIFEST.key}.{number}": piece for number, piece in enumerate(pieces, 1)}


def from_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the manifest in an image's tags; empty: there is none.

    Raises:
        UsageError: it is damaged.
    """
    pieces: list[str] = []
    while (piece := tags.get(f"{MANIFEST.key}.{len(pieces) + 1}")) is not None:
        pieces.append(piece)
    text = "".join(pieces)
    if text.startswith(PACKED):
        try:
            text = zlib.decompress(base64.b64decode(text.removeprefix(PACKED), validate=True)).decode()
        except (ValueError, zlib.error) as error:
            raise UsageError(
                "The image's manifest is damaged.", why=[f"its tags {MANIFEST.key}.N do not belong together."]
            ) from error
    pairs = (pair.partition("=") for pair in text.split(";") if pair)
    return {name: version for name, _, version in pairs}


def compare(first: Manifest, second: Manifest) -> Difference:
    """Return what changed from ``first`` to ``second``."""
    return Difference(
        added={name: second[name] for name in sorted(second.keys() - first.keys())},
        removed={name: first[name] for name in sorted(first.keys() - second.keys())},
        changed={
            name: (first[name], second[name])
            for name in sorted(first.keys() & second.keys())
            if first[name] != second[name]
        },
    )
