"""RunInstances, and its older sibling CreateInstance, with the real ones' relevant checks in their order."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

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
from local_cloud.lifecycle import appoint_reclaim
from local_cloud.market import sold_in
from local_cloud.records import Disk, Instance, VSwitch


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
    """Create one instance, which has to be started, and has a public address only if it is allocated."""
    (made,), price = launch(call, 1, 1, state="Stopped")
    return {"InstanceId": made.id, "TradePrice": round(price, 3), "OrderId": ""}


def launch(call: Call, amount: int, least: int, *, state: str) -> tuple[list[Instance], float]:
    """Create instances, and return them and what an hour of one costs."""
    call = replace(call, params=without_interfaces(call.params))
    params = call.params
    check_undone(call)
    check_launch_names(params)
    named, hosts = instance_names(call, amount), host_names(call, amount)
    kind = checks.instance_type(call)
    image = checks.bootable_image(call, kind)
    vswitch, groups = checks.place(call)
    checks.check_key_pair(call)
    checks.check_role(call)
    user_data = checks.user_data(call)
    released = checks.wanted_release(call)
    system = launch_disks.system_disk(call, kind, image, vswitch.zone)
    extra = launch_disks.data_disks(call, kind, image)
    tags = check_tags(params.pairs("Tag"))
    bandwidth, bandwidth_in = checks.bandwidths(call)
    internet_charge = checks.internet_charge(call)
    if not call.settings.balance:
        raise ApiFault(403, "InvalidAccountStatus.NotEnoughBalance", "Your account does not have enough balance.")
    checks.require_quota(call, kind, amount)
    if not sold_in(call.settings.market, kind, vswitch.zone):
        raise ApiFault(403, "Zone.NotOnSale", "The resource in the specified zone is no longer available for sale.")
    bid = checks.bid_for(call, kind, vswitch.zone)
    behavior, undeletable = checks.interruption(call), checks.protected_from_deletion(call, bid)
    left = checks.stock_left(call, kind, vswitch.zone, bid)
    if left < least:
        raise ApiFault(
            403,
            "OperationDenied.NoStock",
            "The requested resource is sold out in the specified zone; try other types of resources or other regions "
            "and zones.",
        )
    addresses = _addresses(call, vswitch, min(amount, left), least)
    public = free_public_addresses(call.store, len(addresses)) if bandwidth and state == "Running" else []
    if params.flag("DryRun"):
        raise dry_run()
    one = Instance(
        id="",
        region=call.region,
        owner=call.account,
        description=params.text("Description"),
        created=call.now,
        state=state,
        ready=call.now + call.settings.boot_seconds if state == "Running" else call.now,
        tags=tags,
        image=image.id,
        architecture=kind.architecture,
        disk_size=system.size,
        type=kind.id,
        zone=vswitch.zone,
        vswitch=vswitch.id,
        vpc=vswitch.vpc,
        security_groups=groups,
        bandwidth=bandwidth,
        bandwidth_in=bandwidth_in,
        internet_charge=internet_charge,
        key_pair=params.text("KeyPairName"),
        role=params.text("RamRoleName"),
        user_data=user_data,
        http_tokens=checks.http_tokens(call),
        strategy=bid.strategy,
        limit=bid.limit,
        protected=bid.protected,
        behavior=behavior,
        price=bid.price,
        auto_release=released,
        undeletable=undeletable,
    )
    made: list[Instance] = []
    for number, address in enumerate(addresses):
        instance_id, disk_id = call.new_id("i-"), call.new_id("d-")
        instance = structs.replace(
            one,
            id=instance_id,
            name=named(number, instance_id),
            host_name=hosts(number, instance_id),
            disk=disk_id,
            ip=address,
            public_ip=public[number] if public else "",
        )
        made.append(appoint_reclaim(call.settings.market, instance))
        disks = [system._replace(id=disk_id), *(disk._replace(id=call.new_id("d-")) for disk in extra)]
        call.store.put(*(_disk(instance, disk) for disk in disks))
    call.store.put(*made)
    return made, bid.price


def _disk(instance: Instance, wanted: launch_disks.Wanted) -> Disk:
    """Return a disk of a new instance."""
    return Disk(
        id=wanted.id,
        region=instance.region,
        owner=instance.owner,
        name=wanted.traits.name,
        description=wanted.traits.description,
        created=instance.created,
        tags=instance.tags,
        zone=instance.zone,
        category=wanted.category,
        size=wanted.size,
        kind=wanted.kind,
        instance=instance.id,
        with_instance=wanted.with_instance,
        level=wanted.traits.level,
        encrypted=wanted.traits.encrypted,
        key=wanted.traits.key,
        device=wanted.device,
        snapshot=wanted.snapshot,
    )


def _addresses(call: Call, vswitch: VSwitch, most: int, least: int) -> list[str]:
    """Return the instances' private addresses: from ``PrivateIpAddress`` on, or whatever is free."""
    if first := call.params.text("PrivateIpAddress"):
        return addresses_from(call.store, vswitch, first, most)
    addresses = list(islice(free_addresses(call.store, vswitch), most))
    if len(addresses) < least:
        raise ApiFault(400, "QuotaExceeded.PrivateIpAddress", "Don't have enough private IPs in this switch.")
    return addresses
