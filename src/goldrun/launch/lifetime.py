"""How long instances live: from the call that creates them, by way of running, to their release time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError, LostError
from goldrun.cloud.instances import (
    MIN_LIFE_SECONDS,
    Instance,
    describe_instances,
    is_release_too_soon,
    set_release_time,
)
from goldrun.cloud.moments import format_moment
from goldrun.errors import RefusedError, UnavailableError
from goldrun.waiting import wait_for

T = TypeVar("T")


def release_time(now: float, seconds: float) -> str:
    """``AutoReleaseTime`` for a life of at least ``seconds`` from ``now``: ECS rounds down to the minute.

    Never less than ECS takes: 30 minutes.
    """
    moment = now + max(seconds, MIN_LIFE_SECONDS) + 59
    return format_moment(moment - moment % 60)


def with_release_time(client: EcsClient, seconds: float, call: Callable[[str], T]) -> T:
    """Make a call that has an ``AutoReleaseTime`` in it, ``seconds`` from now.

    ECS looks at it when the call gets through. That may be minutes later, as it was throttled: then 30 minutes are no
    longer 30 minutes ahead, and the call is repeated with a later moment.

    Args:
        client: the cloud.
        seconds: the life that is wanted.
        call: makes the call, given the moment.

    Raises:
        ApiError: ECS refuses.
    """
    while True:
        moment = release_time(client.clock.now(), seconds)
        try:
            return call(moment)
        except ApiError as error:
            later = release_time(client.clock.now(), seconds) > moment
            if not is_release_too_soon(error) or error.unsure or not later:
                raise


def wait_until_running(
    client: EcsClient, ids: Sequence[str], seconds: float, tell: Callable[[Sequence[Instance]], None] = lambda _: None
) -> list[Instance]:
    """Wait until all of them are Running.

    Args:
        client: the cloud.
        ids: the instances.
        seconds: how long at most.
        tell: receives what was seen, at every look.

    Raises:
        LostError: one was reclaimed or deleted.
        RefusedError: one was stopped.
        UnavailableError: they are not Running in time.
    """
    seen: set[str] = set()

    def look() -> list[Instance] | None:
        nonlocal seen
        found = describe_instances(client, ids=ids)
        tell(found)
        seen |= {one.id for one in found}
        if gone := seen - {one.id for one in found}:
            raise LostError(
                f"{', '.join(sorted(gone))} is gone.", why=["the market reclaimed it, or somebody deleted it."]
            )
        if stopped := [one for one in found if one.status in ("Stopping", "Stopped")]:
            raise RefusedError(
                f"{stopped[0].id} is {stopped[0].status}.", fix=[f"goldrun instance console {stopped[0].id}"]
            )
        return found if len(found) == len(set(ids)) and all(one.status == "Running" for one in found) else None

    return wait_for(
        client.clock,
        look,
        seconds=seconds,
        late=lambda elapsed: UnavailableError(
            f"{', '.join(ids)} did not run within {elapsed:.0f} s.",
            fix=[f"see what it says: goldrun instance console {ids[0]}"],
        ),
        often=often,
    )


def prolong(client: EcsClient, instance_id: str, seconds: float) -> str:
    """Let an instance live for that long from now on.

    Returns:
        When it is released.
    """

    def call(moment: str) -> str:
        set_release_time(client, instance_id, moment)
        return moment

    return with_release_time(client, seconds, call)


def often(elapsed: float) -> float:
    """Seconds until the next look at instances, ``elapsed`` seconds after the first."""
    return min(5.0, 1.0 + elapsed / 2)
