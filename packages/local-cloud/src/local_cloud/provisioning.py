"""Fills auto provisioning groups: launches the missing instances, from the offers in the order of the strategy."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from msgspec.structs import replace as changed

from local_cloud import lifecycle
from local_cloud.actions import run_instances
from local_cloud.actions.launch_templates import launch_values
from local_cloud.actions.registry import Call, random_word
from local_cloud.errors import ApiFault
from local_cloud.instance_types import INSTANCE_TYPES
from local_cloud.market import spot_price
from local_cloud.params import Params
from local_cloud.records import GroupOffer, Instance, ProvisioningGroup, ProvisioningTask, VSwitch


def members(call: Call, group: ProvisioningGroup) -> list[Instance]:
    """Return the group's instances that exist and are not being deleted."""
    found = (call.store.get(Instance, instance_id) for instance_id in group.instances)
    return [instance for instance in found if instance and instance.status(call.now) not in ("Stopping", "Stopped")]


def fill(call: Call, group: ProvisioningGroup) -> tuple[ProvisioningGroup, list[Instance]]:
    """Bring a group to its capacity, as far as offers allow; return the changed group, and the new instances."""
    launched = members(call, group)
    made: list[Instance] = []
    refusals: list[tuple[str, str]] = []
    for spot, missing in _missing(group, launched):
        made += _launch(call, group, missing, refusals, spot=spot)
    deleted = _excess(call, group, launched) if not made else []
    if not made and not deleted and not refusals:
        return group, []
    task = ProvisioningTask(
        id=f"apgt-{random_word(12)}",
        at=call.now,
        made=tuple(instance.id for instance in made),
        deleted=tuple(instance.id for instance in deleted),
        refusals=tuple(dict.fromkeys(refusals)),
    )
    left = tuple(instance.id for instance in launched if instance not in deleted)
    group = changed(group, instances=(*left, *task.made), tasks=(*group.tasks[-99:], task))
    call.store.put(group)
    return group, made


def remove(call: Call, instances: list[Instance]) -> None:
    """Delete instances of a group."""
    lifecycle.release(call.store, call.settings.market, instances, call.now)


def capacity(group: ProvisioningGroup, instances: list[Instance], *, spot: bool) -> float:
    """Return the capacity that instances of one kind provide."""
    weights = {offer.type: offer.weight for offer in group.offers}
    return sum(weights.get(one.type, 1.0) for one in instances if (one.strategy != "NoSpot") is spot)


def _launch(
    call: Call, group: ProvisioningGroup, missing: float, refusals: list[tuple[str, str]], *, spot: bool
) -> list[Instance]:
    """Launch the missing capacity; do not retry an offer that is refused."""
    made: list[Instance] = []
    offers = deque(_ordered(call, group, spot=spot))
    while missing > 0 and offers:
        try:
            (instance,), _ = run_instances.launch(_call(call, group, offers[0], spot=spot), 1, 1, state="Running")
        except ApiFault as fault:
            refusals.append((fault.code, fault.message))
            offers.popleft()
            continue
        made.append(instance)
        missing -= offers[0].weight
        if spot and group.spot_order == "diversified":
            offers.rotate(-1)
    return made


def _missing(group: ProvisioningGroup, launched: list[Instance]) -> Iterator[tuple[bool, float]]:
    """Yield the missing capacity of pay-as-you-go and of spot instances, and whether it is for spot instances."""
    rest = max(0.0, group.total - group.spot - group.on_demand)
    for spot, wanted in ((False, group.on_demand), (True, group.spot)):
        mine = rest if (group.rest == "Spot") is spot else 0.0
        yield spot, wanted + mine - capacity(group, launched, spot=spot)


def _excess(call: Call, group: ProvisioningGroup, launched: list[Instance]) -> list[Instance]:
    """Delete and return the instances that exceed the capacity, newest first."""
    deleted: list[Instance] = []
    for spot, missing in _missing(group, launched) if group.excess == "termination" else ():
        excess = -missing
        kind = [one for one in launched if (one.strategy != "NoSpot") is spot]
        while kind and excess >= (weight := capacity(group, kind[-1:], spot=spot)):
            excess -= weight
            deleted.append(kind.pop())
    remove(call, deleted)
    return deleted


def _ordered(call: Call, group: ProvisioningGroup, *, spot: bool) -> list[GroupOffer]:
    offers = list(group.offers) or [GroupOffer(type="", vswitch="")]
    strategy = group.spot_order if spot else group.on_demand_order
    if strategy == "prioritized":
        return sorted(offers, key=lambda offer: offer.priority)
    return sorted(offers, key=lambda offer: _price(call, offer, spot=spot) / offer.weight)


def _price(call: Call, offer: GroupOffer, *, spot: bool) -> float:
    kind, vswitch = INSTANCE_TYPES.get(offer.type), call.store.get(VSwitch, offer.vswitch)
    if kind is None:
        return 0.0
    return spot_price(call.settings.market, kind, vswitch.zone, call.now) if spot and vswitch else kind.price


def _call(call: Call, group: ProvisioningGroup, offer: GroupOffer, *, spot: bool) -> Call:
    """Return the call of RunInstances that launches an offer."""
    limit = offer.limit or group.limit
    values = {
        **group.launch,
        **({"InstanceType": offer.type} if offer.type else {}),
        **({"VSwitchId": offer.vswitch} if offer.vswitch else {}),
        "SpotStrategy": ("SpotWithPriceLimit" if limit else "SpotAsPriceGo") if spot else "NoSpot",
        **({"SpotPriceLimit": str(limit)} if spot and limit else {}),
    }
    for number, (key, value) in enumerate(group.tags.items(), 1):
        values |= {f"Tag.{number}.Key": key, f"Tag.{number}.Value": value}
    wanted = replace(call, params=Params(values))
    return replace(wanted, params=launch_values(wanted))
