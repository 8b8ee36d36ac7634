"""Instances: described, started, stopped and deleted, and their release times.

Sources: DescribeInstances and the other actions' pages in the API reference, with their error tables.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goldrun.cloud.client import EcsClient
from goldrun.cloud.errors import AccessDeniedError, ApiError
from goldrun.cloud.moments import moment_or, parse_moment
from goldrun.cloud.paging import pages_by_token
from goldrun.cloud.rpc import Parameter
from goldrun.cloud.tags import from_api, to_api
from goldrun.errors import GoldrunError, NotFoundError, UsageError

IDS_A_CALL = 100
MAX_LIFE_SECONDS = 3 * 365 * 86400.0  # AutoReleaseTime is at most three years ahead
MIN_LIFE_SECONDS = 30 * 60.0  # ECS takes no earlier ``AutoReleaseTime``


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance.

    Attributes:
        id: ``i-…``.
        name: its name.
        status: Pending, Starting, Running, Stopping or Stopped.
        type: its instance type.
        zone: its zone.
        image_id: the image it was created from.
        created: seconds since 1970.
        released: its release time, in seconds since 1970; None: none.
        spot: whether it is a spot instance.
        limit: its price limit per hour; 0: no limit of its own.
        reclaimed: whether the market has announced that it reclaims it.
        saves: whether it is stopped in economical mode, in which it costs its disks alone.
        private_ip: its private address.
        public_ip: its public address or EIP; empty: none.
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
    saves: bool
    private_ip: str
    public_ip: str
    tags: Mapping[str, str]

    @classmethod
    def from_api(cls, element: Mapping[str, Any]) -> Instance:
        """Return the instance that an element of ``Instances.Instance`` of DescribeInstances describes."""
        addresses = element.get("VpcAttributes", {}).get("PrivateIpAddress", {}).get("IpAddress", [])
        public = element.get("PublicIpAddress", {}).get("IpAddress", []) or [
            element.get("EipAddress", {}).get("IpAddress")
        ]
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
            reclaimed=any(lock.get("LockReason") == "Recycling" for lock in locks),
            saves=element.get("StoppedMode") == "StopCharging",
            private_ip=addresses[0] if addresses else "",
            public_ip=public[0] or "",
            tags=from_api(element),
        )


def check_id(text: str) -> str:
    """Return ``text`` if it has the form of an instance's id: to the API an empty one means "all", or none.

    Raises:
        UsageError: it has not.
    """
    if text.startswith("i-") and text[2:].isascii() and text[2:].replace("-", "").isalnum():
        return text
    raise UsageError(
        f"{text!r} is not an instance's id.", fix=["ids look like i-bp67acfmxazb4p; list: goldrun instance ls"]
    )


def describe_instances(
    client: EcsClient,
    *,
    ids: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    vpc: str = "",
    name: str = "",
) -> list[Instance]:
    """Return the account's instances with these ids and tags, of a VPC and with a name (empty: any), newest first.

    Source: DescribeInstances; it pages by token, and takes 100 ids per call.
    """
    found: list[Instance] = []
    for start in range(0, max(1, len(ids)), IDS_A_CALL):
        params: dict[str, Parameter] = {"Tag": to_api(tags or {}), "VpcId": vpc or None, "InstanceName": name or None}
        if ids:
            params["InstanceIds"] = json.dumps(list(ids[start : start + IDS_A_CALL]))
        for answer in pages_by_token(client, "DescribeInstances", params):
            found += [Instance.from_api(element) for element in answer["Instances"]["Instance"]]
    return found


def find_instance(client: EcsClient, instance_id: str) -> Instance:
    """Return the instance with that id.

    Raises:
        NotFoundError: the region has no such instance.
    """
    found = describe_instances(client, ids=[instance_id])
    if not found:
        raise NotFoundError(
            f"Instance not found: {instance_id} in {client.region}.",
            fix=["list the instances: goldrun instance ls", "another region: --region"],
        )
    return found[0]


def count_by_image(client: EcsClient) -> Counter[str]:
    """Return the number of the account's instances by image id."""
    return Counter(instance.image_id for instance in describe_instances(client))


def start_instance(client: EcsClient, instance_id: str) -> None:
    """Start a stopped instance."""
    client.call("StartInstance", {"InstanceId": instance_id})


def start_instances(client: EcsClient, ids: Sequence[str]) -> dict[str, str]:
    """Start up to 100 stopped instances, each by itself; return the error codes of those that ECS refuses to start.

    Source: StartInstances, ``BatchOptimization=SuccessFirst``.
    """
    answer = client.call("StartInstances", {"InstanceId": list(ids), "BatchOptimization": "SuccessFirst"})
    rows = answer["InstanceResponses"]["InstanceResponse"]
    return {row["InstanceId"]: str(row["Code"]) for row in rows if str(row.get("Code")) != "200"}


def park_instance(client: EcsClient, instance_id: str) -> None:
    """Stop an instance in economical mode. One that cannot have it is stopped all the same, and goes on costing.

    Source: StopInstances, ``StoppedMode``.
    """
    client.call("StopInstances", {"InstanceId": [instance_id], "StoppedMode": "StopCharging"})


def stop_instance(client: EcsClient, instance_id: str, *, force: bool = False) -> None:
    """Stop an instance, which keeps its place and address; by force: as if it lost power."""
    params: dict[str, Parameter] = {"InstanceId": instance_id, "ForceStop": force or None}
    client.call("StopInstance", {**params, "StoppedMode": "KeepCharging"})


