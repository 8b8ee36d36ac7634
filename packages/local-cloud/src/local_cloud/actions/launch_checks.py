"""The parameters of a launch, with the checks of the real API."""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass

from local_cloud import ram
from local_cloud.actions.images import newest_of_family, owner_alias
from local_cloud.actions.owned import key_pair, require_groups
from local_cloud.actions.registry import Call
from local_cloud.actions.vpcs import named_or_default
from local_cloud.catalogue import EVERYWHERE
from local_cloud.clock import parse_iso
from local_cloud.errors import ApiFault, missing, no_such_image
from local_cloud.instance_types import INSTANCE_TYPES, InstanceType
from local_cloud.market import NEVER, on_demand_stock, spot_price, spot_stock
from local_cloud.records import DEPRECATED, READY, Image, Instance, VSwitch

MAX_USER_DATA = 32 * 1024
MIN_RELEASE_SECONDS = 30 * 60
MAX_RELEASE_SECONDS = (3 * 365 + 1) * 24 * 3600  # three years, one of which may be a leap year
MAX_AMOUNT = 100
MAX_BANDWIDTH, LEAST_BANDWIDTH_IN = 200, 10


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


def amounts(call: Call) -> tuple[int, int]:
    """Return how many instances the launch wants at most, and at least."""
    amount = _count(call, "Amount", 1)
    if not 1 <= amount <= MAX_AMOUNT:
        raise ApiFault(403, "InvalidParam.Amount", "The specified Amount parameter is invalid.")
    least = _count(call, "MinAmount", amount)
    if not 1 <= least <= amount:
        raise ApiFault(400, "InvalidMinAmount.Malformed", "The specified parameter MinAmount is not valid.")
    return amount, least


def instance_type(call: Call) -> InstanceType:
    """Return the type that the launch names."""
    kind = INSTANCE_TYPES.get(_required(call, "InstanceType"))
    if kind is None:
        raise ApiFault(400, "InvalidInstanceType.ValueNotSupported", "The specified InstanceType is not supported.")
    return kind


def bootable_image(call: Call, kind: InstanceType) -> Image:
    """Return the image that the launch names, if the type boots it."""
    image_id, family = call.params.text("ImageId"), call.params.text("ImageFamily")
    if image_id and family:
        raise ApiFault(
            400,
            "UnexpectedImageFamily.ImageIdSupplied",
            "The input parameter ImageFamily must be null when image id is set.",
        )
    if family:
        image = newest_of_family(call.store, call, family)
        if image is None:
            raise ApiFault(
                403,
                "InvalidImageFamily.MissingAvailableImage",
                "There is no available image related to the specified image family.",
            )
    else:
        image = call.store.get(Image, _required(call, "ImageId"))
    seen = image is not None and image.region in (call.region, EVERYWHERE)
    if image is None or not seen or owner_alias(image, call.account) == "hidden":
        raise no_such_image()
    if image.status(call.now) not in (READY, DEPRECATED):
        raise ApiFault(403, "ImageNotReady", "The specified image is not ready.")
    if http_tokens(call) == "required" and image.imds_support == "v1":
        raise ApiFault(403, "ImageNotSupportHttpTokens", "The specified image does not support HttpTokens=required.")
    if image.architecture != kind.architecture:
        raise ApiFault(
            403, "ImageNotSupportInstanceType", "The specified image does not support the specified instance type."
        )
    return image


def http_tokens(call: Call) -> str:
    """Return whether the metadata service requires a token: ``optional`` or ``required``."""
    fault = ApiFault(
        400,
        "InvalidHttpTokens.NotSupported",
        "The specified HttpTokens not supported, you can use optional(default) or required.",
    )
    return call.params.choice("HttpTokens", ("optional", "required"), "optional", fault)


def place(call: Call) -> tuple[VSwitch, tuple[str, ...]]:
    """Return the launch's vSwitch and its security groups."""
    vswitch = named_or_default(call)
    if vswitch is None or vswitch.owner != call.account or vswitch.region != call.region:
        raise ApiFault(404, "InvalidVSwitchId.NotFound", "The specified virtual switch does not exist.")
    if call.params.text("ZoneId") not in ("", vswitch.zone):
        raise ApiFault(400, "InvalidParameter.Mismatch", "The specified ZoneId does not match the vSwitch's.")
    single, names = call.params.text("SecurityGroupId"), call.params.items("SecurityGroupIds")
    if single and names:
        raise ApiFault(
            400,
            "InvalidSecurityGroupId.SingleIdAndMultiIdConflict",
            "SecurityGroupId and SecurityGroupIds cannot both be specified.",
        )
    names = [single] if single else names
    if not names:
        raise missing("SecurityGroupId")
    if len(set(names)) < len(names):
        raise ApiFault(400, "InvalidParameter.SecurityGroupIdRepeated", "The security group ID passed in is duplicate.")
    # The table has two codes for this; the other one, InvalidParameter.Mismatch, is also a vSwitch's in another zone.
    mismatch = ApiFault(
        403,
        "OperationDenied.InconsistentNetwork",
        "The specified security group and vswitch are not in the same vpc.",
    )
    return vswitch, require_groups(call, names, region=call.region, vpc=vswitch.vpc, mismatch=mismatch)


def bandwidths(call: Call) -> tuple[int, int]:
    """Return the Mbit/s of the public address to the internet, and from it."""
    out = call.params.number("InternetMaxBandwidthOut", 0, 0, MAX_BANDWIDTH)
    most = max(out, LEAST_BANDWIDTH_IN)
    into = int(call.params.text("InternetMaxBandwidthIn", str(most)))
    if not 1 <= into <= most:
        raise ApiFault(
            400,
            "InvalidInternetMaxBandwidthIn.Malformed",
            "The specified parameter internetMaxBandwidthIn is not valid.",
        )
    return out, into


