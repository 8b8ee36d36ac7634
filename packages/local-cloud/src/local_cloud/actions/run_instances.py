"""RunInstances, with the real one's relevant checks in their order."""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass
from typing import NamedTuple

from local_cloud import ram
from local_cloud.actions.images import newest_of_family, owner_alias
from local_cloud.actions.network import free_addresses
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_tags
from local_cloud.actions.vpcs import named_or_default
from local_cloud.catalogue import EVERYWHERE
from local_cloud.clock import parse_iso
from local_cloud.errors import ApiFault, dry_run, missing, no_such_image
from local_cloud.instance_types import INSTANCE_TYPES, InstanceType
from local_cloud.lifecycle import appoint_reclaim
from local_cloud.market import NEVER, disks_in, on_demand_stock, sold_in, spot_price, spot_stock
from local_cloud.params import Params
from local_cloud.records import (
    DEPRECATED,
    READY,
    Disk,
    Image,
    Instance,
    KeyPair,
    SecurityGroup,
    VSwitch,
)

MAX_USER_DATA = 32 * 1024
MIN_RELEASE_SECONDS = 30 * 60
MAX_DISKS = 16
MAX_DISK_SIZE = 65_536  # GiB


class Wanted(NamedTuple):
    """A disk to create."""

    kind: str
    category: str
    size: int
    with_instance: bool = True
    encrypted: bool = False
    id: str = ""


@dataclass(frozen=True)
class Bid:
    """A bid for an hour.

    Attributes:
        strategy: ``NoSpot``, ``SpotWithPriceLimit`` or ``SpotAsPriceGo``.
        limit: the maximum price.
        price: the current price.
        protected: it is not reclaimed within its first hour.
    """

    strategy: str
    limit: float
    price: float
    protected: bool = True

    @property
    def spot(self) -> bool:
        """Whether it is a bid for a spot instance."""
        return self.strategy != "NoSpot"


@action("RunInstances", idempotent=True)
def run_instances(call: Call) -> Answer:
    """Create instances and start them, all of them or at least ``MinAmount``."""
    params = call.params
    amount = params.number("Amount", 1, 1, 100)
    least = params.number("MinAmount", amount, 1, amount)
    kind = _instance_type(call)
    image = _image(call, kind)
    vswitch, groups = _place(call)
    _key_pair(call)
    _role(call)
    user_data = _user_data(call)
    released = _release_time(call)
    system = _system_disk(call, kind, image, vswitch.zone)
    extra = _data_disks(call)
    tags = check_tags(params.pairs("Tag"))
    if not call.settings.balance:
        raise ApiFault(403, "InvalidAccountStatus.NotEnoughBalance", "Your account does not have enough balance.")
    _require_quota(call, kind, amount)
    if not sold_in(call.settings.market, kind, vswitch.zone):
        raise ApiFault(403, "Zone.NotOnSale", "The resource in the specified zone is no longer available for sale.")
    bid = _bid(call, kind, vswitch.zone)
    left = _stock(call, kind, vswitch.zone, bid)
    if left < least:
        raise ApiFault(
            403,
            "OperationDenied.NoStock",
            "The requested resource is sold out in the specified zone; try other types of resources or other regions "
            "and zones.",
        )
    addresses = free_addresses(call.store, vswitch)
    if len(addresses) < least:
        raise ApiFault(400, "InvalidVSwitchId.IpNotEnough", "The specified VSwitch has not enough IpAddress.")
    if params.flag("DryRun"):
        raise dry_run()
    made: list[Instance] = []
    for number, address in enumerate(addresses[: min(amount, left)]):
        instance_id, disk_id = call.new_id("i-"), call.new_id("d-")
        instance = Instance(
            id=instance_id,
            region=call.region,
            owner=call.account,
            name=_name(params, instance_id, number, amount),
            created=call.now,
            ready=call.now + call.settings.boot_seconds,
            tags=tags,
            image=image.id,
            architecture=kind.architecture,
            disk=disk_id,
            disk_size=system.size,
            type=kind.id,
            zone=vswitch.zone,
            vswitch=vswitch.id,
            vpc=vswitch.vpc,
            security_groups=groups,
            ip=address,
            public_ip=f"198.51.100.{len(made) % 250 + 1}"
            if params.number("InternetMaxBandwidthOut", 0, 0, 200)
            else "",
            key_pair=params.text("KeyPairName"),
            role=params.text("RamRoleName"),
            user_data=user_data,
            http_tokens=params.choice("HttpTokens", ("optional", "required"), "optional"),
            strategy=bid.strategy,
            limit=bid.limit,
            protected=bid.protected,
            behavior=params.choice("SpotInterruptionBehavior", ("Terminate", "Stop"), "Terminate"),
            price=bid.price,
            auto_release=released,
            undeletable=params.flag("DeletionProtection"),
        )
        made.append(appoint_reclaim(call.settings.market, instance))
        for disk in (system._replace(id=disk_id), *(data_disk._replace(id=call.new_id("d-")) for data_disk in extra)):
            call.store.put(
                Disk(
                    id=disk.id,
                    region=call.region,
                    owner=call.account,
                    created=call.now,
                    tags=tags,
                    zone=vswitch.zone,
                    category=disk.category,
                    size=disk.size,
                    kind=disk.kind,
                    instance=instance_id,
                    with_instance=disk.with_instance,
                    encrypted=disk.encrypted,
                )
            )
    call.store.put(*made)
    return {
        "InstanceIdSets": {"InstanceIdSet": [instance.id for instance in made]},
        "TradePrice": round(bid.price * len(made), 3),
        "OrderId": "",
    }


