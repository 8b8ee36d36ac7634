"""The steps that move a channel to another version: what is missing, from what was read. Nothing is called here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from goldrun.cloud import tagging
from goldrun.cloud.client import Call
from goldrun.cloud.images import AVAILABLE, DEPRECATED, Image, modification
from goldrun.cloud.moments import format_moment
from goldrun.cloud.tags import CHANNEL, MOST_TAGS, RESTORED
from goldrun.images.age import age_key, newest_first
from goldrun.images.lineage import Lineage, is_tagged_since
from goldrun.images.lookup import channel_tag

MAX_STEPS = 60
RESTORING_SECONDS = 900.0  # a roll-back that began earlier was interrupted


@dataclass(frozen=True)
class Intent:
    """What a channel shall show, and what this run has done for it.

    Attributes:
        goal: the id of the image.
        bad: the id of the version that is rolled back; empty: none.
        force: whether to show the goal although images that were tagged at the start are newer.
        known: the ids of those images.
        began: when, in seconds since 1970.
        untagged: the ids of images from which this run removed the channel's tag; one that has it again was tagged by
            another run.
        tagged: the ids of images that this run gave the channel's tag.
    """

    goal: str
    bad: str = ""
    force: bool = False
    known: frozenset[str] = frozenset()
    began: float = 0.0
    untagged: frozenset[str] = frozenset()
    tagged: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Step:
    """One call, its description, and how it changes the image, for a dry run.

    Attributes:
        untags: whether it removes the channel's tag from the image.
        tags: whether it gives the image the channel's tag.
    """

    image: Image
    words: str
    call: Call
    change: dict[str, Any]
    untags: bool = False
    tags: bool = False


def plan(lineage: Lineage, intent: Intent) -> list[Step]:
    """Return the steps that are taken if nothing else changes the lineage meanwhile."""
    steps: list[Step] = []
    while len(steps) < MAX_STEPS and (step := next_step(lineage, intent)):
        steps.append(step)
        changed = step.image._replace(**step.change)
        lineage = replace(lineage, images={**lineage.images, changed.image_id: changed})
    return steps


def next_step(lineage: Lineage, intent: Intent) -> Step | None:
    """Return the first step missing until the channel shows the goal; None: nothing is missing, or it cannot be."""
    goal = goal_of(lineage, intent)
    return next(_missing_steps(lineage, goal, intent), None) if goal.status == AVAILABLE else None


def goal_of(lineage: Lineage, intent: Intent) -> Image:
    """Return the image to show: the requested one, or a newer one that another run is publishing.

    When forced, the latter counts only if it was tagged after this run began. If the requested one has been rolled back
    meanwhile, it is what the roll-back chose: a call of this run may have come in between.
    """
    goal = lineage.images[intent.goal]
    wanted = [goal] if goal.status == AVAILABLE else []
    known = intent.known if intent.force and wanted else frozenset()
    rivals = [image for image in lineage.tagged() if image.status == AVAILABLE and image.image_id not in known]
    return newest_first([*wanted, *rivals] or [goal])[0]


def _missing_steps(lineage: Lineage, goal: Image, intent: Intent) -> Iterator[Step]:
    others = [image for image in lineage.versions() if image.image_id != goal.image_id]
    tagged = {image.image_id for image in lineage.tagged()}
    if not is_tagged(lineage, goal, intent):
        yield tag_step(lineage, goal, intent)
    for image in others:
        if image.image_id == intent.bad and image.status != DEPRECATED:
            # A publish may not have got as far as its family, by which the next roll-back knows it.
            family = {} if image.family == lineage.image_family else {"family": lineage.image_family}
            yield _modify(image, f"deprecate {image.image_id}: it is rolled back", status=DEPRECATED, **family)
        if image.image_id in tagged and age_key(image) > age_key(goal):
            yield untag_step(lineage, image)
    shown = lineage.shown()
    if shown and shown.image_id != goal.image_id:
        name = lineage.version_name(shown)
        yield _modify(shown, f"rename {shown.image_id} from {shown.name} to {name}", name=name)
    if goal.name != str(lineage.alias) or goal.family != lineage.image_family:
        words = f"show {goal.image_id} as {lineage.alias}"
        yield _modify(goal, words, name=str(lineage.alias), family=lineage.image_family)
    for image in others:
        if image.image_id in tagged - intent.untagged and not _is_restored_by_another(image, intent):
            yield untag_step(lineage, image)
        if image.family == lineage.image_family and image.status == AVAILABLE and _is_created_later(image, goal):
            # RunInstances --ImageFamily takes the one that was created last, which must be the one that is shown; a
            # copy may have been created later than that of a newer version.
            words = f"remove {image.image_id} from the family: it is newer than what is shown"
            # Not a channel's, whose names have no hyphen; nor longer than a version's name, as a channel's may get.
            yield _modify(image, words, family=f"{lineage.name}-not-shown")
    if RESTORED.key in goal.tags:
        yield _remove_tags(goal, f"remove the tag {RESTORED.key} from {goal.image_id}: it is shown", [RESTORED.key])


def _is_created_later(image: Image, goal: Image) -> bool:
    return (image.creation_time, age_key(image)) > (goal.creation_time, age_key(goal))


def _channel_tags(lineage: Lineage) -> dict[str, str]:
    return {**CHANNEL.of(lineage.channel), **channel_tag(lineage.channel)}


def has_channel_tags(lineage: Lineage, image: Image) -> bool:
    """Return whether the image has the channel's tags."""
    return _channel_tags(lineage).items() <= image.tags.items()


