"""How images are shown: as rows for people, as objects for machines."""

from __future__ import annotations

from typing import Any

from goldrun.cloud.images import Image
from goldrun.cloud.moments import parse_moment
from goldrun.cloud.tags import IS_LATEST, SOURCE, VERSION_HASH
from goldrun.durations import format_duration
from goldrun.images.lineage import Lineage
from goldrun.images.naming import LATEST, parse_published
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


def history_json(lineage: Lineage, verdict: Verdict, instances: int) -> dict[str, Any]:
    """A version as an object."""
    return {
        "version": lineage.version_name(verdict.image),
        **as_json(verdict.image),
        "instances": instances,
        "keep": verdict.keep,
        "reason": verdict.reason,
    }


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


def as_json(image: Image) -> dict[str, Any]:
    """The image as an object whose keys are kept from release to release."""
    return {
        "image_id": image.image_id,
        "image_name": image.name,
        "architecture": image.architecture,
        "status": image.status,
        "progress": image.progress,
        "channel": channel(image),
        "creation_time": image.creation_time,
        "image_family": image.family,
        "description": image.description,
        "size_gib": image.size_gib,
        "os_name": image.os_name,
        "owner": image.owner,
        "in_use": image.in_use,
        "shared": image.shared,
        "snapshots": list(image.snapshots),
        "tags": dict(image.tags),
    }
