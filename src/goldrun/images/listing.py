"""How images are shown to people: as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goldrun.cloud.images import Image
from goldrun.cloud.moments import parse_moment
from goldrun.cloud.tags import IS_LATEST, SOURCE, VERSION_HASH
from goldrun.durations import format_duration
from goldrun.images.naming import LATEST, parse_published

if TYPE_CHECKING:
    from goldrun.images.lineage import Lineage
    from goldrun.images.retention import Verdict

COLUMNS = ("NAME", "ARCH", "CHANNEL", "STATUS", "AGE", "SIZE", "ID")


def row(image: Image, now: float) -> tuple[str, ...]:
    """The image as a row under ``COLUMNS``."""
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
    """A version as a row under ``HISTORY_COLUMNS``; ``instances`` run from it."""
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
    """What a prune would do or, where ``deletion`` says so, has done, and why."""
    return f"{'keep' if verdict.keep else deletion}: {verdict.reason}"


def channel(image: Image) -> str:
    """What shows the image: the channel of its alias, or of the tag that stands in for one."""
    published = parse_published(image.name)
    if published and not published.is_version and image.status == "Available":
        return published.suffix
    return LATEST if IS_LATEST.matches(image.tags) else ""


def age(creation_time: str, now: float) -> str:
    """How long ago, in the largest whole unit."""
    return format_duration(now - parse_moment(creation_time))
