"""The lifetime of instances: from the call that creates them, through Running, to their release time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import ApiError, gone
from goldrun.cloud.instances import (
    MIN_LIFE_SECONDS,
    Instance,
    describe_instances,
    is_release_too_soon,
    set_release_time,
)
from goldrun.cloud.moments import format_moment
from goldrun.errors import GoldrunError, NotFoundError, RefusedError, UnavailableError
from goldrun.waiting import LAG_SECONDS, wait_for, watch

T = TypeVar("T")


def release_time(now: float, seconds: float) -> str:
    """Return the ``AutoReleaseTime`` at least ``seconds`` after ``now``: ECS rounds down to the minute.

    It is never less than 30 minutes ahead, the minimum of ECS.
    """
    moment = now + max(seconds, MIN_LIFE_SECONDS) + 59
    return format_moment(moment - moment % 60)


def with_release_time(client: EcsClient, seconds: float, call: Callable[[str], T]) -> T:
    """Make a call that has an ``AutoReleaseTime``, ``seconds`` from now.

    ECS checks it when the call succeeds. After throttling that may be minutes later, when the time is less than 30
    minutes ahead: then the call is repeated with a later time.

    Args:
        client: the cloud.
        seconds: the lifetime.
        call: makes the call, given the ``AutoReleaseTime``.

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


def wait_until_running(client: EcsClient, ids: Sequence[str], seconds: float) -> list[Instance]:
    """Wait until all instances are Running.

    Args:
        client: the cloud.
        ids: the instances.
        seconds: time limit.

    Raises:
        LostError: an instance was reclaimed or deleted.
        RefusedError: an instance was stopped.
        NotFoundError: an instance was never listed.
        UnavailableError: they are not Running in time.
    """
    seen: set[str] = set()
    waiting: list[str] = []

    def look() -> list[Instance] | None:
        nonlocal seen, waiting
        found = describe_instances(client, ids=ids)
        ids_found = {instance.id for instance in found}
        seen |= ids_found
        if missing := seen - ids_found:
            raise gone(*sorted(missing))
        if stopped := [instance for instance in found if instance.status in ("Stopping", "Stopped")]:
            raise RefusedError(
                f"{stopped[0].id} is {stopped[0].status}.", fix=[f"goldrun instance console {stopped[0].id}"]
            )
        running = {instance.id for instance in found if instance.status == "Running"}
        waiting = [one for one in ids if one not in running]
        return None if waiting else found

    def late(elapsed: float) -> GoldrunError:
        if never := set(ids) - seen:
            return _not_found(client, never)
        return UnavailableError(
            f"{', '.join(waiting)} was not Running within {elapsed:.0f} s.",
            fix=[f"read its console: goldrun instance console {waiting[0]}"],
        )

    return wait_for(client.clock, look, seconds=seconds, late=late, often=often)


def require_listed(client: EcsClient, ids: Sequence[str], report: Callable[[str], None]) -> None:
    """Check that instances exist. What was created moments ago may not be listed yet (``LAG_SECONDS``).

    Raises:
        NotFoundError: one is not listed after that time.
    """
    missing: set[str] = set()

    def look() -> bool | None:
        nonlocal missing
        before = missing
        missing = {*ids} - {instance.id for instance in describe_instances(client, ids=ids)}
        if missing and not before:
            report(f"{', '.join(sorted(missing))} is not listed; looking for another {LAG_SECONDS:.0f} s.")
        return not missing or None

    if watch(client.clock, look, seconds=LAG_SECONDS, often=often) is None:
        raise _not_found(client, missing)


def prolong(client: EcsClient, instance_id: str, seconds: float) -> str:
    """Set the release time of an instance to that many seconds from now, and return it."""

    def call(moment: str) -> str:
        set_release_time(client, instance_id, moment)
        return moment

    return with_release_time(client, seconds, call)


def often(elapsed: float) -> float:
    """Return seconds until the next look at instances, ``elapsed`` seconds after the first."""
    return min(5.0, 1.0 + elapsed / 2)


def _not_found(client: EcsClient, ids: Iterable[str]) -> NotFoundError:
    return NotFoundError(
        f"Instance not found: {', '.join(sorted(ids))} in {client.region}.",
        fix=["list the instances: goldrun instance ls", "another region: --region"],
    )
