"""Instances: described, created, started, stopped and deleted, and their release times.

Sources: RunInstances, DescribeInstances and the other actions' pages in the API reference, with their error tables.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goldrun.cloud.client import EcsClient, Parameter
from goldrun.cloud.errors import AccessDeniedError, ApiError
from goldrun.cloud.moments import parse_moment
from goldrun.cloud.paging import pages_by_token
from goldrun.cloud.tags import Tags, from_api, to_api
from goldrun.errors import GoldrunError, NotFoundError, UsageError

IDS_A_CALL = 100
MIN_LIFE_SECONDS = 30 * 60.0  # ECS takes no earlier ``AutoReleaseTime``
PUBLIC_MBITS = 10


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
        private_ip: its private address.
        public_ip: its public address; empty: none.
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
        """Return the instance that an element of ``Instances.Instance`` of DescribeInstances describes."""
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
            reclaimed=any(lock.get("LockReason") == "Recycling" for lock in locks),
            private_ip=addresses[0] if addresses else "",
            public_ip=public[0] if public else "",
            tags=from_api(element),
        )


@dataclass(frozen=True)
class Wanted:
    """The instances that a RunInstances requests.

    Attributes:
        image_id: the image; empty: that of ``image_family``.
        image_family: the family whose newest image is used.
        type: the instance type.
        vswitch: the vSwitch to place them in.
        security_group: their security group.
        name: their name.
        numbered: whether each name gets a number.
        amount: the maximum number; the minimum is one.
        spot: whether they are spot instances.
        limit: the price limit of a spot instance per hour; None: the list price.
        protected: whether the market spares a spot instance for its first hour.
        disk: the category of the system disk; empty: ECS chooses.
        disk_size: its size in GiB; None: the image's.
        encrypted: whether it is encrypted.
        public_ip: whether they get a public address.
        key_pair: an SSH key pair; empty: none.
        role: their RAM role; empty: none.
        user_data: what they run on first boot.
        tags: the tags of the instances and their disks.
        token: the ``ClientToken``: a repetition with the same one creates no more instances.
    """

    type: str
    vswitch: str
    security_group: str
    name: str
    amount: int
    spot: bool
    tags: Tags
    token: str
    image_id: str = ""
    image_family: str = ""
    numbered: bool = False
    limit: float | None = None
    protected: bool = True
    disk: str = ""
    disk_size: int | None = None
    encrypted: bool = False
    public_ip: bool = False
    key_pair: str = ""
    role: str = ""
    user_data: bytes = b""

    def to_api(self) -> dict[str, Parameter]:
        """Return the parameters of RunInstances."""
        return {
            "ImageId": self.image_id or None,
            "ImageFamily": self.image_family or None,
            "InstanceType": self.type,
            "VSwitchId": self.vswitch,
            "SecurityGroupId": self.security_group,
            "InstanceName": self.name,
            "UniqueSuffix": self.numbered or None,
            "Amount": self.amount,
            "MinAmount": 1,
            "InstanceChargeType": "PostPaid",
            "SpotStrategy": "SpotWithPriceLimit" if self.spot else "NoSpot",
            "SpotPriceLimit": f"{self.limit:.3f}" if self.limit is not None else None,
            "SpotDuration": int(self.protected) if self.spot else None,
            "SpotInterruptionBehavior": "Terminate" if self.spot else None,
            "SystemDisk.Category": self.disk or None,
            "SystemDisk.Size": self.disk_size,
            "SystemDisk.Encrypted": self.encrypted or None,
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "InternetMaxBandwidthOut": PUBLIC_MBITS if self.public_ip else 0,
            "KeyPairName": self.key_pair or None,
            "RamRoleName": self.role or None,
            "UserData": base64.b64encode(self.user_data).decode() if self.user_data else None,
            "SecurityEnhancementStrategy": "Deactive",
            "Tag": to_api(self.tags),
            "ClientToken": self.token,
        }


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
    client: EcsClient, *, ids: Sequence[str] = (), tags: Mapping[str, str] | None = None
) -> list[Instance]:
    """Return the account's instances with these ids and tags, newest first.

    Source: DescribeInstances; it pages by token, and takes 100 ids per call.
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


def run_instances(client: EcsClient, wanted: Wanted, released: str) -> tuple[str, ...]:
    """Create and start instances, and return their ids.

    Args:
        client: the cloud.
        wanted: the instances.
        released: their ``AutoReleaseTime``, from ``format_moment``.

    Raises:
        ApiError: ECS refuses; see ``is_offer_gone`` and ``is_release_too_soon``.
    """
    answer = client.call("RunInstances", {**wanted.to_api(), "AutoReleaseTime": released})
    return tuple(answer["InstanceIdSets"]["InstanceIdSet"])


def start_instance(client: EcsClient, instance_id: str) -> None:
    """Start a stopped instance."""
    client.call("StartInstance", {"InstanceId": instance_id})


def stop_instance(client: EcsClient, instance_id: str, *, force: bool = False) -> None:
    """Stop an instance; by force: as if it lost power."""
    client.call("StopInstance", {"InstanceId": instance_id, "ForceStop": force or None})


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


def was_reclaimed(client: EcsClient, instance_id: str) -> bool:
    """Return whether the spot market reclaimed the instance.

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
    return bool(answer["InstanceSystemEventSet"]["InstanceSystemEventType"])


def is_missing(error: GoldrunError) -> bool:
    """Return whether the instance does not exist; a deleted one has lost the tag that a policy requires: denied."""
    return isinstance(error, AccessDeniedError) or _code(error).startswith("InvalidInstanceId")


def is_passing(error: GoldrunError) -> bool:
    """Return whether a refused deletion may work later: the instance is starting, or deleted but still listed."""
    return is_in_wrong_state(error) or _code(error).startswith("InvalidInstanceId")


def is_in_wrong_state(error: GoldrunError) -> bool:
    """Return whether the instance is not in a state that allows the action."""
    return _code(error).startswith("IncorrectInstanceStatus")


def is_release_too_soon(error: GoldrunError) -> bool:
    """Return whether ECS refuses because the ``AutoReleaseTime`` is less than 30 minutes ahead."""
    return _code(error) == "InvalidAutoReleaseTime.Malformed"


def is_sold_out(error: GoldrunError) -> bool:
    """Return whether this offer is not available, whatever disk it gets."""
    return _code(error) in _SOLD_OUT


def is_offer_gone(error: GoldrunError) -> bool:
    """Return whether this offer is not available, and another may be.

    Every other lasting refusal needs a person: permission, balance, quota, a wrong id.
    """
    return _code(error) in _OFFER_GONE


_SOLD_OUT = ("OperationDenied.NoStock", "Zone.NotOnSale", "InvalidInstanceType.NotSupported")
_OFFER_GONE = (
    *_SOLD_OUT,
    "InvalidResourceType.NotSupported",
    "InvalidInstanceType.ZoneNotSupported",
    "InvalidSystemDiskCategory.ValueNotSupported",
    "InvalidSpotPriceLimit.LowerThanPublicPrice",
    "InvalidVSwitchId.IpNotEnough",
)


def _code(error: GoldrunError) -> str:
    return error.code if isinstance(error, ApiError) else ""