def _instance_type(call: Call) -> InstanceType:
    kind = INSTANCE_TYPES.get(call.params.require("InstanceType"))
    if kind is None:
        raise ApiFault(400, "InvalidInstanceType.ValueNotSupported", "The specified InstanceType is not supported.")
    return kind


def _image(call: Call, kind: InstanceType) -> Image:
    image_id, family = call.params.text("ImageId"), call.params.text("ImageFamily")
    if image_id and family:
        raise ApiFault(400, "InvalidParameter.Conflict", "ImageId and ImageFamily cannot both be specified.")
    if not image_id and not family:
        raise missing("ImageId")
    image = call.store.get(Image, image_id) if image_id else newest_of_family(call.store, call, family)
    seen = image is not None and image.region in (call.region, EVERYWHERE)
    if image is None or not seen or owner_alias(image, call.account) == "hidden":
        raise no_such_image()
    if image.status(call.now) not in (READY, DEPRECATED):
        raise ApiFault(403, "ImageNotReady", "The specified image is not ready.")
    tokens = call.params.choice("HttpTokens", ("optional", "required"), "optional")
    if tokens == "required" and image.imds_support == "v1":
        raise ApiFault(403, "ImageNotSupportHttpTokens", "The specified image does not support HttpTokens=required.")
    if image.architecture != kind.architecture:
        raise ApiFault(
            403, "ImageNotSupportInstanceType", "The specified image does not support the specified instance type."
        )
    return image


def _place(call: Call) -> tuple[VSwitch, tuple[str, ...]]:
    vswitch = named_or_default(call)
    if vswitch is None or vswitch.owner != call.account or vswitch.region != call.region:
        raise ApiFault(404, "InvalidVSwitchId.NotFound", "The specified virtual switch does not exist.")
    if call.params.text("ZoneId") not in ("", vswitch.zone):
        raise ApiFault(400, "InvalidParameter.Mismatch", "The specified ZoneId does not match the vSwitch's.")
    single = call.params.text("SecurityGroupId")
    names = [single] if single else call.params.items("SecurityGroupIds")
    if not names:
        raise missing("SecurityGroupId")
    for name in names:
        group = call.store.get(SecurityGroup, name)
        if group is None or group.owner != call.account or group.region != call.region:
            raise ApiFault(404, "InvalidSecurityGroupId.NotFound", "The specified SecurityGroupId does not exist.")
        if group.vpc != vswitch.vpc:
            raise ApiFault(
                403, "InvalidVSwitchId.NotFound", "The security group and the vSwitch are of different VPCs."
            )
    return vswitch, tuple(names)


def _key_pair(call: Call) -> None:
    name = call.params.text("KeyPairName")
    pairs = (pair.name for pair in call.store.all(KeyPair) if pair.owner == call.account and pair.region == call.region)
    if name and name not in pairs:
        raise ApiFault(404, "InvalidKeyPairName.NotFound", "The specified KeyPairName does not exist.")


def _role(call: Call) -> None:
    """Check the permission to give an instance a role (``ram:PassRole``)."""
    if call.params.text("RamRoleName"):
        ram.authorize(call.store, call.caller, "ram:PassRole", call.params)


def _user_data(call: Call) -> str:
    text = call.params.text("UserData")
    try:
        size = len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise ApiFault(
            400, "InvalidUserData.Base64FormatInvalid", "The specified parameter UserData must be base64 encoded."
        ) from None
    if size > MAX_USER_DATA:
        raise ApiFault(400, "InvalidUserData.SizeExceeded", "The specified parameter UserData exceeds the size limit.")
    return text


