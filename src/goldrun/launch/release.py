"""Deletes instances, and polls until they are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import IDS_A_CALL, delete_instances, describe_instances, is_missing, is_passing
from goldrun.errors import EXIT_UNAVAILABLE, GoldrunError, UnavailableError
from goldrun.launch.lifetime import often
from goldrun.waiting import Pause, watch

GONE_SECONDS = 300.0


@dataclass(frozen=True)
class Released:
    """The outcome of a deletion; all other instances of it are gone.

    Attributes:
        missing: the instances that did not exist in the first place.
        kept: the instances that still exist, each with its own reason.
    """

    missing: tuple[str, ...]
    kept: Mapping[str, GoldrunError]


def release_each(client: EcsClient, ids: Iterable[str], *, often: Pause = often) -> Released:
    """Delete instances, running or not, and poll until they are gone.

    An instance that cannot be deleted does not keep the others; one that cannot be at this moment is asked for again.
    The deletion comes before the first look: an instance created a moment ago may not be listed yet.

    Raises:
        GoldrunError: the remaining instances cannot be listed.
    """
    left = list(dict.fromkeys(ids))
    wanted = left  # not requested yet, or refused for a reason that passes
    missing: list[str] | None = None
    refusals: dict[str, GoldrunError] = {}
    kept: dict[str, GoldrunError] = {}

    def look() -> bool | None:
        nonlocal left, wanted, missing, refusals
        refusals = {}
        for start in range(0, len(wanted), IDS_A_CALL):
            refusals |= _delete(client, wanted[start : start + IDS_A_CALL])
        there = {instance.id for instance in describe_instances(client, ids=left)} if left else set()
        if missing is None:
            missing = [name for name, error in refusals.items() if name not in there and is_missing(error)]
        lasting = {name: error for name, error in refusals.items() if not (is_passing(error) or error.retryable)}
        kept.update({name: error for name, error in lasting.items() if name in there})
        left = [name for name in left if name in there and name not in kept]
        wanted = [name for name in left if name in refusals]
        return True if not left else None

    if watch(client.clock, look, seconds=GONE_SECONDS, often=often) is None:
        late = UnavailableError(
            f"{', '.join(left)} was deleted but still exists after {GONE_SECONDS:.0f} s.",
            fix=["run the same command again."],
        )
        kept |= {name: refusals.get(name, late) for name in left}
    return Released(tuple(missing or ()), kept)


def release(client: EcsClient, ids: Iterable[str], *, often: Pause = often) -> list[str]:
    """Do the same as ``release_each``, but raise an error if an instance still exists.

    Returns:
        The instances that did not exist in the first place.

    Raises:
        ApiError: ECS refuses to delete an instance; the others are gone.
        UnavailableError: an instance still exists after five minutes.
    """
    released = release_each(client, ids, often=often)
    if released.kept:
        error = next(iter(released.kept.values()))
        if len(released.kept) > 1:
            error.why = (*error.why, *(f"{one} still exists: {why.what}" for one, why in released.kept.items()))
        raise error
    return list(released.missing)


def _delete(client: EcsClient, batch: Sequence[str]) -> dict[str, GoldrunError]:
    """Request the deletion, and return the refused instances with their errors.

    ECS deletes all of a call's instances or none, and does not name the one that it refuses. One that is gone is not
    listed: then the listed ones are deleted together, and each of the others by itself, because one that was created a
    moment ago is not listed either. Otherwise a refused batch is halved until it is clear which instance caused it.
    """
    try:
        delete_instances(client, batch)
    except (ApiError, UnavailableError) as error:
        if len(batch) == 1 or error.exit_code == EXIT_UNAVAILABLE:  # about the cloud, not about an instance
            return dict.fromkeys(batch, error)
        parts = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
        if is_missing(error):
            listed = {instance.id for instance in describe_instances(client, ids=batch)}
            unlisted = [[one] for one in batch if one not in listed]
            parts = [[one for one in batch if one in listed], *unlisted] if listed and unlisted else parts
        return {one: refusal for part in parts for one, refusal in _delete(client, part).items()}
    return {}
