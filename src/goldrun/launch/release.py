"""Deletes instances, and polls until they are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import IDS_A_CALL, delete_instances, describe_instances, is_missing, is_passing
from goldrun.errors import EXIT_UNAVAILABLE, GoldrunError, UnavailableError
from goldrun.launch.lifetime import often
from goldrun.waiting import watch

GONE_SECONDS = 300.0


@dataclass(frozen=True)
class Released:
    """What became of instances that were to be deleted; all others of them are gone.

    Attributes:
        missing: those that were not there in the first place.
        kept: those that are still there, each with its own reason.
    """

    missing: tuple[str, ...]
    kept: Mapping[str, GoldrunError]


def release_each(client: EcsClient, ids: Iterable[str]) -> Released:
    """Delete instances, running or not, and poll until the cloud no longer has them.

    One that cannot be deleted does not keep the others. The deletion comes before the first look: an instance created
    a moment ago may not be seen yet.

    Raises:
        GoldrunError: the cloud cannot be asked what is still there.
    """
    left = list(dict.fromkeys(ids))
    wanted = left  # not asked for yet, or refused for a reason that passes
    missing: list[str] | None = None
    refusals: dict[str, GoldrunError] = {}
    kept: dict[str, GoldrunError] = {}

    def look() -> bool | None:
        nonlocal left, wanted, missing, refusals
        refusals = {}
        for start in range(0, len(wanted), IDS_A_CALL):
            refusals |= _delete(client, wanted[start : start + IDS_A_CALL])
        there = {one.id for one in describe_instances(client, ids=left)} if left else set()
        if missing is None:
            missing = [one for one, error in refusals.items() if one not in there and is_missing(error)]
        kept.update({one: error for one, error in refusals.items() if one in there and not is_passing(error)})
        left = [one for one in left if one in there and one not in kept]
        wanted = [one for one in left if one in refusals]
        return True if not left else None

    if watch(client.clock, look, seconds=GONE_SECONDS, often=often) is None:
        late = UnavailableError(
            f"{', '.join(left)} was deleted but is still there after {GONE_SECONDS:.0f} s.",
            fix=["run the same command again."],
        )
        kept |= {one: refusals.get(one, late) for one in left}
    return Released(tuple(missing or ()), kept)


def release(client: EcsClient, ids: Iterable[str]) -> list[str]:
    """The same as ``release_each``, where all of them must go.

    Returns:
        Those that were not there in the first place.

    Raises:
        ApiError: ECS refuses to delete one; the others are gone.
        UnavailableError: one is still there after five minutes.
    """
    released = release_each(client, ids)
    if released.kept:
        error = next(iter(released.kept.values()))
        if len(released.kept) > 1:
            error.why = (*error.why, *(f"{one} is still there: {why.what}" for one, why in released.kept.items()))
        raise error
    return list(released.missing)


def _delete(client: EcsClient, batch: Sequence[str]) -> dict[str, GoldrunError]:
    """Request the deletion; returns which were refused, and why.

    ECS deletes all of a call's instances or none: a batch that is refused is halved until it is clear whom it is about.
    """
    try:
        delete_instances(client, batch)
    except (ApiError, UnavailableError) as error:
        if len(batch) == 1 or error.exit_code == EXIT_UNAVAILABLE:  # this is about the cloud, and not about one of them
            return dict.fromkeys(batch, error)
        middle = len(batch) // 2
        return _delete(client, batch[:middle]) | _delete(client, batch[middle:])
    return {}
