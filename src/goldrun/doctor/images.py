"""The image of instances: whether it is there, what it allows, and how long GitHub takes its runner."""

from __future__ import annotations

from collections.abc import Iterator

from goldrun.cloud.images import set_imds
from goldrun.doctor.finding import BROKEN, GOOD, UNKNOWN, WARNING, CheckContext, Finding, broken
from goldrun.errors import NotFoundError, UsageError
from goldrun.github.runners import find_end
from goldrun.images.manifest import from_tags
from goldrun.runners.versions import REBUILD, version_in

DAY = 86_400.0
SOON_DAYS = 7


def check_image(context: CheckContext) -> Iterator[Finding]:
    """Whether the image is found, and can be booted as instances are."""
    if not context.image:
        yield Finding("image", UNKNOWN, "no image is named.", "", "name one: --image, --arch")
        return
    try:
        image = context.found_image
    except (NotFoundError, UsageError) as error:
        yield broken("image", error, "no instance can be launched from it.")
        return
    if image.imds == "v1":
        ours = image.owner == "self"
        yield Finding(
            "image",
            BROKEN,
            f"the metadata service of {image.name} answers without a token (ImdsSupport v1).",
            "instances are refused, unless they let every job read the role's keys (--metadata-tokens optional).",
            f"aliyun ecs ModifyImageAttribute --ImageId {image.image_id} --Features.ImdsSupport v2",
            repair=(lambda: set_imds(context.client, image.image_id)) if ours else None,
        )
    else:
        yield Finding("image", GOOD, f"{image.name} ({image.image_id}).")


def check_runner(context: CheckContext) -> Iterator[Finding]:
    """Until when GitHub registers the runner in the image, and gives it jobs."""
    if not context.image:
        return
    version = version_in(from_tags(context.found_image.tags))
    if not version:
        yield Finding("runner", UNKNOWN, "the image does not say which version of the runner it has.", "", REBUILD)
        return
    if context.github is None or context.scope is None:
        yield Finding(
            "runner", UNKNOWN, f"the image has version {version} of the runner.", "", "goldrun doctor --repo OWNER/NAME"
        )
        return
    end = find_end(context.github, context.scope, version)
    ends = [moment for moment in (end.registration, end.runtime) if moment is not None] if end else []
    now = context.client.clock.now()
    if ends and min(ends) <= now:
        yield Finding(
            "runner",
            BROKEN,
            f"GitHub no longer accepts version {version} of the runner.",
            "its jobs wait for ever.",
            REBUILD,
        )
    elif ends and min(ends) <= now + SOON_DAYS * DAY:
        days = (min(ends) - now) / DAY
        yield Finding(
            "runner",
            WARNING,
            f"GitHub accepts version {version} of the runner for {days:.1f} more days.",
            "then jobs wait for ever.",
            REBUILD,
        )
    else:
        yield Finding("runner", GOOD, f"GitHub accepts version {version} of the runner.")
