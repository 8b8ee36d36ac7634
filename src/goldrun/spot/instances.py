"""Instances that goldrun has made: find them, wait for them, prolong them, let them go and see that they are gone."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goldrun.ecs.client import EcsClient, Parameter
from goldrun.ecs.errors import AccessDeniedError, ApiError
from goldrun.ecs.moments import format_moment, parse_moment
from goldrun.ecs.paging import pages_by_token
from goldrun.errors import NotFoundError, RefusedError, UnavailableError

IDS_A_CALL = 100
GONE_SECONDS = 300.0
POLLS = (1.0, 2.0, 3.0, 5.0)  # seconds between looks; the last one from then on
MIN_LIFE_SECONDS = 30 * 60.0


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
            tags={one["TagKey"]: one["TagValue"] for one in element.get("Tags", {}).get("Tag", [])},
        )


def release_time(now: float, seconds: float) -> str:
    """``AutoReleaseTime`` for a life of at least ``seconds`` from ``now``: ECS rounds down to the minute.

    Never less than ECS takes: 30 minutes.
    """
    moment = now + max(seconds, MIN_LIFE_SECONDS) + 59
    return format_moment(moment - moment % 60)


def describe_instances(
    client: EcsClient, *, ids: Sequence[str] = (), tags: Mapping[str, str] | None = None
) -> list[Instance]:
    """The account's instances that have these ids and tags, newest first.

    Source: DescribeInstances; it pages by token, and takes 100 ids a call.
    """
    found: list[Instance] = []
    wanted: list[Mapping[str, str]] = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
    for start in range(0, max(1, len(ids)), IDS_A_CALL):
        params: dict[str, Parameter] = {"Tag": wanted}
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
        RefusedError: one was taken back, deleted or stopped.
        UnavailableError: they are not Running in time.
    """
    deadline = client.clock.now() + seconds
    seen: set[str] = set()
    for pause in _pauses():
        found = describe_instances(client, ids=ids)
        tell(found)
        seen |= {one.id for one in found}
        if gone := seen - {one.id for one in found}:
            raise RefusedError(
                f"{', '.join(sorted(gone))} is gone.", why=["it was deleted, or the market took it back."]
            )
        if stopped := [one for one in found if one.status in ("Stopping", "Stopped")]:
            raise RefusedError(
                f"{stopped[0].id} is {stopped[0].status}.", fix=[f"goldrun instance console {stopped[0].id}"]
            )
        if len(found) == len(set(ids)) and all(one.status == "Running" for one in found):
            return found
        if client.clock.now() + pause > deadline:
            break
        client.clock.sleep(pause)
    raise UnavailableError(
        f"{', '.join(ids)} did not run within {seconds:.0f} s.",
        fix=[f"see what it says: goldrun instance console {ids[0]}"],
    )


def release(client: EcsClient, ids: Iterable[str]) -> list[str]:
    """Delete instances, running or not, and ask again until the cloud does not know them any more.

    The deletion comes before the first look: one that was made a moment ago may not be seen yet.

    Returns:
        Those that were not there in the first place.

    Raises:
        ApiError: ECS refuses.
        UnavailableError: one is still there after five minutes.
    """
    left = list(dict.fromkeys(ids))
    deadline = client.clock.now() + GONE_SECONDS
    missing: list[str] | None = None
    for pause in _pauses():
        unknown = _delete(client, left)
        missing = unknown if missing is None else missing
        left = [one.id for one in describe_instances(client, ids=left)] if left else []
        if not left:
            return missing
        if client.clock.now() + pause > deadline:
            break
        client.clock.sleep(pause)
    raise UnavailableError(
        f"{', '.join(left)} was deleted but is still there after {GONE_SECONDS:.0f} s.",
        fix=["run the same command again."],
    )


def prolong(client: EcsClient, instance_id: str, seconds: float) -> str:
    """Let an instance live for that long from now on.

    Returns:
        When it is released.
    """
    moment = release_time(client.clock.now(), seconds)
    client.call("ModifyInstanceAutoReleaseTime", {"InstanceId": instance_id, "AutoReleaseTime": moment})
    return moment


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


def _delete(client: EcsClient, ids: Sequence[str]) -> list[str]:
    """Ask for the deletion; what another try can mend is left to the next look. Returns those that are not there."""
    missing: list[str] = []
    for start in range(0, len(ids), IDS_A_CALL):
        batch = list(ids[start : start + IDS_A_CALL])
        try:
            client.call("DeleteInstances", {"InstanceId": batch, "Force": True})
        except ApiError as error:
            if error.code.startswith("IncorrectInstanceStatus"):
                continue  # one is just starting
            # All or none are deleted: one that has gone meanwhile keeps the others. And with it went the tag that a
            # policy asks for, so that the call may be denied instead.
            if not error.code.startswith("InvalidInstanceId") and not isinstance(error, AccessDeniedError):
                raise
            if len(batch) > 1:
                missing += [unknown for one in batch for unknown in _delete(client, [one])]
            elif describe_instances(client, ids=batch):
                raise
            else:
                missing += batch
    return missing


def _pauses() -> Iterable[float]:
    yield from POLLS
    while True:
        yield POLLS[-1]
