"""Delete an image and its snapshots, and see that they are gone.

An image's snapshots stay when it is deleted, and cost money. So they are tagged with the image's id first: a run that
dies in between leaves snapshots that say whose they were, and the next one finds them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from goldrun.cloud.client import EcsClient, Parameter
from goldrun.cloud.errors import AccessDeniedError, ApiError
from goldrun.cloud.images import ALL_STATUSES, describe_images
from goldrun.cloud.models import Image, Snapshot
from goldrun.cloud.paging import pages_by_token
from goldrun.cloud.tags import ARCHITECTURE, CHANNEL, FAMILY, IMAGE, IS_LATEST, OWNED, PROTECTED, to_api
from goldrun.errors import RefusedError, UnavailableError
from goldrun.images.naming import parse_published
from goldrun.waiting import at_least, wait_for

CONFIRM_SECONDS = 60.0
POLL_SECONDS = 2.0


def protection(image: Image) -> str:
    """Why the image must not be deleted, by whatever command; empty if it may."""
    name = parse_published(image.name)
    protections = (
        (name is not None and not name.is_version, "shown by a channel"),
        (IS_LATEST.matches(image.tags) or CHANNEL.key in image.tags, "tagged as a channel's"),
        (image.in_use, "in use by instances"),
        (PROTECTED.matches(image.tags), "protected"),
        (image.shared, "shared with other accounts"),
        (image.status in ("Creating", "Waiting"), "still being created"),
    )
    return next((reason for holds, reason in protections if holds), "")


def protect(client: EcsClient, image: Image, on: bool) -> None:
    """Let no command delete the image, or lift that."""
    resource: dict[str, Parameter] = {"ResourceType": "image", "ResourceId": [image.image_id]}
    if on:
        client.call("TagResources", {**resource, "Tag": to_api(PROTECTED.of())})
    else:
        client.call("UntagResources", {**resource, "TagKey": [PROTECTED.key]})


def remove(client: EcsClient, image: Image) -> None:
    """Delete an image that a person has named.

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
    "in use by instances": ["end the instances first: deleting it would break the reset of their disks."],
    "protected": ["goldrun image unprotect lifts that."],
    "shared with other accounts": ["take the sharing back first."],
    "still being created": ["wait until it is Available."],
}


def describe_snapshots(client: EcsClient, tags: Mapping[str, str], snapshot_id: str = "") -> list[Snapshot]:
    """All own snapshots that have the tags, or the one with that id if it has them."""
    params: dict[str, Parameter] = {
        "Tag": to_api(tags),
        "SnapshotIds": json.dumps([snapshot_id]) if snapshot_id else None,
    }
    return [
        Snapshot.from_api(element)
        for answer in pages_by_token(client, "DescribeSnapshots", params)
        for element in answer["Snapshots"]["Snapshot"]
    ]


def delete_image(client: EcsClient, image: Image) -> None:
    """Delete ``image``, then its snapshots; each is asked for again until it is gone.

    Never by force: ECS refuses while instances run from the image (their disks could not be reset any more) or while
    it is shared.

    Raises:
        ApiError: ECS refuses.
        UnavailableError: it is still there after a minute.
    """
    if image.snapshots:
        tags = {**OWNED, **IMAGE.of(image.image_id)}
        tags |= {key: image.tags[key] for key in (FAMILY.key, ARCHITECTURE.key) if key in image.tags}
        client.call(
            "TagResources",
            {
                "ResourceType": "snapshot",
                "ResourceId": list(image.snapshots),
                "Tag": to_api(tags),
            },
        )

    def there() -> bool:
        return bool(describe_images(client, image_id=image.image_id, status=ALL_STATUSES))

    _delete(client, "DeleteImage", {"ImageId": image.image_id}, there)
    _wait_until_gone(client, image.image_id, there)
    for snapshot_id in image.snapshots:
        try:
            delete_snapshot(client, snapshot_id)
        except ApiError as error:
            # Another image rests on it too: it goes with the last one.
            if error.code != "SnapshotCreatedImage":
                raise


def delete_snapshot(client: EcsClient, snapshot_id: str) -> None:
    """Delete a snapshot, and see that it is gone.

    Raises:
        ApiError: ECS refuses.
        UnavailableError: it is still there after a minute.
    """

    def there() -> bool:
        answer = client.call("DescribeSnapshots", {"SnapshotIds": f'["{snapshot_id}"]'})
        return bool(answer["Snapshots"]["Snapshot"])

    _delete(client, "DeleteSnapshot", {"SnapshotId": snapshot_id}, there)
    _wait_until_gone(client, snapshot_id, there)


def find_orphans(client: EcsClient, tags: Mapping[str, str] | None = None, *, snapshot_id: str = "") -> list[Snapshot]:
    """Snapshots that goldrun has marked as an image's, whose image is gone, and from which nothing else was made.

    Args:
        client: the cloud.
        tags: these alone that have the tags, too.
        snapshot_id: this one alone.
    """
    marked = [
        snapshot
        for snapshot in describe_snapshots(client, {**OWNED, **(tags or {})}, snapshot_id)
        if IMAGE.key in snapshot.tags and snapshot.usage == "none"
    ]
    # Usage says that no image rests on it; the image is asked for all the same: a wrong deletion cannot be undone.
    return [
        snapshot
        for snapshot in marked
        if not describe_images(client, image_id=IMAGE.read(snapshot.tags), status=ALL_STATUSES)
    ]


def _delete(client: EcsClient, action: str, params: Mapping[str, Parameter], there: Callable[[], bool]) -> None:
    """Call ``action``.

    When its answer is lost and it is repeated, what it deletes is gone, and with it the tag that a policy asks for:
    then it is denied, and only a look can tell.
    """
    try:
        client.call(action, params)
    except AccessDeniedError:
        if there():
            raise


def _wait_until_gone(client: EcsClient, what: str, there: Callable[[], bool]) -> None:
    wait_for(
        client.clock,
        lambda: not there() or None,
        seconds=CONFIRM_SECONDS,
        late=lambda elapsed: UnavailableError(
            f"{what} was deleted but is still there after {elapsed:.0f} s.", fix=["run the same command again."]
        ),
        often=at_least(POLL_SECONDS),
    )
