"""Decides which versions stay, and why, and deletes the rest.

The newest N versions of a lineage stay, the published one counted. Every other version that may be needed stays too,
and every image is reported with its reason, so that the plan can be read before it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.images import ALL_STATUSES, AVAILABLE, DEPRECATED, UNFINISHED, Image, describe_images, why_kept
from goldrun.cloud.moments import parse_moment
from goldrun.cloud.snapshots import Snapshot
from goldrun.cloud.tags import ARCHITECTURE, FAMILY, MANAGED_BY, OWNED, STAGE
from goldrun.images.age import age_key, newest_first
from goldrun.images.lineage import Lineage, has_passed, is_from_guide, read_lineage
from goldrun.images.naming import STAGE_PREFIX, PublishedName, parse_published
from goldrun.images.removal import (
    ProtectedError,
    delete_image,
    delete_orphans,
    find_orphan_snapshots,
    protection,
)


@dataclass(frozen=True)
class Verdict:
    """An image, whether it stays, and why."""

    image: Image
    keep: bool
    reason: str


@dataclass(frozen=True)
class Pruned:
    """What a prune did or, in a dry run, would do.

    Attributes:
        verdicts: the images.
        orphans: snapshots whose image was deleted.
        carried_out: whether this was done; False: it is only the plan.
    """

    verdicts: tuple[Verdict, ...]
    orphans: tuple[Snapshot, ...]
    carried_out: bool = False


def judge(lineage: Lineage, *, keep: int, now: float, older_than: float = 0.0) -> list[Verdict]:
    """Return a verdict on every image of the lineage, newest first.

    Args:
        lineage: the images.
        keep: number of versions that stay, the published one counted; at least 1.
        now: seconds since 1970.
        older_than: seconds; younger images always stay.
    """
    current = lineage.current()
    left = keep - (1 if current else 0)
    verdicts = []
    for image in lineage.versions():
        reason = protection(image) or _foreign(image)
        if not reason and current and age_key(image) > age_key(current) and image.status != DEPRECATED:
            reason = "newer than what is published"
        if not reason and image is current:
            reason = "found by look-ups"
        # What has not passed is nothing to go back to; before the first publish it may be about to.
        counts = not current or (age_key(image) < age_key(current) and has_passed(image))
        if counts and image.status == AVAILABLE and left > 0:
            left -= 1
            reason = reason or f"one of the newest {keep}"
        if not reason and now - parse_moment(image.creation_time) < older_than:
            reason = "not old enough"
        verdicts.append(Verdict(image, bool(reason), reason or _why_deleted(image, keep)))
    return verdicts


def _why_deleted(image: Image, keep: int) -> str:
    if image.status == DEPRECATED:
        return "rolled back"
    return f"beyond the newest {keep}" if has_passed(image) else "it has not passed its boot test"


def judge_stages(
    stages: Iterable[Image], *, now: float, older_than: float, wanted: Container[str] | None
) -> list[Verdict]:
    """Return a verdict on every stage of the lineage, newest first.

    Args:
        stages: the images.
        now: seconds since 1970.
        older_than: seconds; younger ones always stay.
        wanted: the values of the tag ``Stage`` that the recipe makes now; None: unknown, and the newest of each number
            of steps stays.
    """
    verdicts: list[Verdict] = []
    seen: set[str] = set()
    for image in newest_first(stages):
        content = STAGE.read(image.tags)
        place = content if wanted is not None else content.partition(" ")[0]
        reason = protection(image)
        is_usable = image.status in (AVAILABLE, *UNFINISHED)
        if not reason and is_usable and place not in seen and (wanted is None or content in wanted):
            reason = "the newest stage of its steps"
        if not reason and now - parse_moment(image.creation_time) < older_than:
            reason = "not old enough"
        if is_usable:
            seen.add(place)
        verdicts.append(Verdict(image, bool(reason), reason or "a stage that is no longer used"))
    return verdicts


def prune(
    client: EcsClient,
    alias: PublishedName,
    *,
    keep: int,
    older_than: float = 0.0,
    dry_run: bool = False,
    stages: Container[str] | None = None,
    allow: Callable[[Pruned], bool] = lambda _: True,
) -> Pruned:
    """Delete the versions that need not stay, with their snapshots, and the snapshots of interrupted runs.

    Args:
        client: the cloud.
        alias: any alias of the lineage.
        keep: number of versions that stay.
        older_than: seconds; younger versions stay.
        dry_run: whether to only report the plan.
        stages: see ``judge_stages``.
        allow: receives the plan, and returns whether it may be carried out.

    Returns:
        What was done: an image that ECS refused to delete is reported as kept.

    Raises:
        ApiError: the API refused another call.
    """
    lineage = read_lineage(client, alias)
    now, tags = client.clock.now(), {**FAMILY.of(alias.family), **ARCHITECTURE.of(alias.architecture)}
    verdicts = judge(lineage, keep=keep, now=now, older_than=older_than)
    made = [
        image
        for image in describe_images(client, name=STAGE_PREFIX, tags={**OWNED, **tags}, status=ALL_STATUSES)
        if STAGE.key in image.tags
    ]
    verdicts += judge_stages(made, now=now, older_than=older_than, wanted=stages)
    orphans = find_orphan_snapshots(client, tags)
    planned = Pruned(tuple(verdicts), tuple(orphans))
    if dry_run or not allow(planned):
        return planned
    done = [verdict if verdict.keep else _delete(client, verdict) for verdict in verdicts]
    return Pruned(tuple(done), tuple(delete_orphans(client, orphans)), carried_out=True)


def prune_all(
    client: EcsClient,
    aliases: Iterable[PublishedName],
    *,
    keep: int,
    older_than: float,
    all_orphans: bool,
    dry_run: bool,
    allow: Callable[[Pruned], bool],
) -> list[Pruned]:
    """Prune several lineages in turn; once ``allow`` declines, the rest is only planned.

    Args:
        client: see ``prune``.
        aliases: one alias of each lineage.
        keep: see ``prune``.
        older_than: see ``prune``.
        all_orphans: whether to delete the orphaned snapshots of every family too.
        dry_run: see ``prune``.
        allow: see ``prune``; called for each lineage, and for the snapshots of every family.

    Returns:
        What was done, or is only planned, for each lineage; then for the other snapshots.

    Raises:
        ApiError: see ``prune``.
    """
    pruned: list[Pruned] = []
    going = not dry_run
    for alias in aliases:
        done = prune(client, alias, keep=keep, older_than=older_than, dry_run=not going, allow=allow)
        going = going and done.carried_out
        pruned.append(done)
    if all_orphans:
        known = {snapshot.snapshot_id for done in pruned for snapshot in done.orphans}
        left = tuple(one for one in find_orphan_snapshots(client) if one.snapshot_id not in known)
        going = going and allow(Pruned((), left))
        pruned.append(Pruned((), tuple(delete_orphans(client, left)) if going else left, carried_out=going))
    return pruned


def _delete(client: EcsClient, verdict: Verdict) -> Verdict:
    try:
        delete_image(client, verdict.image)
    except ProtectedError as error:
        return Verdict(verdict.image, keep=True, reason=error.reason)
    except ApiError as error:
        # What ECS reports is newer than what we read.
        if not (reason := why_kept(error)):
            raise
        return Verdict(verdict.image, keep=True, reason=reason)
    return verdict


def _foreign(image: Image) -> str:
    """Return why a prune leaves the image alone; empty: it is a version that goldrun or the guide's builder made."""
    name = parse_published(image.name)
    if name is None or not name.is_version:
        return "not a version"
    return "" if MANAGED_BY.matches(image.tags) or is_from_guide(image) else "not made by goldrun"