def reboot_instance(client: EcsClient, instance_id: str, *, force: bool = False) -> None:
    """Restart a running instance; by force: as if it lost power for a moment."""
    client.call("RebootInstance", {"InstanceId": instance_id, "ForceStop": force or None})


def delete_instances(client: EcsClient, ids: Sequence[str]) -> None:
    """Delete up to 100 instances, running or not: all of them or, if ECS refuses one, none."""
    client.call("DeleteInstances", {"InstanceId": list(ids), "Force": True})


def set_release_time(client: EcsClient, instance_id: str, released: str) -> None:
    """Set the ``AutoReleaseTime`` of an instance, from ``format_moment``."""
    client.call("ModifyInstanceAutoReleaseTime", {"InstanceId": instance_id, "AutoReleaseTime": released})


def console_output(client: EcsClient, instance_id: str) -> str:
    """Return what the instance has written to its serial console since it started."""
    answer = client.call("GetInstanceConsoleOutput", {"InstanceId": instance_id, "RemoveSymbols": False})
    return base64.b64decode(answer.get("ConsoleOutput") or "").decode("utf-8", "replace").replace("\r\n", "\n")


@dataclass(frozen=True)
class Reclaim:
    """The spot market takes an instance back.

    Attributes:
        announced: when it said so, in seconds since 1970.
        planned: when it takes it.
    """

    announced: float
    planned: float


def find_reclaim(client: EcsClient, instance_id: str) -> Reclaim | None:
    """Return when the spot market reclaims the instance, or has; None: it does not.

    Source: DescribeInstanceHistoryEvents, which also covers deleted instances.
    """
    answer = client.call(
        "DescribeInstanceHistoryEvents",
        {
            "ResourceType": "instance",
            "ResourceId": [instance_id],
            "InstanceEventType": ["Instance:PreemptibleInstanceInterruption"],
        },
    )
    events = answer["InstanceSystemEventSet"]["InstanceSystemEventType"]
    if not events:
        return None
    announced, planned = (str(events[0].get(name) or "") for name in ("EventPublishTime", "NotBefore"))
    return Reclaim(moment_or(announced, 0.0), moment_or(planned, 0.0))


def was_reclaimed(client: EcsClient, instance_id: str) -> bool:
    """Return whether the spot market reclaimed the instance."""
    return find_reclaim(client, instance_id) is not None


def is_missing(error: GoldrunError) -> bool:
    """Return whether the instance does not exist; a deleted one has lost the tag that a policy requires: denied."""
    return isinstance(error, AccessDeniedError) or _code(error).startswith("InvalidInstanceId")


def is_passing(error: GoldrunError) -> bool:
    """Return whether a refused deletion may work later: the instance is starting, or deleted but still listed."""
    return is_in_wrong_state(error) or _code(error).startswith("InvalidInstanceId")


def is_in_wrong_state(error: GoldrunError) -> bool:
    """Return whether the instance is not in a state that allows the action."""
    return is_wrong_state(_code(error))


def is_wrong_state(code: str) -> bool:
    """Return whether an error's code says so."""
    return code.startswith("IncorrectInstanceStatus")


def is_release_too_soon(error: GoldrunError) -> bool:
    """Return whether ECS refuses because the ``AutoReleaseTime`` is less than 30 minutes ahead."""
    return _code(error) == "InvalidAutoReleaseTime.Malformed"


def is_sold_out(error: GoldrunError) -> bool:
    """Return whether this offer is not available, whatever disk it gets."""
    # With 400 the same code says that the image's architecture, or another wish of the launch, does not suit the type.
    if _code(error) == "InvalidInstanceType.NotSupported":
        return isinstance(error, ApiError) and error.http_status == 403
    return _code(error) in _SOLD_OUT


def is_offer_gone(error: GoldrunError) -> bool:
    """Return whether this offer is not available, and another may be.

    Every other lasting refusal needs a person: permission, balance, quota, a wrong id.
    """
    return is_sold_out(error) or _code(error) in _OFFER_GONE


def is_over_quota(error: GoldrunError) -> bool:
    """Return whether the account may have no more such instances: ``QuotaExceed`` and what follows it."""
    return _code(error).startswith("QuotaExceed.")


def is_vswitch_wrong(error: GoldrunError) -> bool:
    """Return whether the vSwitch does not exist, or does not fit the zone or the security group."""
    return _code(error) in _VSWITCH_WRONG


# Each of them is in RunInstances' error table, but for IpNotEnough, which other actions' tables have.
_SOLD_OUT = (
    "OperationDenied.NoStock",
    "Zone.NotOnSale",
    "Zone.NotOpen",
    "OperationDenied.ZoneNotAllowed",
    "InstanceType.Offline",
    "InvalidInstanceType.ZoneNotSupported",
)
_OFFER_GONE = (
    "InvalidResourceType.NotSupported",
    "InvalidSystemDiskCategory.ValueNotSupported",
    "InvalidInstanceType.NotSupportDiskCategory",
    "InvalidDiskCategory.NotSupported",
    "CategoryNotSupported",
    "OperationDenied.ZoneSystemCategoryNotMatch",
    "OperationDenied.CloudSSDNotSupported",
    "InvalidSpotPriceLimit.LowerThanPublicPrice",
    "QuotaExceeded.PrivateIpAddress",
    "InvalidVSwitchId.IpNotEnough",
)
_VSWITCH_WRONG = (
    "InvalidVSwitchId.NotFound",
    "InvalidVSwitchId.NotExist",
    "InvalidParameter.Mismatch",
    "OperationDenied.InconsistentNetwork",
    "InvalidSecurityGroup.VpcMismatch",
)


def _code(error: GoldrunError) -> str:
    return error.code if isinstance(error, ApiError) else ""
