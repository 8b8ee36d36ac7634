"""Images as rows of a table, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goldrun.cloud.images import Image
from goldrun.cloud.moments import parse_moment
from goldrun.cloud.tags import IS_LATEST, SOURCE, VERSION_HASH
from goldrun.durations import format_duration
from goldrun.images.lineage import is_from_guide
from goldrun.images.naming import LATEST, parse_published

if TYPE_CHECKING:
    from goldrun.images.lineage import Lineage
    from goldrun.images.retention import Verdict

COLUMNS = ("NAME", "ARCH", "CHANNEL", "STATUS", "AGE", "SIZE", "ID")


def row(image: Image, now: float) -> tuple[str, ...]:
    """Return the image as a row under ``COLUMNS``."""
    status = f"{image.status} {image.progress}" if image.status == "Creating" else image.status
    size = f"{image.size_gib} GiB"
    return (
        image.name,
        image.architecture,
        channel(image),
        status,
        age(image.creation_time, now),
        size,
        image.image_id,
    )


HISTORY_COLUMNS = ("VERSION", "CHANNEL", "STATUS", "AGE", "SIZE", "HASH", "SOURCE", "IN USE", "PRUNE")


def history_row(lineage: Lineage, verdict: Verdict, instances: int, now: float) -> tuple[str, ...]:
    """Return a version as a row under ``HISTORY_COLUMNS``; ``instances`` is how many run from it."""
    image = verdict.image
    return (
        lineage.version_name(image),
        channel(image),
        image.status,
        age(image.creation_time, now),
        f"{image.size_gib} GiB",
        VERSION_HASH.read(image.tags)[:12],
        SOURCE.read(image.tags),
        str(instances or ""),
        verdict_words(verdict),
    )


def verdict_words(verdict: Verdict, deletion: str = "would delete") -> str:
    """Return what a prune would do (or, depending on ``deletion``, did) with an image, and why."""
    return f"{'keep' if verdict.keep else deletion}: {verdict.reason}"


def channel(image: Image) -> str:
    """Return the channel that shows the image, by its alias or its tag; empty: none.

    The guide's builder leaves the tag on every version that it has ever made.
    """
    published = parse_published(image.name)
    if published and not published.is_version and image.status == "Available":
        return published.suffix
    return LATEST if IS_LATEST.matches(image.tags) and not is_from_guide(image) else ""


def age(creation_time: str, now: float) -> str:
    """Return how long ago that was, in the largest whole unit."""
    return format_duration(now - parse_moment(creation_time))
