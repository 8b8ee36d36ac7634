"""Deletes images and their snapshots, and confirms the deletion.

An image's snapshots stay when it is deleted, and cost money. So they are tagged with the image's id first: if a run is
interrupted, the next one finds them by that tag.

Meanwhile somebody may publish the image, or roll back to it. So a deletion tags the image first, and looks; a publish
tags it first, and looks: whoever writes second sees the other's tag, and gives way. A read counts when it shows what
was written just before, so that one that lags behind misleads nobody.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping

from goldrun.cloud import images, snapshots, tagging
from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import AccessDeniedError, ApiError
from goldrun.cloud.images import ALL_STATUSES, UNFINISHED, Image, describe_images
from goldrun.cloud.moments import format_moment
from goldrun.cloud.snapshots import Snapshot, describe_snapshots
from goldrun.cloud.tags import (
    ARCHITECTURE,
    CHANNEL,
    DELETING,
    FAMILY,
    IMAGE,
    IS_LATEST,
    MANAGED_BY,
    OWNED,
    PROTECTED,
    Tag,
)
from goldrun.errors import GoldrunError, RefusedError, UnavailableError
from goldrun.images.lineage import is_being_deleted, is_from_guide
from goldrun.images.naming import parse_published
from goldrun.waiting import LAG_SECONDS, at_least, wait_for

CONFIRM_SECONDS = 60.0
POLL_SECONDS = 2.0


class ProtectedError(RefusedError):
    """An image is not deleted: something protects it, maybe since it was read.

    Attributes:
        reason: what, as ``protection`` says it.
    """

    def __init__(self, image: Image, reason: str) -> None:
        super().__init__(f"{image.name} ({image.image_id}) is not deleted: it is {reason}.")
        self.reason = reason


def protection(image: Image) -> str:
    """Return why no command may delete the image; empty: it may be deleted."""
    name = parse_published(image.name)
    protections = (
        (name is not None and not name.is_version, "shown by a channel"),
        (CHANNEL.key in image.tags, "tagged as a channel's"),
        (IS_LATEST.matches(image.tags) and not is_from_guide(image), "tagged as a channel's"),
        (image.in_use, "in use by instances"),
        (PROTECTED.matches(image.tags), "protected"),
        (image.shared, "shared with other accounts"),
        (image.status in UNFINISHED, "still being created"),
    )
    return next((reason for holds, reason in protections if holds), "")


def protect(client: EcsClient, image: Image, on: bool) -> None:
    """Protect the image from deletion by any command, or end that (``on=False``).

    Raises:
        RefusedError: a deletion began before, and may not have seen the protection.
    """
    ids = [image.image_id]
    call = tagging.tagging("image", ids, PROTECTED.of()) if on else tagging.untagging("image", ids, [PROTECTED.key])
    call.make(client)
    if not on:
        return
    found = _read_tagged(client, image, PROTECTED)
    if found is None or is_being_deleted(found, client.clock.now()):
        raise RefusedError(
            f"{image.name} ({image.image_id}) is being deleted by somebody else.",
            fix=[
                f"it is protected from now on; look whether it is still there: goldrun image inspect {image.image_id}"
            ],
        )


def remove(client: EcsClient, image: Image) -> None:
    """Delete an image by a user's request.

    Raises:
        RefusedError: something protects it.
    """
    if reason := protection(image):
        raise RefusedError(
            f"{image.name} ({image.image_id}) is not deleted: it is {reason}.", fix=_RELEASES.get(reason, [])
        )
    delete_image(client, image)


_RELEASES = {
    "shown by a channel": ["publish another version first, or roll back."],
    "tagged as a channel's": ["publish another version first, or roll back."],
    "in use by instances": ["delete the instances first: without the image their disks cannot be reset."],
    "protected": ["unprotect it first: goldrun image unprotect"],
    "shared with other accounts": ["stop sharing it first: goldrun image unshare"],
    "still being created": ["wait until it is Available."],
}


def delete_image(client: EcsClient, image: Image) -> None:
    """Delete ``image``, then its snapshots unless a user protects them, and poll until they are gone.

    Never by force: ECS refuses while instances run from the image (their disks could not be reset any more) or while
    it is shared.

    Raises:
        ProtectedError: something protects it, maybe since ``image`` was read.
        ApiError: ECS refuses.
        UnavailableError: one of them still exists after a minute.
    """
    if image.snapshots:
        tags = {**OWNED, **IMAGE.of(image.image_id)}
        tags |= {key: image.tags[key] for key in (FAMILY.key, ARCHITECTURE.key) if key in image.tags}
        tagging.tag_existing(client, "snapshot", image.snapshots, tags)  # another prune may have deleted them
    _claim(client, image)

    def there() -> bool:
        return bool(describe_images(client, image_id=image.image_id, status=ALL_STATUSES))

    try:
        _delete(lambda: images.delete_image(client, image.image_id), there)
    except ApiError as error:
        if not error.unsure:  # else a roll-back would pass it over for minutes
            _release(client, image)
        raise
    _wait_until_gone(client, image.image_id, there)
    for snapshot_id in image.snapshots:
        try:
            if not _is_protected(client, snapshot_id):
                delete_snapshot(client, snapshot_id)
        except ApiError as error:
            # Another image consists of it too: it is deleted with the last one.
            if not snapshots.has_image(error):
                raise


def _is_protected(client: EcsClient, snapshot_id: str) -> bool:
    return any(PROTECTED.matches(found.tags) for found in describe_snapshots(client, snapshot_id=snapshot_id))


def _claim(client: EcsClient, image: Image) -> None:
    """Tag the image as one that is being deleted, and check once more that it may be.

    One that has no room for the tag has none for those of a channel either: no publish can have begun beside it.

    Raises:
        ProtectedError: it may not; it has no such tag any more.
    """
    ids, own = [image.image_id], OWNED if MANAGED_BY.matches(image.tags) else {}
    tagged = True
    try:
        tagging.tagging("image", ids, {**own, **DELETING.of(format_moment(client.clock.now()))}).make(client)
    except ApiError as error:
        if tagging.is_gone(error):
            return  # somebody else has deleted it; its snapshots are left
        if error.code != tagging.TOO_MANY_TAGS:
            raise
        tagged = False

    found = _read_tagged(client, image, DELETING if tagged else None)
    reason = protection(found) if found else ""
    if reason:
        _release(client, image)
        raise ProtectedError(image, reason)


def _release(client: EcsClient, image: Image) -> None:
    """Remove the tag of a deletion that does not take place; it counts for some minutes only, so it may stay."""
    with contextlib.suppress(GoldrunError):
        tagging.untagging("image", [image.image_id], [DELETING.key]).make(client)


def _read_tagged(client: EcsClient, image: Image, tag: Tag | None) -> Image | None:
    """Read an image until it shows a tag that it has just been given; None: it is gone.

    Raises:
        UnavailableError: it does not show it.
    """

    def look() -> list[Image] | None:
        found = describe_images(client, image_id=image.image_id, status=ALL_STATUSES)
        return found if not found or tag is None or tag.key in found[0].tags else None

    found = wait_for(
        client.clock,
        look,
        seconds=LAG_SECONDS,
        late=lambda elapsed: UnavailableError(
            f"{image.image_id} was tagged, and does not show it after {elapsed:.0f} s.", fix=["run the command again."]
        ),
    )
    return found[0] if found else None


def delete_snapshot(client: EcsClient, snapshot_id: str) -> None:
    """Delete a snapshot, and poll until it is gone.

    Raises:
        ApiError: ECS refuses.
        UnavailableError: it still exists after a minute.
    """

    def there() -> bool:
        return bool(describe_snapshots(client, snapshot_id=snapshot_id))

    _delete(lambda: snapshots.delete_snapshot(client, snapshot_id), there)
    _wait_until_gone(client, snapshot_id, there)


def delete_orphans(client: EcsClient, orphans: Iterable[Snapshot]) -> list[Snapshot]:
    """Look up each of ``find_orphan_snapshots`` again, and delete those that are still orphans.

    Returns:
        Those that are gone. A user may have protected one while the plan was shown.

    Raises:
        GoldrunError: see ``delete_snapshot``.
    """
    gone: list[Snapshot] = []
    for orphan in orphans:
        if find_orphan_snapshots(client, snapshot_id=orphan.snapshot_id):
            delete_snapshot(client, orphan.snapshot_id)
        elif describe_snapshots(client, snapshot_id=orphan.snapshot_id):
            continue
        gone.append(orphan)
    return gone


def find_orphan_snapshots(
    client: EcsClient, tags: Mapping[str, str] | None = None, *, snapshot_id: str = ""
) -> list[Snapshot]:
    """Return the snapshots that goldrun has tagged as an image's, if that image was deleted and nothing needs them.

    Args:
        client: the cloud.
        tags: only snapshots that have these tags too.
        snapshot_id: only this snapshot.
    """
    marked = [
        snapshot
        for snapshot in describe_snapshots(client, {**OWNED, **(tags or {})}, snapshot_id=snapshot_id)
        if IMAGE.key in snapshot.tags and snapshot.usage == "none" and not PROTECTED.matches(snapshot.tags)
    ]
    # Usage reports that no image consists of it; look the image up anyway, as a wrong deletion cannot be undone.
    return [
        snapshot
        for snapshot in marked
        if not describe_images(client, image_id=IMAGE.read(snapshot.tags), status=ALL_STATUSES)
    ]


def _delete(delete: Callable[[], None], there: Callable[[], bool]) -> None:
    """Make the deleting call.

    If its answer is lost and it is repeated, the resource no longer has the tag that a policy requires: the call is
    denied, so check whether the resource still exists.
    """
    try:
        delete()
    except AccessDeniedError:
        if there():
            raise


def _wait_until_gone(client: EcsClient, what: str, there: Callable[[], bool]) -> None:
    wait_for(
        client.clock,
        lambda: not there() or None,
        seconds=CONFIRM_SECONDS,
        late=lambda elapsed: UnavailableError(
            f"{what} was deleted but still exists after {elapsed:.0f} s.", fix=["run the same command again."]
        ),
        often=at_least(POLL_SECONDS),
    )
