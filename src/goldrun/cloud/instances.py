"""Instances that goldrun has made: find them, wait for them, prolong them, let them go and see that they are gone."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from goldrun.cloud.client import EcsClient, Parameter
from goldrun.cloud.errors import AccessDeniedError, ApiError, LostError
from goldrun.cloud.moments import format_moment, parse_moment
from goldrun.cloud.paging import pages_by_token
from goldrun.cloud.tags import from_api, to_api
from goldrun.errors import EXIT_UNAVAILABLE, GoldrunError, NotFoundError, RefusedError, UnavailableError, UsageError
from goldrun.waiting import wait_for, watch

IDS_A_CALL = 100
GONE_SECONDS = 300.0
T = TypeVar("T")
MIN_LIFE_SECONDS = 30 * 60.0
TOO_SOON = "InvalidAutoReleaseTime.Malformed"


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance.

    Attributes:
        id: ``i-…``.
        name: its name.
        status: Pending, Starting, Running, Stopping or Stopped.
        type: its instance type.
        zone: its zone.
        image_id: what it was made from.
        created: seconds since 1970.
        released: when it is released by itself; None: never.
        spot: whether it is a spot instance.
        limit: the most that an hour of it may cost; 0: no limit of its own.
        reclaimed: it has got notice that it will be taken back.
        private_ip: its address.
        public_ip: its address on the internet, or empty.
        tags: its tags.
    """

    id: str
    name: str
    status: str
    type: str
    zone: str
    image_id: str
    created: float
    released: float | None
    spot: bool
    limit: float
    reclaimed: bool
    private_ip: str
    public_ip: str
    tags: Mapping[str, str]

    @classmethod
    def from_api(cls, element: Mapping[str, Any]) -> Instance:
        """From an element of ``Instances.Instance`` of DescribeInstances."""
        addresses = element.get("VpcAttributes", {}).get("PrivateIpAddress", {}).get("IpAddress", [])
        public = element.get("PublicIpAddress", {}).get("IpAddress", [])
        locks = element.get("OperationLocks", {}).get("LockReason", [])
        released = str(element.get("AutoReleaseTime") or "")
        return cls(
            id=element["InstanceId"],
            name=str(element.get("InstanceName") or ""),
            status=element["Status"],
            type=str(element.get("InstanceType") or ""),
            zone=str(element.get("ZoneId") or ""),
            image_id=str(element.get("ImageId") or ""),
            created=parse_moment(element["CreationTime"]),
            released=parse_moment(released) if released else None,
            spot=element.get("SpotStrategy", "NoSpot") != "NoSpot",
            limit=float(element.get("SpotPriceLimit") or 0.0),
            reclaimed=any(one.get("LockReason") == "Recycling" for one in locks),
            private_ip=addresses[0] if addresses else "",
            public_ip=public[0] if public else "",
            tags=from_api(element),
        )


def check_id(text: str) -> str:
    """``text``, if it has the form of an instance's id: the API takes an empty one for "all", or for none.

    Raises:
        UsageError: it has not.
    """
    if text.startswith("i-") and text[2:].isascii() and text[2:].replace("-", "").isalnum():
        return text
    raise UsageError(
        f"{text!r} is not an instance's id.", fix=["ids look like i-bp67acfmxazb4p; list: goldrun instance ls"]
    )


def release_time(now: float, seconds: float) -> str:
    """``AutoReleaseTime`` for a life of at least ``seconds`` from ``now``: ECS rounds down to the minute.

    Never less than ECS takes: 30 minutes.
    """
    moment = now + max(seconds, MIN_LIFE_SECONDS) + 59
    return format_moment(moment - moment % 60)


