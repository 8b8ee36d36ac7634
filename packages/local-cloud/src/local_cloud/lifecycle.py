"""The life of instances over time: automatic release, reclaim, deletion; and their cost.

There is no background task: due work is done before the next request is handled.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import zip_longest

from msgspec.structs import replace

from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.market import NEVER, NOTICE_SECONDS, PRICE_SECONDS, Market, reclaim_moment, spot_price
from local_cloud.records import Disk, Eip, Instance, Interruption, NetworkInterface, Usage
from local_cloud.store import Store

BILL_OFFSET_SECONDS = 8 * 3600.0  # the bill's days are in Beijing time


def settle(store: Store, now: float) -> None:
    """Do the work that is due by ``now``."""
    index = store.index(Instance)
    if now < index.derive("next end", lambda: min((one.ends() for one in index.records), default=NEVER)):
        return
    due = [instance for instance in index.records if instance.ends() <= now]
    settings, held = store.settings(), _Held(store)
    with store.transaction():
        for instance in due:
            end = instance.ends()
            if end == instance.reclaimed:
                store.put(_interruption(instance))
                if instance.behavior == "Stop":
                    ready = end + settings.stop_seconds
                    store.put(replace(instance, state="Stopped", ready=ready, reclaimed=NEVER))
                    continue
            _release(store, settings.market, instance, end, held)


def release(store: Store, market: Market, instances: Iterable[Instance], at: float) -> None:
    """Delete instances, and what is deleted with them."""
    held = _Held(store)
    for instance in instances:
        _release(store, market, instance, at, held)


class _Held:
    """What instances and network interfaces have, by whom: read once, however many are deleted."""

    def __init__(self, store: Store) -> None:
        self.disks = store.index(Disk).by(_instance_of)
        self.addresses = store.index(Eip).by(_bound_to)
        self.interfaces = store.index(NetworkInterface).by(_instance_of)


def _instance_of(one: Disk | NetworkInterface) -> str:
    return one.instance


def _bound_to(one: Eip) -> str:
    return one.bound_to


def _release(store: Store, market: Market, instance: Instance, at: float, held: _Held) -> None:
    store.remove(instance)
    store.put(usage(market, instance, at))
    if at < instance.reclaimed and noticed(instance, at):
        store.put(replace(_interruption(instance), status="Avoided"))
    for disk in held.disks.get(instance.id, ()):
        if disk.with_instance:
            store.remove(disk)
        else:
            store.put(replace(disk, instance="", device=""))
    _free(store, instance.id, held)


def _free(store: Store, owner: str, held: _Held) -> None:
    """Detach what a deleted instance or network interface had."""
    for address in held.addresses.get(owner, ()):
        store.put(replace(address, bound_to=""))
    for interface in held.interfaces.get(owner, ()):
        if interface.with_instance:
            store.remove(interface)
            _free(store, interface.id, held)
        else:
            store.put(replace(interface, instance=""))


def appoint_reclaim(market: Market, instance: Instance) -> Instance:
    """Return the instance, with the moment at which this market reclaims it."""
    kind = INSTANCE_TYPES.get(instance.type)
    if instance.strategy == "NoSpot" or kind is None:
        return instance
    moment = reclaim_moment(
        market,
        kind,
        instance.zone,
        instance.id,
        created=max(instance.created, instance.started),
        protected=instance.protected,
        limit=instance.limit,
    )
    return replace(instance, reclaimed=moment)


def change_market(store: Store, market: Market, now: float) -> None:
    """Change the market from now on; reclaims that were already announced stay."""
    with store.transaction():
        store.put(replace(store.settings(), market=market))
        for instance in store.all(Instance):
            if instance.reclaimed - NOTICE_SECONDS > now:
                changed = appoint_reclaim(market, instance)
                earliest = now + NOTICE_SECONDS
                store.put(replace(changed, reclaimed=max(earliest, changed.reclaimed)))


def noticed(instance: Instance, now: float) -> bool:
    """Return whether its reclaim has been announced."""
    return instance.reclaimed - NOTICE_SECONDS <= now


def usage(market: Market, instance: Instance, until: float) -> Usage:
    """Return the instance's cost: by the second it ran or kept its place, at the spot prices of the time."""
    kind = INSTANCE_TYPES.get(instance.type)
    amounts: dict[str, float] = {}
    moment = instance.created
    pauses = list(zip_longest(instance.stops[::2], instance.stops[1::2], fillvalue=until))
    while kind and moment < until:
        end = min(until, (moment // PRICE_SECONDS + 1) * PRICE_SECONDS)
        if resumed := next((last for first, last in pauses if first <= moment < last), None):
            moment = min(until, resumed)
            continue
        end = min([end, *(first for first, _ in pauses if first > moment)])
        spot = spot_price(market, kind, instance.zone, moment, protected=instance.protected)
        price = kind.price if instance.strategy == "NoSpot" else spot
        day = datetime.fromtimestamp(moment + BILL_OFFSET_SECONDS, UTC).strftime("%Y-%m-%d")
        amounts[day] = amounts.get(day, 0.0) + price * (end - moment) / 3600.0
        moment = end
    return Usage(
        id=instance.id,
        region=instance.region,
        owner=instance.owner,
        name=instance.name,
        created=instance.created,
        tags=instance.tags,
        type=instance.type,
        zone=instance.zone,
        spot=instance.strategy != "NoSpot",
        amounts=amounts,
    )


def _interruption(instance: Instance) -> Interruption:
    return Interruption(
        id=f"e-{instance.id.removeprefix('i-')}",
        region=instance.region,
        owner=instance.owner,
        created=instance.reclaimed,
        instance=instance.id,
    )
