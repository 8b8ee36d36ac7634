"""RunInstances, and the older CreateInstance, with the checks of the real ones, in their order."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from msgspec import structs

from local_cloud.actions import launch_checks as checks
from local_cloud.actions import launch_disks
from local_cloud.actions.eips import free_public_addresses
from local_cloud.actions.launch_interfaces import without_interfaces
from local_cloud.actions.launch_names import host_names, instance_names
from local_cloud.actions.launch_templates import launch_values
from local_cloud.actions.launch_undone import check_undone
from local_cloud.actions.private_addresses import addresses_from, free_addresses
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_launch_names, check_tags
from local_cloud.errors import ApiFault, dry_run
from local_cloud.instance_types import InstanceType
from local_cloud.lifecycle import appoint_reclaim
from local_cloud.market import sold_in
from local_cloud.records import Disk, Image, Instance, VSwitch


@action("RunInstances", idempotent=True)
def run_instances(call: Call) -> Answer:
    """Create instances and start them, all of them or at least ``MinAmount``."""
    call = replace(call, params=launch_values(call))
    amount, least = checks.amounts(call)
    made, price = launch(call, amount, least, state="Running")
    return {
        "InstanceIdSets": {"InstanceIdSet": [instance.id for instance in made]},
        "TradePrice": round(price * len(made), 3),
        "OrderId": "",
    }


@action("CreateInstance", idempotent=True)
def create_instance(call: Call) -> Answer:
    """Create one stopped instance, without a public address: AllocatePublicIpAddress assigns one."""
    (made,), price = launch(call, 1, 1, state="Stopped")
    return {"InstanceId": made.id, "TradePrice": round(price, 3), "OrderId": ""}


def launch(call: Call, amount: int, least: int, *, state: str) -> tuple[list[Instance], float]:
    """Create instances; return them, and the price of one for an hour."""
    call = replace(call, params=without_interfaces(call.params))
    check_undone(call)
    check_launch_names(call.params)
    instance_name, host_name = instance_names(call, amount), host_names(call, amount)
    wanted = _wanted(call)
    terms = _terms(call, wanted, amount)
    amount = _in_stock(call, wanted, terms.bid, amount, least)
    addresses = _addresses(call, wanted.vswitch, amount, least)
    is_public = wanted.bandwidth > 0 and state == "Running"
    public_addresses = free_public_addresses(call.store, len(addresses)) if is_public else []
    if call.params.flag("DryRun"):
        raise dry_run()
    model = _model(call, wanted, terms, state)
    made: list[Instance] = []
    for number, address in enumerate(addresses):
        instance_id, disk_id = call.new_id("i-"), call.new_id("d-")
        instance = structs.replace(
            model,
            id=instance_id,
            name=instance_name(number, instance_id),
            host_name=host_name(number, instance_id),
            disk=disk_id,
            ip=address,
            public_ip=public_addresses[number] if is_public else "",
        )
        made.append(appoint_reclaim(call.settings.market, instance))
        call.store.put(_disk(instance, wanted.system, disk_id))
        call.store.put(*(_disk(instance, disk, call.new_id("d-")) for disk in wanted.data))
    call.store.put(*made)
    return made, terms.bid.price


class _Wanted(NamedTuple):
    """What a launch asks for, the same for each instance."""

    kind: InstanceType
    image: Image
    vswitch: VSwitch
    security_groups: tuple[str, ...]
    user_data: str
    auto_release: float
    system: launch_disks.NewDisk
    data: list[launch_disks.NewDisk]
    tags: dict[str, str]
    bandwidth: int
    bandwidth_in: int
    internet_charge: str


def _wanted(call: Call) -> _Wanted:
    """Return what the launch asks for, if it is valid; the arguments are checked in this order."""
    kind = checks.instance_type(call)
    image = checks.bootable_image(call, kind)
    vswitch, groups = checks.place(call)
    checks.check_key_pair(call)
    checks.check_role(call)
    user_data, auto_release = checks.user_data(call), checks.wanted_release(call)
    system = launch_disks.system_disk(call, kind, image, vswitch.zone)
    data = launch_disks.data_disks(call, kind, image)
    tags = check_tags(call.params.pairs("Tag"))
    bandwidth, bandwidth_in = checks.bandwidths(call)
    return _Wanted(
        kind=kind,
        image=image,
        vswitch=vswitch,
        security_groups=groups,
        user_data=user_data,
        auto_release=auto_release,
        system=system,
        data=data,
        tags=tags,
        bandwidth=bandwidth,
        bandwidth_in=bandwidth_in,
        internet_charge=checks.internet_charge(call),
    )


class _Terms(NamedTuple):
    """The price of a launch, and what a reclaim and a deletion do to its instances."""

    bid: checks.Bid
    behavior: str
    undeletable: bool


def _terms(call: Call, wanted: _Wanted, amount: int) -> _Terms:
    """Return the terms of a launch, if the account can afford it and the zone sells the type."""
    zone = wanted.vswitch.zone
    if not call.settings.balance:
        raise ApiFault(403, "InvalidAccountStatus.NotEnoughBalance", "Your account does not have enough balance.")
    checks.require_quota(call, wanted.kind, amount)
    if not sold_in(call.settings.market, wanted.kind, zone):
        raise ApiFault(403, "Zone.NotOnSale", "The resource in the specified zone is no longer available for sale.")
    bid = checks.bid_for(call, wanted.kind, zone)
    return _Terms(bid, checks.interruption(call), checks.protected_from_deletion(call, bid))


def _in_stock(call: Call, wanted: _Wanted, bid: checks.Bid, amount: int, least: int) -> int:
    """Return how many of the instances are in stock, if these are enough."""
    left = checks.stock_left(call, wanted.kind, wanted.vswitch.zone, bid)
    if left < least:
        raise ApiFault(
            403,
            "OperationDenied.NoStock",
            "The requested resource is sold out in the specified zone; try other types of resources or other regions "
            "and zones.",
        )
    return min(amount, left)


def _model(call: Call, wanted: _Wanted, terms: _Terms, state: str) -> Instance:
    """Return an instance of the launch, without its id, names, addresses and system disk."""
    return Instance(
        id="",
        region=call.region,
        owner=call.account,
        description=call.params.text("Description"),
        created=call.now,
        state=state,
        ready=call.now + call.settings.boot_seconds if state == "Running" else call.now,
        tags=wanted.tags,
        image=wanted.image.id,
        architecture=wanted.kind.architecture,
        disk_size=wanted.system.size,
        type=wanted.kind.id,
        zone=wanted.vswitch.zone,
        vswitch=wanted.vswitch.id,
        vpc=wanted.vswitch.vpc,
        security_groups=wanted.security_groups,
        bandwidth=wanted.bandwidth,
        bandwidth_in=wanted.bandwidth_in,
        internet_charge=wanted.internet_charge,
        key_pair=call.params.text("KeyPairName"),
        role=call.params.text("RamRoleName"),
        user_data=wanted.user_data,
        http_tokens=checks.http_tokens(call),
        strategy=terms.bid.strategy,
        limit=terms.bid.limit,
        protected=terms.bid.protected,
        behavior=terms.behavior,
        price=terms.bid.price,
        auto_release=wanted.auto_release,
        undeletable=terms.undeletable,
    )


def _disk(instance: Instance, new: launch_disks.NewDisk, disk_id: str) -> Disk:
    """Return a disk of a new instance."""
    return Disk(
        id=disk_id,
        region=instance.region,
        owner=instance.owner,
        name=new.traits.name,
        description=new.traits.description,
        created=instance.created,
        tags=instance.tags,
        zone=instance.zone,
        category=new.category,
        size=new.size,
        kind=new.kind,
        instance=instance.id,
        with_instance=new.with_instance,
        level=new.traits.level,
        encrypted=new.traits.encrypted,
        key=new.traits.key,
        device=new.device,
        snapshot=new.snapshot,
    )


def _addresses(call: Call, vswitch: VSwitch, most: int, least: int) -> list[str]:
    """Return the instances' private addresses: from ``PrivateIpAddress`` on, or whatever is free."""
    if first := call.params.text("PrivateIpAddress"):
        return addresses_from(call.store, vswitch, first, most)
    addresses = list(islice(free_addresses(call.store, vswitch), most))
    if len(addresses) < least:
        raise ApiFault(400, "QuotaExceeded.PrivateIpAddress", "Don't have enough private IPs in this switch.")
    return addresses
