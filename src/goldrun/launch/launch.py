"""Gets instances: walks the offers until one is given, and never gets two for one.

Every call carries a ``ClientToken`` made from what the launch is for and the offer that is tried. A call whose outcome
is not known is repeated with the same token. If it stays unknown, or the repetition is refused, what it made is looked
for by its tag before anything else is tried or told. Whatever a launch that fails or is interrupted has made is found
in the same way, and deleted.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient, Parameter
from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import describe_instances, release, with_release_time
from goldrun.cloud.tags import LAUNCH, OWNED, RUNNER_TYPE, to_api
from goldrun.errors import GoldrunError, RefusedError, UnavailableError, UsageError
from goldrun.launch.offers import Offer
from goldrun.waiting import LAG_SECONDS, watch

INSTANCES_A_CALL = 100
MAX_USER_DATA = 32 * 1024
DEFAULT_LIFE_SECONDS = 240 * 60.0
LIMIT_FACTOR = 1.2  # the price cap over the current price
SHOWN_REFUSALS = 5
INTERRUPTED_SECONDS = 2.0

# What ECS answers when this offer cannot be had and another may. Everything else that is not passing is a person's to
# mend: permission, balance, quota, a wrong id. Source: the error table of RunInstances.
NEXT_OFFER = (
    "OperationDenied.NoStock",
    "Zone.NotOnSale",
    "InvalidResourceType.NotSupported",
    "InvalidInstanceType.NotSupported",
    "InvalidInstanceType.ZoneNotSupported",
    "InvalidSystemDiskCategory.ValueNotSupported",
    "InvalidSpotPriceLimit.LowerThanPublicPrice",
    "InvalidVSwitchId.IpNotEnough",
)


# Of these, the ones that no other disk helps against.
SOLD_OUT = ("OperationDenied.NoStock", "Zone.NotOnSale", "InvalidInstanceType.NotSupported")


@dataclass(frozen=True)
class Request:
    """What is to be launched.

    Attributes:
        key: what it is for: the same key again is the same launch, and gets the same instances.
        image_id: the image; or else ``image_family``.
        image_family: the family whose newest image is taken.
        security_group: its security group.
        name: the instances' name.
        amount: how many; all of them or none.
        life: seconds after which an instance is released by itself, at least 1,800.
        key_pair: an SSH key pair; empty: none.
        role: the RAM role that the instance has; empty: none.
        user_data: what it runs when it boots first.
        disk_size: GiB of the system disk; None: the image's.
        encrypted: whether the system disk is encrypted.
        public_ip: whether it gets an address on the internet.
        protected: whether the market leaves a spot instance alone in its first hour; without that it is cheaper.
        tags: beside goldrun's own.
    """

    key: str
    security_group: str
    image_id: str = ""
    image_family: str = ""
    name: str = "github-runner"
    amount: int = 1
    life: float = DEFAULT_LIFE_SECONDS
    key_pair: str = ""
    role: str = ""
    user_data: bytes = b""
    disk_size: int | None = None
    encrypted: bool = False
    public_ip: bool = False
    protected: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Launched:
    """Instances that were given for an offer.

    Attributes:
        ids: the instances.
        offer: what was taken; None: they were there already, from an earlier run of the same launch.
        limit: the most that an hour of one may cost; None: no limit.
    """

    ids: tuple[str, ...]
    offer: Offer | None = None
    limit: float | None = None


Tell = Callable[[str], None]
Deliver = Callable[[Sequence[Launched]], None]


def launch(
    client: EcsClient,
    request: Request,
    offers: Iterable[Offer],
    *,
    resume: bool = False,
    tell: Tell = lambda _: None,
    deliver: Deliver = lambda _: None,
) -> list[Launched]:
    """Get the instances that are wanted.

    Args:
        client: the cloud.
        request: what is to be launched.
        offers: where it is tried, in this order; read as far as needed.
        resume: look first for what an earlier run with the same key has got (one call more).
        tell: told, in words, why an offer was passed over.
        deliver: gives the instances to whoever wants them; if it fails, they are deleted, as nobody would know of them.

    Raises:
        UsageError: the request cannot be sent as it is.
        RefusedError: no offer gives enough.
        ApiError: ECS refuses for a reason that no other offer can mend.
        UnreachableError: the outcome is not known.
    """
    check(request)
    before = tuple(_made(client, request)) if resume else ()
    got = [Launched(before[: request.amount])] if before else []
    try:
        _walk(client, request, offers, got, tell)
        deliver(got)
    except BaseException as error:
        _undo(client, request, before, got, error)
        raise
    return got


def check(request: Request) -> None:
    """See that the request can be sent.

    Raises:
        UsageError: it cannot.
    """
    if bool(request.image_id) == bool(request.image_family):
        raise UsageError("Name one image: by its id or by its family.")
    if len(request.user_data) > MAX_USER_DATA:
        raise UsageError(
            f"The user data is {len(request.user_data):,} bytes long; ECS takes {MAX_USER_DATA:,}.",
            fix=["let it fetch the rest, or put it into the image."],
        )
    if request.amount < 1:
        raise UsageError("The amount must be 1 or more.")


def price_limit(offer: Offer) -> float | None:
    """The price cap of an offer: a fifth above its price, but never above the list price."""
    if not offer.spot:
        return None
    if offer.limit is not None:
        return offer.limit
    limit = offer.price * LIMIT_FACTOR
    return round(max(offer.price, min(limit, offer.list_price or limit)), 3)


def _walk(client: EcsClient, request: Request, offers: Iterable[Offer], got: list[Launched], tell: Tell) -> None:
    """Add to what was got until it is enough."""
    if len(_ids(got)) >= request.amount:
        return
    refusals: list[str] = []
    sold_out: set[tuple[str, str, bool]] = set()
    for offer in offers:
        if (offer.type, offer.zone, offer.spot) in sold_out:
            continue
        while (missing := request.amount - len(_ids(got))) > 0:
            wanted = min(missing, INSTANCES_A_CALL)
            try:
                ids = _run(client, request, offer, wanted, len(got))
            except (ApiError, UnavailableError) as error:
                if error.unsure and (ids := _look_for(client, request, _ids(got))):
                    tell(f"the answer was lost, but not what it told of: {', '.join(ids)}.")
                    got.append(Launched(ids, offer, price_limit(offer)))
                    break
                if not isinstance(error, ApiError) or error.code not in NEXT_OFFER:
                    raise
                refusals.append(f"{offer.type} in {offer.zone}: {error.code}")
                tell(f"{refusals[-1]}; trying the next offer.")
                if error.code in SOLD_OUT:
                    sold_out.add((offer.type, offer.zone, offer.spot))
                break
            got.append(Launched(ids, offer, price_limit(offer)))
            if len(ids) < wanted:
                break
        if len(_ids(got)) >= request.amount:
            return
    raise RefusedError(
        f"No offer gives {_plural(request.amount - len(_ids(got)))}{' more' if got else ''} in {client.region}.",
        why=_shorten(refusals)
        or ["nothing that is as wished is in stock where there is a vSwitch (or the price limit is too low)."],
        fix=["widen the wish (--cpu, --type, --zone, --max-price), or allow --on-demand-fallback."],
    )


def _run(client: EcsClient, request: Request, offer: Offer, wanted: int, number: int) -> tuple[str, ...]:
    limit = price_limit(offer)
    tags = {**request.tags, **OWNED, **RUNNER_TYPE.of(), **LAUNCH.of(launch_tag(request.key))}
    params: dict[str, Parameter] = {
        "ImageId": request.image_id or None,
        "ImageFamily": request.image_family or None,
        "InstanceType": offer.type,
        "VSwitchId": offer.vswitch,
        "SecurityGroupId": request.security_group,
        "InstanceName": request.name,
        "UniqueSuffix": request.amount > 1 or None,
        "Amount": wanted,
        "MinAmount": 1,
        "InstanceChargeType": "PostPaid",
        "SpotStrategy": "SpotWithPriceLimit" if offer.spot else "NoSpot",
        "SpotPriceLimit": f"{limit:.3f}" if limit is not None else None,
        "SpotDuration": int(request.protected) if offer.spot else None,
        "SpotInterruptionBehavior": "Terminate" if offer.spot else None,
        "SystemDisk.Category": offer.disks[0] if offer.disks else None,
        "SystemDisk.Size": request.disk_size,
        "SystemDisk.Encrypted": request.encrypted or None,
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "InternetMaxBandwidthOut": 10 if request.public_ip else 0,
        "KeyPairName": request.key_pair or None,
        "RamRoleName": request.role or None,
        "UserData": base64.b64encode(request.user_data).decode() if request.user_data else None,
        "SecurityEnhancementStrategy": "Deactive",
        "Tag": to_api(tags),
        "ClientToken": _token(request.key, offer, number, wanted),
    }
    answer = with_release_time(
        client, request.life, lambda moment: client.call("RunInstances", {**params, "AutoReleaseTime": moment})
    )
    return tuple(answer["InstanceIdSets"]["InstanceIdSet"])


def _undo(
    client: EcsClient, request: Request, before: tuple[str, ...], got: list[Launched], error: BaseException
) -> None:
    """Delete what a launch that does not succeed has made; what cannot be deleted now is released by itself."""
    known = set(_ids(got)) - set(before)
    try:
        # An interrupt may have come between a call and its answer; and nobody waits long for one who is to end.
        found = _look_for(client, request, before, 0.0 if isinstance(error, GoldrunError) else INTERRUPTED_SECONDS)
        if ids := known | set(found):
            release(client, sorted(ids))
            error.add_note(f"{', '.join(sorted(ids))}: made, and deleted again.")
    except GoldrunError as second:
        error.add_note(f"what it made could not be deleted ({second.what}); it is released by itself, or by a sweep.")


def _look_for(
    client: EcsClient, request: Request, known: Sequence[str], seconds: float = LAG_SECONDS
) -> tuple[str, ...]:
    """What has the launch's tag beside what is known: two looks in a row must agree, as reads lag behind."""
    seen: list[str] = []

    def look() -> bool | None:
        nonlocal seen
        before, seen = seen, sorted(set(_made(client, request)) - set(known))
        return True if seen and seen == before else None

    watch(client.clock, look, seconds=seconds)
    return tuple(seen)


def _ids(got: Iterable[Launched]) -> list[str]:
    return [one for some in got for one in some.ids]


def _made(client: EcsClient, request: Request) -> list[str]:
    return [one.id for one in describe_instances(client, tags={**OWNED, **LAUNCH.of(launch_tag(request.key))})]


def launch_tag(key: str) -> str:
    """The value of the tag ``Launch``: the key may be longer than a tag, or secret."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _token(key: str, offer: Offer, number: int, wanted: int) -> str:
    disks = offer.disks[:1]
    meant = f"{key} {offer.type} {offer.zone} {offer.vswitch} {disks} {offer.spot} {number} {wanted}"
    return hashlib.sha256(meant.encode()).hexdigest()[:64]


def _shorten(refusals: list[str]) -> list[str]:
    more = len(refusals) - SHOWN_REFUSALS
    return refusals[:SHOWN_REFUSALS] + ([f"and {more} more."] if more > 0 else [])


def _plural(count: int) -> str:
    return "an instance" if count == 1 else f"{count} instances"