def _release_time(call: Call) -> float:
    text = call.params.text("AutoReleaseTime")
    return release_time(text, call.now) if text else NEVER


def release_time(text: str, now: float) -> float:
    """Return the moment, rounded down to the minute.

    Raises:
        ApiFault: it is not a valid time, or less than 30 minutes ahead.
    """
    try:
        moment = parse_iso(text)
    except ValueError:
        moment = 0.0
    moment -= moment % 60
    # The current minute counts completely, or exactly half an hour would never be valid.
    if moment < now - now % 60 + MIN_RELEASE_SECONDS:
        raise ApiFault(400, "InvalidAutoReleaseTime.Malformed", "The specified parameter AutoReleaseTime is not valid.")
    return moment


def _system_disk(call: Call, kind: InstanceType, image: Image, zone: str) -> Wanted:
    params = call.params
    allowed = disks_in(call.settings.market, kind, zone)
    category = params.text("SystemDisk.Category", allowed[0])
    if category not in allowed:
        raise ApiFault(
            400,
            "InvalidSystemDiskCategory.ValueNotSupported",
            "The specified parameter SystemDisk.Category is not supported by the instance type.",
        )
    size = params.number("SystemDisk.Size", 0, 0, 2048) or max(40, image.size)  # 0: as if it were not given
    if size < image.size:
        raise ApiFault(
            400, "InvalidSystemDiskSize.LessThanImageSize", "The system disk is smaller than the specified image."
        )
    return Wanted("system", category, size, encrypted=params.flag("SystemDisk.Encrypted"))


def _data_disks(call: Call) -> list[Wanted]:
    values = call.params.values
    found = []
    for number in range(1, MAX_DISKS + 1):
        stem = f"DataDisk.{number}"
        if f"{stem}.Size" not in values:
            break
        size = call.params.number(f"{stem}.Size", 0, 1, MAX_DISK_SIZE)
        goes_along = values.get(f"{stem}.DeleteWithInstance", "true").lower() == "true"
        category = values.get(f"{stem}.Category", "cloud_essd")
        found.append(Wanted("data", category, size, with_instance=goes_along))
    return found


def _require_quota(call: Call, kind: InstanceType, amount: int) -> None:
    used = sum(
        INSTANCE_TYPES[instance.type].cpus
        for instance in call.store.all(Instance)
        if instance.owner == call.account and instance.region == call.region and instance.type in INSTANCE_TYPES
    )
    if used + kind.cpus * amount > call.settings.cpu_quota:
        raise ApiFault(403, "QuotaExceed.ElasticQuota", "The number of vCPUs has reached the quota of the account.")


def _bid(call: Call, kind: InstanceType, zone: str) -> Bid:
    params = call.params
    strategy = params.choice("SpotStrategy", ("NoSpot", "SpotWithPriceLimit", "SpotAsPriceGo"), "NoSpot")
    if strategy == "NoSpot":
        return Bid(strategy, kind.price, kind.price)
    protected = params.number("SpotDuration", 1, 0, 1) > 0
    price = spot_price(call.settings.market, kind, zone, call.now, protected=protected)
    if strategy == "SpotAsPriceGo":
        return Bid(strategy, kind.price, price, protected)
    text = params.require("SpotPriceLimit")
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not 0 < limit < math.inf or round(limit, 3) != limit:
        raise ApiFault(400, "InvalidSpotPriceLimit", "The specified SpotPriceLimit is not valid.")
    if limit < price:
        raise ApiFault(
            400,
            "InvalidSpotPriceLimit.LowerThanPublicPrice",
            "The specified parameter SpotPriceLimit can't be lower than current public price.",
        )
    return Bid(strategy, limit, price, protected)


def _stock(call: Call, kind: InstanceType, zone: str, bid: Bid) -> int:
    """Return how many more can be started: the stock, less the running instances."""
    stock = (spot_stock if bid.spot else on_demand_stock)(call.settings.market, kind, zone, call.now)
    running = sum(
        instance.type == kind.id and instance.zone == zone and (instance.strategy != "NoSpot") == bid.spot
        for instance in call.store.all(Instance)
    )
    return max(0, stock - running)


def _name(params: Params, instance_id: str, number: int, amount: int) -> str:
    name = params.text("InstanceName", instance_id)
    return f"{name}{number + 1:03d}" if amount > 1 and params.flag("UniqueSuffix") else name
