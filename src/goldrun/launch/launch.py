"""Launches instances: tries the offers until one succeeds, and never launches two instances instead of one.

Every call has a ``ClientToken`` derived from the launch's key and the offer. A call whose outcome is unknown is
repeated with the same token. If the outcome stays unknown, or the repetition is refused, the launch looks for its
instances by their tag before it tries or reports anything else. A launch that fails or is interrupted finds what it
created in the same way, and deletes it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.creation import Wanted, run_instances
from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import describe_instances
from goldrun.cloud.tags import LAUNCH, OWNED, RUNNER_TYPE
from goldrun.errors import GoldrunError, UnavailableError, UsageError
from goldrun.launch.lifetime import with_release_time
from goldrun.launch.offers import Offer
from goldrun.launch.refusals import Refusals
from goldrun.launch.release import release
from goldrun.launch.settings import MAX_USER_DATA, LaunchSettings
from goldrun.report import Report
from goldrun.waiting import LAG_SECONDS, watch

LIMIT_FACTOR = 1.2  # the price limit over the market price
INTERRUPTED_SECONDS = 2.0


@dataclass(frozen=True)
class Launched:
    """Instances created from an offer.

    Attributes:
        ids: the instances.
        offer: the offer; None: an earlier run of the same launch created them.
        limit: the price limit of one per hour; None: no limit.
    """

    ids: tuple[str, ...]
    offer: Offer | None = None
    limit: float | None = None


Deliver = Callable[[Sequence[Launched]], None]


def launch(
    client: EcsClient,
    settings: LaunchSettings,
    offers: Iterable[Offer],
    *,
    report: Report = lambda _: None,
    deliver: Deliver = lambda _: None,
) -> list[Launched]:
    """Launch the instances, trying the offers until there are enough.

    Args:
        client: the cloud.
        settings: what to launch; with ``resume``, the instances of an earlier attempt with the same key are looked for
            first (one more call).
        offers: what to try, in this order; read as far as needed.
        report: receives a sentence about every offer that was passed over.
        deliver: hands the instances over; if it fails, they are deleted, because nothing else knows of them.

    Raises:
        UsageError: the settings are not valid.
        RefusedError: the offers do not give enough instances.
        ApiError: ECS refuses for a reason that holds for every offer.
        UnreachableError: the outcome is not known.
    """
    check(settings)
    before = tuple(_made(client, settings)) if settings.resume else ()
    got = [Launched(before[: settings.amount])] if before else []
    tried: list[Offer] = []
    try:
        _walk(client, settings, offers, got, tried, report)
        deliver(got)
    except BaseException as error:
        if tried:
            _undo(client, settings, before, got, error)
        raise
    return got


def check(settings: LaunchSettings) -> None:
    """Check the settings.

    Raises:
        UsageError: they are not valid.
    """
    if bool(settings.image_id) == bool(settings.image_family):
        raise UsageError("Name one image: by its id or by its family.")
    if len(settings.user_data) > MAX_USER_DATA:
        raise UsageError(
            f"The user data is {len(settings.user_data):,} bytes long; ECS takes {MAX_USER_DATA:,}.",
            fix=["let the script fetch the rest, or put it into the image."],
        )
    if settings.amount < 1:
        raise UsageError("The amount must be 1 or more.")


def price_limit(offer: Offer, most: float | None = None) -> float | None:
    """Return the price limit of an offer: a fifth above its price, but never above the list price, nor ``most``.

    None: no limit of its own; a spot instance whose price is not known costs up to the list price.
    """
    if not offer.spot:
        return None
    # ECS takes three decimals, and its prices may have more: a limit below the price is refused.
    limits = [offer.limit, None if most is None else math.floor(most * 1000 + 1e-6) / 1000]
    if offer.price and offer.limit is None:
        limit = offer.price * LIMIT_FACTOR
        limit = max(offer.price, min(limit, offer.list_price or limit))
        limits.append(math.ceil(limit * 1000 - 1e-6) / 1000)
    return min((limit for limit in limits if limit is not None), default=None)


def _walk(
    client: EcsClient,
    settings: LaunchSettings,
    offers: Iterable[Offer],
    got: list[Launched],
    tried: list[Offer],
    report: Report,
) -> None:
    """Add launched instances to ``got`` until there are enough, and to ``tried`` each offer before it is asked for."""
    if len(_ids(got)) >= settings.amount:
        return
    refusals = Refusals(settings, report)
    for offer in offers:
        if refusals.rule_out(offer):
            continue
        while (missing := settings.amount - len(_ids(got))) > 0:
            wanted = min(missing, refusals.most(offer))
            tried.append(offer)
            try:
                ids = _run(client, settings, offer, wanted, len(got))
            except (ApiError, UnavailableError) as error:
                if error.unsure and (ids := _look_for(client, settings, _ids(got))):
                    report(f"the answer was lost, but the instances exist: {', '.join(ids)}.")
                    got.append(Launched(ids, offer, _limit(settings, offer)))
                    break
                if refusals.note(offer, wanted, error):
                    continue
                break
            got.append(Launched(ids, offer, _limit(settings, offer)))
            if len(ids) < wanted:
                break
        if len(_ids(got)) >= settings.amount:
            return
    raise refusals.to_error(settings.amount - len(_ids(got)), client.region, more=bool(got))


def _run(client: EcsClient, settings: LaunchSettings, offer: Offer, amount: int, number: int) -> tuple[str, ...]:
    wanted = Wanted(
        image_id=settings.image_id,
        image_family=settings.image_family,
        type=offer.type,
        vswitch=offer.vswitch,
        security_group=settings.network.security_group,
        name=settings.name,
        numbered=settings.amount > 1,
        amount=amount,
        spot=offer.spot,
        limit=_limit(settings, offer),
        protected=settings.protected,
        metadata_tokens=settings.metadata_tokens,
        disk=offer.disks[0] if offer.disks else "",
        disk_size=settings.disk_size,
        encrypted=settings.encrypted,
        disk_key=settings.disk_key,
        data_disks=settings.data_disks,
        public_ip=settings.public_ip,
        key_pair=settings.key_pair,
        role=settings.role,
        user_data=settings.user_data,
        tags={**settings.tags, **OWNED, **RUNNER_TYPE.of(), **LAUNCH.of(launch_tag(settings.key))},
        token=_token(settings.key, offer, number, amount),
    )
    return with_release_time(client, settings.life, lambda released: run_instances(client, wanted, released))


def _undo(
    client: EcsClient, settings: LaunchSettings, before: tuple[str, ...], got: list[Launched], error: BaseException
) -> None:
    """Delete what a failed launch has created; what cannot be deleted now has a release time."""
    known = set(_ids(got)) - set(before)
    try:
        # An interrupt may have come between a call and its answer; an interrupted process does not have long.
        found = _look_for(client, settings, before, 0.0 if isinstance(error, GoldrunError) else INTERRUPTED_SECONDS)
        if ids := known | set(found):
            release(client, sorted(ids))
            error.add_note(f"{', '.join(sorted(ids))}: created, and deleted again.")
    except GoldrunError as second:
        error.add_note(f"what it created could not be deleted: {second.what} A sweep or its release time deletes it.")


def _look_for(
    client: EcsClient, settings: LaunchSettings, known: Sequence[str], seconds: float = LAG_SECONDS
) -> tuple[str, ...]:
    """Return the instances with the launch's tag that are not known: reads lag behind, so two in a row must agree."""
    seen: list[str] = []

    def look() -> bool | None:
        nonlocal seen
        before, seen = seen, sorted(set(_made(client, settings)) - set(known))
        return True if seen and seen == before else None

    watch(client.clock, look, seconds=seconds)
    return tuple(seen)


def _limit(settings: LaunchSettings, offer: Offer) -> float | None:
    return price_limit(offer, settings.criteria.max_price)


def _ids(got: Iterable[Launched]) -> list[str]:
    return [instance_id for launched in got for instance_id in launched.ids]


def _made(client: EcsClient, settings: LaunchSettings) -> list[str]:
    tags = {**OWNED, **LAUNCH.of(launch_tag(settings.key))}
    # The oldest first: a repetition for fewer returns the same ones each time.
    found = sorted(describe_instances(client, tags=tags), key=lambda one: (one.created, one.id))
    return [instance.id for instance in found]


def launch_tag(key: str) -> str:
    """Return the value of the tag ``Launch``: a hash, as the key may be longer than a tag, or secret."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _token(key: str, offer: Offer, number: int, wanted: int) -> str:
    disks = offer.disks[:1]
    meant = f"{key} {offer.type} {offer.zone} {offer.vswitch} {disks} {offer.spot} {number} {wanted}"
    return hashlib.sha256(meant.encode()).hexdigest()[:64]