def is_tagged(lineage: Lineage, goal: Image, intent: Intent) -> bool:
    """Return whether the goal has the channel's tags; an older one that is not shown yet also says since when."""
    said = _is_restored(goal, intent) or not _needs_restored_tag(lineage, goal, intent)
    return has_channel_tags(lineage, goal) and said


def _needs_restored_tag(lineage: Lineage, goal: Image, intent: Intent) -> bool:
    """Return whether the goal of a roll-back needs its tag, and has room for it."""
    whole = {**goal.tags, **_channel_tags(lineage), RESTORED.key: ""}
    return intent.force and not is_moved(lineage, goal, intent) and len(whole) <= MOST_TAGS


def is_moved(lineage: Lineage, goal: Image, intent: Intent) -> bool:
    """Return whether the goal has the alias, by this run: a read that lags behind may show that it had it before."""
    bad = lineage.images.get(intent.bad)
    return goal.name == str(lineage.alias) and (bad is None or bad.status == DEPRECATED)


def may_be_tagged_by_another_run(lineage: Lineage, goal: Image, intent: Intent) -> bool:
    """Return whether a roll-back's goal has tags from another run, which may take them off.

    It had them before, or a read shows them and this run has not written them.
    """
    ours = goal.image_id in intent.tagged - intent.known
    return intent.force and not ours and not is_moved(lineage, goal, intent)


def remember(intent: Intent, step: Step) -> Intent:
    """Return the intent after a step."""
    image = frozenset({step.image.image_id})
    untagged = intent.untagged | image if step.untags else intent.untagged
    return replace(intent, untagged=untagged, tagged=intent.tagged | image if step.tags else intent.tagged)


def _is_restored(image: Image, intent: Intent) -> bool:
    """Return whether somebody rolls back to the image at this moment."""
    return is_tagged_since(image, RESTORED, intent.began - RESTORING_SECONDS)


def _is_restored_by_another(image: Image, intent: Intent) -> bool:
    """Return whether somebody else rolls back to the image: the tag that this run wrote may have replaced another's."""
    own = RESTORED.read(image.tags) == format_moment(intent.began) and image.image_id in intent.tagged - intent.known
    return _is_restored(image, intent) and not own


def tag_step(lineage: Lineage, goal: Image, intent: Intent) -> Step:
    """Return the step that gives the goal the channel's tags; that of a roll-back also says since when."""
    said = RESTORED.of(format_moment(intent.began)) if _needs_restored_tag(lineage, goal, intent) else {}
    tags = {**_channel_tags(lineage), **said}
    return Step(
        goal,
        f"tag {goal.image_id} as {lineage.channel}",
        tagging.tagging("image", [goal.image_id], tags),
        {"tags": {**goal.tags, **tags}},
        tags=True,
    )


def untag_step(lineage: Lineage, image: Image) -> Step:
    """Return the step that takes the channel's tags off an image."""
    wanted = _channel_tags(lineage)
    keys = [name for name in wanted if image.tags.get(name) == wanted[name]]
    keys += [RESTORED.key] if RESTORED.key in image.tags else []
    step = _remove_tags(image, f"remove the tag {lineage.channel} from {image.image_id}", keys)
    return replace(step, untags=True)


def _remove_tags(image: Image, words: str, keys: Sequence[str]) -> Step:
    left = {key: value for key, value in image.tags.items() if key not in keys}
    return Step(image, words, tagging.untagging("image", [image.image_id], keys), {"tags": left})


def _modify(image: Image, words: str, **change: str) -> Step:
    return Step(image, words, modification(image.image_id, **change), dict(change))