def with_release_time(client: EcsClient, seconds: float, call: Callable[[str], T]) -> T:
    """Make a call that has an ``AutoReleaseTime`` in it, ``seconds`` from now.

    ECS looks at it when the call gets through. That may be minutes later, as it was throttled: then 30 minutes are no
    longer 30 minutes ahead, and the call is made anew with a later moment.

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
            if error.code != TOO_SOON or error.unsure or not later:
                raise


def describe_instances(
    client: EcsClient, *, ids: Sequence[str] = (), tags: Mapping[str, str] | None = None
) -> list[Instance]:
    """The account's instances that have these ids and tags, newest first.

    Source: DescribeInstances; it pages by token, and takes 100 ids a call.
    """
    found: list[Instance] = []
    for start in range(0, max(1, len(ids)), IDS_A_CALL):
        params: dict[str, Parameter] = {"Tag": to_api(tags or {})}
        if ids:
            params["InstanceIds"] = json.dumps(list(ids[start : start + IDS_A_CALL]))
        for answer in pages_by_token(client, "DescribeInstances", params):
            found += [Instance.from_api(element) for element in answer["Instances"]["Instance"]]
    return found


def find_instance(client: EcsClient, instance_id: str) -> Instance:
    """The instance of that id.

    Raises:
        NotFoundError: the account has none in the region.
    """
    found = describe_instances(client, ids=[instance_id])
    if not found:
        raise NotFoundError(
            f"Instance not found: {instance_id} in {client.region}.",
            fix=["list what there is: goldrun instance ls", "another region: --region"],
        )
    return found[0]


def wait_until_running(
    client: EcsClient, ids: Sequence[str], seconds: float, tell: Callable[[Sequence[Instance]], None] = lambda _: None
) -> list[Instance]:
    """Wait until all of them are Running.

    Args:
        client: the cloud.
        ids: the instances.
        seconds: how long at most.
        tell: told what was seen, at every look.

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
        often=_often,
    )


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
    """Delete instances, running or not, and ask again until the cloud does not know them any more.

    One that cannot be deleted keeps no other alive. The deletion comes before the first look: one that was made a
    moment ago may not be seen yet.

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
            missing = [one for one, error in refusals.items() if one not in there and _means_missing(error)]
        kept.update({one: error for one, error in refusals.items() if one in there and not _passes(error)})
        left = [one for one in left if one in there and one not in kept]
        wanted = [one for one in left if one in refusals]
        return True if not left else None

    if watch(client.clock, look, seconds=GONE_SECONDS, often=_often) is None:
        late = UnavailableError(
            f"{', '.join(left)} was deleted but is still there after {GONE_SECONDS:.0f} s.",
            fix=["run the same command again."],
        )
        kept |= {one: refusals.get(one, late) for one in left}
    return Released(tuple(missing or ()), kept)


def release(client: EcsClient, ids: Iterable[str]) -> list[str]:
    """As ``release_each``, where all of them must go.

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


def prolong(client: EcsClient, instance_id: str, seconds: float) -> str:
    """Let an instance live for that long from now on.

    Returns:
        When it is released.
    """

    def call(moment: str) -> str:
        client.call("ModifyInstanceAutoReleaseTime", {"InstanceId": instance_id, "AutoReleaseTime": moment})
        return moment

    return with_release_time(client, seconds, call)


def console_output(client: EcsClient, instance_id: str) -> str:
    """What the instance has written to its serial console since it started."""
    answer = client.call("GetInstanceConsoleOutput", {"InstanceId": instance_id, "RemoveSymbols": False})
    return base64.b64decode(answer.get("ConsoleOutput") or "").decode("utf-8", "replace").replace("\r\n", "\n")


def was_reclaimed(client: EcsClient, instance_id: str) -> bool:
    """Whether the spot market took the instance back.

    Source: DescribeInstanceHistoryEvents; it tells of instances that are gone, too.
    """
    answer = client.call(
        "DescribeInstanceHistoryEvents",
        {
            "ResourceType": "instance",
            "ResourceId": [instance_id],
            "InstanceEventType": ["Instance:PreemptibleInstanceInterruption"],
        },
    )
    return bool(answer["InstanceSystemEventSet"]["InstanceSystemEventType"])


def _delete(client: EcsClient, batch: Sequence[str]) -> dict[str, GoldrunError]:
    """Ask for the deletion; returns who was refused, and why.

    ECS deletes all of a call's instances or none: a batch that is refused is halved until it is clear whom it is about.
    """
    try:
        client.call("DeleteInstances", {"InstanceId": list(batch), "Force": True})
    except (ApiError, UnavailableError) as error:
        if len(batch) == 1 or error.exit_code == EXIT_UNAVAILABLE:  # this is about the cloud, and not about one of them
            return dict.fromkeys(batch, error)
        middle = len(batch) // 2
        return _delete(client, batch[:middle]) | _delete(client, batch[middle:])
    return {}


def _means_missing(error: GoldrunError) -> bool:
    """With an instance that is gone went the tag that a policy asks for: then the call is denied."""
    return isinstance(error, AccessDeniedError) or _code(error).startswith("InvalidInstanceId")


def _passes(error: GoldrunError) -> bool:
    """Whether it is just starting; or the deletion had its effect and the look lags behind."""
    return _code(error).startswith(("IncorrectInstanceStatus", "InvalidInstanceId"))


def _code(error: GoldrunError) -> str:
    return error.code if isinstance(error, ApiError) else ""


def _often(elapsed: float) -> float:
    return min(5.0, 1.0 + elapsed / 2)
