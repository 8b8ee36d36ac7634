"""The creation of instances.

Source: RunInstances in the API reference; ``instances`` has its errors.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.rpc import Parameter
from goldrun.cloud.tags import Tags, to_api

PUBLIC_MBITS = 10


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
        limit: the price limit of a spot instance per hour; None: up to the list price.
        protected: whether the market spares a spot instance for its first hour.
        metadata_tokens: whether the metadata service requires a token (IMDSv2).
        disk: the category of the system disk; empty: ECS chooses.
        disk_size: its size in GiB; None: the image's.
        disk_key: the KMS key that it is encrypted with; empty: ECS's own.
        encrypted: whether it is encrypted.
        data_disks: GiB of each data disk beside those of the image, of the same category and encryption; they are
            deleted with the instance.
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
    metadata_tokens: bool = True
    disk: str = ""
    disk_size: int | None = None
    disk_key: str = ""
    encrypted: bool = False
    data_disks: tuple[int, ...] = ()
    public_ip: bool = False
    key_pair: str = ""
    role: str = ""
    user_data: bytes = b""

    def _strategy(self) -> str:
        if not self.spot:
            return "NoSpot"
        return "SpotAsPriceGo" if self.limit is None else "SpotWithPriceLimit"

    def _data_disk(self, size: int) -> dict[str, str | int | bool]:
        encryption = {"Encrypted": True} if self.encrypted else {}
        key = {"KMSKeyId": self.disk_key} if self.disk_key else {}
        category = {"Category": self.disk} if self.disk else {}
        return {"Size": size, "DeleteWithInstance": True, **category, **encryption, **key}

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
            "SpotStrategy": self._strategy(),
            "SpotPriceLimit": f"{self.limit:.3f}" if self.limit is not None else None,
            "SpotDuration": int(self.protected) if self.spot else None,
            "SpotInterruptionBehavior": "Terminate" if self.spot else None,
            "SystemDisk.Category": self.disk or None,
            "SystemDisk.Size": self.disk_size,
            "SystemDisk.Encrypted": self.encrypted or None,
            "SystemDisk.KMSKeyId": self.disk_key or None,
            "DataDisk": [self._data_disk(size) for size in self.data_disks],
            "HttpEndpoint": "enabled",
            "HttpTokens": "required" if self.metadata_tokens else "optional",
            "InternetMaxBandwidthOut": PUBLIC_MBITS if self.public_ip else 0,
            "KeyPairName": self.key_pair or None,
            "RamRoleName": self.role or None,
            "UserData": base64.b64encode(self.user_data).decode() if self.user_data else None,
            "SecurityEnhancementStrategy": "Deactive",
            "Tag": to_api(self.tags),
            "ClientToken": self.token,
        }


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
