"""Instances and offers, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from goldrun.cli.json.encoding import at, public
from goldrun.cloud import instances
from goldrun.launch import launch, offers


@public
class Instance:
    """An instance.

    Attributes:
        instance_id: its id, `i-…`.
        instance_name: its name.
        status: `Pending`, `Starting`, `Running`, `Stopping` or `Stopped`.
        type: its instance type.
        zone: its zone.
        image_id: the image it was created from.
        creation_time: when it was created.
        release_time: when it is released automatically; null: never.
        spot: whether it is a spot instance.
        price_limit: its price limit per hour; null: no limit of its own.
        reclaimed: whether the market has announced that it reclaims the instance.
        private_ip: its private address; empty: none yet.
        public_ip: its public address; empty: none.
        tags: its tags.
    """

    instance_id: str
    instance_name: str
    status: str
    type: str
    zone: str
    image_id: str
    creation_time: datetime
    release_time: datetime | None
    spot: bool
    price_limit: float | None
    reclaimed: bool
    private_ip: str
    public_ip: str
    tags: Mapping[str, str]

    @classmethod
    def of(cls, instance: instances.Instance) -> Self:
        """Return the object for an instance."""
        return cls(
            instance_id=instance.id,
            instance_name=instance.name,
            status=instance.status,
            type=instance.type,
            zone=instance.zone,
            image_id=instance.image_id,
            creation_time=at(instance.created),
            release_time=None if instance.released is None else at(instance.released),
            spot=instance.spot,
            price_limit=instance.limit or None,
            reclaimed=instance.reclaimed,
            private_ip=instance.private_ip,
            public_ip=instance.public_ip,
            tags=instance.tags,
        )


@public
class Offer:
    """An instance type in a zone, at a price.

    Attributes:
        type: the instance type.
        zone: the zone.
        price: the price per hour.
        list_price: the price per hour without the spot discount; null: not known.
        currency: of all prices here, e.g. `CNY`.
        price_per_cpu: the price of one vCPU per hour; null: not known.
        saving: how far the price is below the list price, from 0 to 1; null: not known.
        cpus: vCPUs; null: not known.
        memory_gib: memory in GiB; null: not known.
        architecture: `amd64` or `arm64`; empty: not known.
        reclaim_rate: the share of such instances that the market reclaims, from 0 to 1; null: not known.
        stock: as ECS reports it: `WithStock`, or `ClosedWithStock` when little is left.
        disks: system disk categories that it can have.
        trend: its prices in the last hours, oldest first.
        spot: whether it is a spot offer; else it is at the list price.
        vswitch_id: the vSwitch that an instance would be placed in; empty: not decided.
    """

    type: str
    zone: str
    price: float
    list_price: float | None
    currency: str
    price_per_cpu: float | None
    saving: float | None
    cpus: int | None
    memory_gib: float | None
    architecture: str
    reclaim_rate: float | None
    stock: str
    disks: tuple[str, ...]
    trend: tuple[float, ...]
    spot: bool
    vswitch_id: str

    @classmethod
    def of(cls, offer: offers.Offer) -> Self:
        """Return the object for an offer."""
        return cls(
            type=offer.type,
            zone=offer.zone,
            price=offer.price,
            list_price=offer.list_price or None,
            currency=offer.currency,
            price_per_cpu=offer.price_per_cpu if offer.cpus else None,
            saving=offer.saving if offer.list_price else None,
            cpus=offer.cpus or None,
            memory_gib=offer.memory or None,
            architecture=offer.architecture,
            reclaim_rate=offer.rate,
            stock=offer.stock,
            disks=offer.disks,
            trend=offer.trend,
            spot=offer.spot,
            vswitch_id=offer.vswitch,
        )


@public
class Launch:
    """Instances that were launched together.

    Attributes:
        instance_ids: their ids.
        offer: the offer that was used; null: an earlier run of the same launch created them.
        price_limit: the price limit of one per hour; null: no limit.
    """

    instance_ids: tuple[str, ...]
    offer: Offer | None
    price_limit: float | None

    @classmethod
    def of(cls, launched: launch.Launched) -> Self:
        """Return the object for a launch."""
        offer = Offer.of(launched.offer) if launched.offer else None
        return cls(instance_ids=launched.ids, offer=offer, price_limit=launched.limit)
