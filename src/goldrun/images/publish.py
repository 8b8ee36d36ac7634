"""Moves a channel to another version so that a look-up of its name always succeeds: publish and roll back.

ECS refuses two images of one name, so the alias cannot be swapped in one call. The order (docs/decisions.md says why):

1. tag the goal as the channel's: from here on a look-up succeeds whatever happens. A goal that is older than what is
   shown gets the tag ``Restored`` too: it is why a publish beside it does not take the channel's tag off again;
2. if the goal is older than what is shown (roll back, ``--force``): deprecate the bad version, remove the tag from
   newer ones;
3. rename the image that has the alias to its version name;
4. give the goal the alias and the ``ImageFamily``, in one call;
5. remove the tag from the others, and newer ones from the family; ``Restored`` from the goal.

The plan is not executed as a whole: read the cloud, do the first missing step, read again, until nothing is missing.
So the next run completes an interrupted one, wherever it runs, and two publishers at once end with the newer build:
each reads again after its last step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.images import AVAILABLE, DEPRECATED, Image, is_missing, is_name_taken
from goldrun.cloud.tags import BOOT_TEST, HELD
from goldrun.errors import NotFoundError, RefusedError
from goldrun.images.age import age_key
from goldrun.images.lineage import Lineage, alias_of, find_own, has_passed, is_being_deleted, read_lineage
from goldrun.images.moving import (
    MAX_STEPS,
    Intent,
    Step,
    goal_of,
    has_channel_tags,
    is_tagged,
    may_be_tagged_by_another_run,
    next_step,
    plan,
    remember,
    tag_step,
    untag_step,
)
from goldrun.images.naming import LATEST, PublishedName, parse_published
from goldrun.waiting import watch

UNDERWAY_SECONDS = 25.0  # more than a call takes that another run has decided by a read that lags behind


def publish(
    client: EcsClient,
    text: str,
    *,
    channel: str = LATEST,
    force: bool = False,
    dry_run: bool = False,
    tested: bool = False,
    report: Callable[[list[str]], None] = lambda _: None,
) -> Image:
    """Publish the image that ``text`` names (an id or a version name) in ``channel``.

    Args:
        client: the cloud.
        text: the image.
        channel: the channel.
        force: whether to publish an older image, or one that has not passed its boot test.
        dry_run: whether to only report the plan.
        tested: whether the caller has seen the boot test pass: reads lag behind, so its tag may not be visible yet.
        report: receives the plan, a line per step.

    Returns:
        The image that the channel shows at the end: a newer one, if another run has published that meanwhile.

    Raises:
        NotFoundError: the image was not found.
        RefusedError: it is not Available, older than what is published, or what ``latest`` shows.
        UsageError: it belongs to no lineage, or its name has another architecture.
    """
    candidate = find_own(client, text)
    alias = alias_of(candidate, channel)
    lineage = read_lineage(client, alias)
    if candidate.image_id not in lineage.images:
        raise _gone(candidate.image_id)
    _check_candidate(lineage, candidate, force, tested)
    intent = Intent(candidate.image_id, force=force, known=_tagged_ids(lineage), began=client.clock.now())
    return _run(client, lineage, intent, dry_run, report)


def roll_back(
    client: EcsClient,
    alias: PublishedName,
    *,
    to: str = "",
    dry_run: bool = False,
    report: Callable[[list[str]], None] = lambda _: None,
) -> Image:
    """Move the channel back to the previous version, and deprecate the one that it shows.

    Args:
        client: the cloud.
        alias: the channel.
        to: the version (an id, a version name or its time stamp); empty: the previous version.
        dry_run: whether to only report the plan.
        report: receives the plan, a line per step.

    Raises:
        NotFoundError: the channel shows nothing, or has no previous version.
        RefusedError: the version cannot be shown, or the bad one cannot be deprecated.
    """
    lineage = read_lineage(client, alias)
    current = lineage.current()
    if current is None:
        raise NotFoundError(f"{alias} shows nothing: there is nothing to roll back.")
    goal = _target(lineage, current, to, client.clock.now())
    bad = lineage.shown() or current
    if bad is not goal and bad.shared:
        raise RefusedError(
            f"{bad.name} ({bad.image_id}) is shared with other accounts, and ECS does not deprecate shared images.",
            fix=[f"goldrun image unshare {bad.image_id} --account ID, then roll back."],
        )
    rolled_back = "" if bad is goal else bad.image_id
    intent = Intent(goal.image_id, rolled_back, force=True, known=_tagged_ids(lineage), began=client.clock.now())
    return _run(client, lineage, intent, dry_run, report)


def _tagged_ids(lineage: Lineage) -> frozenset[str]:
    return frozenset(image.image_id for image in lineage.tagged())


def _target(lineage: Lineage, current: Image, to: str, now: float) -> Image:
    """Return the version to roll back to."""
    in_latest = _shown_in_latest(lineage)
    if to:
        for image in lineage.versions():
            name = lineage.version_name(image)
            if to in (image.image_id, image.name, name, name.rpartition("-")[2]):
                if image.status != AVAILABLE:
                    raise RefusedError(f"{to} is {image.status}: it cannot be shown.")
                # What is shown already completes a roll-back.
                if image is not current and (refusal := _refusal(lineage, image, in_latest)):
                    raise refusal
                return image
        raise NotFoundError(
            f"{to} is not a version of {lineage.name}.", fix=[f"list them: goldrun image ls {lineage.name}- --all"]
        )
    if any(lineage.is_rolled_back(image) and age_key(image) > age_key(current) for image in lineage.versions()):
        return current  # perhaps it is incomplete: the same command must not roll back further. --to does
    older = [
        image
        for image in lineage.versions()
        if image.status == AVAILABLE
        and age_key(image) < age_key(current)
        and _has_version_name(image)
        and not is_being_deleted(image, now)
        and _refusal(lineage, image, in_latest) is None
    ]
    if not older:
        raise NotFoundError(
            f"{lineage.alias} has no older version to roll back to.",
            why=[f"it shows {lineage.version_name(current)}, and no older version is Available and tested."],
        )
    return older[0]


def _refusal(lineage: Lineage, image: Image, in_latest: str) -> RefusedError | None:
    """Return why a roll-back cannot show a version in this channel; None: it can. See ``_shown_in_latest``."""
    if image.architecture != lineage.alias.architecture:
        return RefusedError(
            f"{image.name} ({image.image_id}) cannot be shown.",
            why=[f"it is {image.architecture}, but its name says {lineage.alias.architecture}."],
        )
    if not has_passed(image):
        verdict = BOOT_TEST.read(image.tags)
        return RefusedError(
            f"{image.name} ({image.image_id}) has not passed its boot test: it is {verdict}.",
            fix=[
                "choose another version: --to VERSION",
                f"to show it anyway: goldrun image publish {image.image_id} --channel {lineage.channel} --force",
            ],
        )
    if image.image_id == in_latest:
        return RefusedError(
            f"{_latest(lineage)} shows {image.image_id}, and would show nothing: an image has one name.",
            fix=["choose another version: --to VERSION"],
        )
    return None


def _has_version_name(image: Image) -> bool:
    """Return whether the image has its version name: no channel shows it under an alias."""
    name = parse_published(image.name)
    return bool(name and name.is_version)


def require_passed(image: Image) -> None:
    """Check that the image may be published without force.

    Raises:
        RefusedError: it has not passed its boot test.
    """
    if not has_passed(image):
        verdict = BOOT_TEST.read(image.tags)
        raise RefusedError(
            f"{image.name} ({image.image_id}) has not passed its boot test: it is {verdict}.",
            why=["its scan holds it back."] if verdict == HELD else [],
            fix=["build it again: it is tested then; to publish it anyway: --force"],
        )


def _check_candidate(lineage: Lineage, candidate: Image, force: bool, tested: bool) -> None:
    if candidate.status != AVAILABLE:
        state = f"{candidate.status} ({candidate.progress})" if candidate.status == "Creating" else candidate.status
        raise RefusedError(
            f"{candidate.name} ({candidate.image_id}) is {state}: only Available images are published.",
            fix=["build a new version."] if candidate.status == DEPRECATED else ["wait until it is Available."],
        )
    if not force and not tested:
        require_passed(candidate)
    current = lineage.current()
    if current and age_key(current) > age_key(candidate) and not force:
        raise RefusedError(
            f"{candidate.name} is older than what {lineage.alias} shows ({lineage.version_name(current)}).",
            fix=["to roll back to it: goldrun image rollback; to publish it anyway: --force"],
        )
    if not force and candidate.image_id == _shown_in_latest(lineage):
        raise RefusedError(
            f"{_latest(lineage)} shows {candidate.image_id}, and would show nothing: an image has one name.",
            fix=[f"publish a newer version in {lineage.channel}; to publish this one anyway: --force"],
        )


def _shown_in_latest(lineage: Lineage) -> str:
    """Return the id of the image that ``latest`` shows, by its name or by its tag, if that is another channel."""
    shown = replace(lineage, alias=_latest(lineage)).current() if lineage.channel != LATEST else None
    return shown.image_id if shown else ""


def _latest(lineage: Lineage) -> PublishedName:
    return PublishedName(lineage.alias.family, lineage.alias.architecture, LATEST)


def _run(
    client: EcsClient, lineage: Lineage, intent: Intent, dry_run: bool, report: Callable[[list[str]], None]
) -> Image:
    report([*(step.words for step in plan(lineage, intent)), *_side_effects(lineage, intent)])
    if dry_run:
        return lineage.images[intent.goal]
    claimed: set[str] = set()
    for _ in range(MAX_STEPS):
        lineage = read_lineage(client, lineage.alias)
        if intent.goal not in lineage.images:
            raise _gone(intent.goal)
        goal = goal_of(lineage, intent)
        if goal.image_id not in claimed and is_tagged(lineage, goal, intent):
            claimed.add(goal.image_id)
            waits = may_be_tagged_by_another_run(lineage, goal, intent)
            if waits:
                chosen = tag_step(lineage, goal, intent)
                lineage = _tag_again(client, lineage, chosen)
                intent = remember(intent, chosen)
                goal = lineage.images.get(goal.image_id, goal)
            _require_kept(client, lineage, goal, intent)
            if waits:
                continue
        step = next_step(lineage, intent)
        if step is None:
            _require_available(lineage, lineage.images[intent.goal])
            return goal
        try:
            step.call.make(client, again=partial(_require_missing, client, lineage.alias, intent, step))
            intent = remember(intent, step)
        except _ChangedError as changed:
            if step.untags and changed.unsure:
                intent = remember(intent, step)
        except ApiError as error:
            # Another run changed something between our read and our step: read again.
            if not (is_name_taken(error) or is_missing(error)):
                raise
    raise RefusedError(
        f"{lineage.alias} did not settle within {MAX_STEPS} steps.",
        why=["other publishers keep changing it."],
        fix=["stop the other publishers (a `concurrency` group in the workflow), then run this again."],
    )


def _gone(image_id: str) -> NotFoundError:
    return NotFoundError(
        f"{image_id} was deleted or renamed meanwhile.", fix=[f"look at it: goldrun image inspect {image_id}"]
    )


class _ChangedError(Exception):
    """A call that failed is not repeated: meanwhile it is not what is missing.

    Attributes:
        unsure: it may have had its effect.
    """

    def __init__(self, *, unsure: bool) -> None:
        super().__init__()
        self.unsure = unsure


def _require_missing(client: EcsClient, alias: PublishedName, intent: Intent, step: Step, unsure: bool) -> None:
    """Decide again before a call is repeated: throttling can last for minutes, in which others continue.

    Tags that may have been taken off already are not taken off again by a read from before: somebody may roll back to
    the image by now.
    """

    def look() -> bool | None:
        lineage = read_lineage(client, alias)
        found = next_step(lineage, intent) if intent.goal in lineage.images else None
        return True if found is None or found.call != step.call else None

    if watch(client.clock, look, seconds=UNDERWAY_SECONDS if unsure and step.untags else 0.0):
        raise _ChangedError(unsure=unsure)


def _require_available(lineage: Lineage, goal: Image) -> None:
    """Say that the goal was rolled back while it was published.

    Raises:
        RefusedError: it was.
    """
    if goal.status != AVAILABLE:
        shown = lineage.current()
        raise RefusedError(
            f"{lineage.version_name(goal)} ({goal.image_id}) is {goal.status}: it was rolled back meanwhile.",
            why=[f"{lineage.alias} shows {shown.image_id}."] if shown else [],
            fix=["build a new version."],
        )


def _tag_again(client: EcsClient, lineage: Lineage, step: Step) -> Lineage:
    """Make the tags on the goal this run's, before anything moves: another run put them there, and may take them off.

    It may have decided that before it sees that they are wanted. So they are written at once, and again when such a
    call must have come: a read may show the tags of before it. Returns the lineage as it is then.
    """

    def look() -> bool | None:
        now = read_lineage(client, lineage.alias).images.get(step.image.image_id)
        return None if now and has_channel_tags(lineage, now) else True

    try:
        step.call.make(client)
        watch(client.clock, look, seconds=UNDERWAY_SECONDS)
        step.call.make(client)
    except ApiError as error:
        if not is_missing(error):
            raise
    return read_lineage(client, lineage.alias)


def _require_kept(client: EcsClient, lineage: Lineage, goal: Image, intent: Intent) -> None:
    """Give way to a deletion that began before the goal was tagged; see ``removal``. Nothing has moved yet.

    Raises:
        RefusedError: the goal is being deleted; it has no tag of this run any more.
    """
    shown = lineage.shown()
    # Without another image that answers, an earlier run has come further: then the deletion gives way.
    if shown is None or shown.image_id == goal.image_id or shown.status != AVAILABLE:
        return
    if not is_being_deleted(goal, client.clock.now()):
        return
    if goal.image_id not in intent.known:  # else the tag is another run's
        untag_step(lineage, goal).call.make(client)
    raise RefusedError(
        f"{goal.name} ({goal.image_id}) is being deleted by somebody else.",
        fix=["publish another version; if the deletion was interrupted, try again in a quarter of an hour."],
    )


def _side_effects(lineage: Lineage, intent: Intent) -> list[str]:
    """Return what follows from the plan without a step of its own."""
    name = parse_published(lineage.images[intent.goal].name)
    if name is None or name.is_version or name == lineage.alias:
        return []
    return [f"{name} shows nothing afterwards: an image has one name, and {intent.goal} leaves that channel"]
