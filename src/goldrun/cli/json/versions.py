"""A family's history, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from goldrun.cli.json.encoding import public
from goldrun.cli.json.images import Image
from goldrun.cloud import images
from goldrun.images import retention
from goldrun.images.lineage import Lineage


@public
class Version(Image):
    """A version in a family's history.

    Attributes:
        version: its version name, also while a channel shows it under an alias.
        instances: number of instances that run from it.
        keep: whether a prune would keep it.
        reason: why.
    """

    version: str
    instances: int
    keep: bool
    reason: str

    @classmethod
    def in_history(cls, lineage: Lineage, verdict: retention.Verdict, instances: int) -> Self:
        """Return the object for a version and its verdict; ``instances`` is how many run from it."""
        return cls.of(
            verdict.image,
            version=lineage.version_name(verdict.image),
            instances=instances,
            keep=verdict.keep,
            reason=verdict.reason,
        )


@public
class ShownImage(Image):
    """The image that a channel shows after a publish or a roll-back.

    Attributes:
        elsewhere: ids of the images that the other regions show, by region.
    """

    elsewhere: Mapping[str, str]

    @classmethod
    def in_regions(cls, shown: Mapping[str, images.Image], home: str) -> Self:
        """Return the object for what each region shows; ``home`` is the one whose image it is."""
        others = {region: image.image_id for region, image in shown.items() if region != home}
        return cls.of(shown[home], elsewhere=others)