def internet_charge(call: Call) -> str:
    """Return how the traffic of the public address is charged."""
    fault = ApiFault(
        400, "InvalidInternetChargeType.ValueNotSupported", "The specified InternetChargeType is not valid."
    )
    return call.params.choice("InternetChargeType", ("PayByTraffic", "PayByBandwidth"), "PayByTraffic", fault)


def check_key_pair(call: Call) -> None:
    """Check that the key pair exists."""
    name = call.params.text("KeyPairName")
    if name and not key_pair(call.store, call.account, call.region, name):
        raise ApiFault(404, "InvalidKeyPairName.NotFound", "The specified KeyPairName does not exist.")


def check_role(call: Call) -> None:
    """Check the permission to give an instance a role (``ram:PassRole``)."""
    if call.params.text("RamRoleName"):
        ram.authorize(call.store, call.caller, "ram:PassRole", call.params)


def user_data(call: Call) -> str:
    """Return the user data, as it came: in base64."""
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


def wanted_release(call: Call) -> float:
    """Return when the instances are released (default: NEVER)."""
    text = call.params.text("AutoReleaseTime")
    return release_time(text, call.now) if text else NEVER


def release_time(text: str, now: float) -> float:
    """Return the moment, rounded down to the minute.

    Raises:
        ApiFault: it is not a valid time, less than 30 minutes ahead or more than three years.
    """
    try:
        moment = parse_iso(text)
    except ValueError:
        moment = 0.0
    moment -= moment % 60
    # The current minute counts completely, or exactly half an hour would never be valid.
    if not now - now % 60 + MIN_RELEASE_SECONDS <= moment <= now + MAX_RELEASE_SECONDS:
        raise ApiFault(400, "InvalidAutoReleaseTime.Malformed", "The specified parameter AutoReleaseTime is not valid.")
    return moment


def used_cpus(call: Call, *, spot: bool) -> int:
    """Return how many vCPUs the account's spot instances in the region have, or its pay-as-you-go ones."""
    return sum(
        INSTANCE_TYPES[instance.type].cpus
        for instance in call.store.all(Instance)
        if instance.owner == call.account
        and instance.region == call.region
        and instance.type in INSTANCE_TYPES
        and (instance.strategy != "NoSpot") == spot
        and not instance.saves
    )


def require_quota(call: Call, kind: InstanceType, amount: int) -> None:
    """Check the account's quota of vCPUs, which spot instances and pay-as-you-go ones have each."""
    spot = call.params.text("SpotStrategy") not in ("", "NoSpot")
    if used_cpus(call, spot=spot) + kind.cpus * amount > call.settings.cpu_quota:
        raise ApiFault(403, "QuotaExceed.ElasticQuota", "The number of vCPUs has reached the quota of the account.")


def bid_for(call: Call, kind: InstanceType, zone: str) -> Bid:
    """Return the bid of the launch, at the current price."""
    params = call.params
    strategy = params.choice(
        "SpotStrategy",
        ("NoSpot", "SpotWithPriceLimit", "SpotAsPriceGo"),
        "NoSpot",
        ApiFault(400, "InvalidSpotStrategy", "The specified SpotStrategy is not valid."),
    )
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
    if not 0 < limit < math.inf:
        raise ApiFault(400, "InvalidSpotPriceLimit", "The specified SpotPriceLimit is not valid.")
    # Documented with three decimals. The guide's own scripts send four, and are launched.
    limit = round(limit, 3)
    if limit < price:
        raise ApiFault(
            400,
            "InvalidSpotPriceLimit.LowerThanPublicPrice",
            "The specified parameter SpotPriceLimit can't be lower than current public price.",
        )
    return Bid(strategy, limit, price, protected)


def interruption(call: Call) -> str:
    """Return what a reclaim does: ``Terminate`` or ``Stop``."""
    fault = ApiFault(
        400, "InvalidSpotInterruptionBehavior", "The specified SpotInterruptionBehavior parameter is not supported."
    )
    return call.params.choice("SpotInterruptionBehavior", ("Terminate", "Stop"), "Terminate", fault)


def protected_from_deletion(call: Call, bid: Bid) -> bool:
    """Return whether no call deletes the instances, which spot instances cannot have."""
    wanted = call.params.flag("DeletionProtection")
    if wanted and bid.spot:
        raise ApiFault(
            403,
            "InvalidChargeType.ValueNotSupported",
            "Deletion protection is only valid for postPaid instance, not for prePaid or spot instance.",
        )
    return wanted


def stock_left(call: Call, kind: InstanceType, zone: str, bid: Bid) -> int:
    """Return how many more can be started: the stock, less the running instances."""
    stock = (spot_stock if bid.spot else on_demand_stock)(call.settings.market, kind, zone, call.now)
    running = sum(
        instance.type == kind.id
        and instance.zone == zone
        and (instance.strategy != "NoSpot") == bid.spot
        and not instance.saves
        for instance in call.store.all(Instance)
    )
    return max(0, stock - running)


def _required(call: Call, name: str) -> str:
    value = call.params.text(name)
    if not value:
        raise ApiFault(
            400,
            "MissingParameter",
            f"The input parameter {name} that is mandatory for processing this request is not supplied.",
        )
    return value


def _count(call: Call, name: str, default: int) -> int:
    # The gateway has checked that it is a number.
    return int(call.params.text(name, str(default)))
