"""Auto provisioning groups."""

from __future__ import annotations

import msgspec

from local_cloud.records.base import Resource


class GroupOffer(msgspec.Struct, frozen=True, kw_only=True):
    """An instance type and a vSwitch of a group, as its ``LaunchTemplateConfig`` has it.

    Attributes:
        type: the instance type.
        vswitch: the vSwitch.
        limit: the price limit per hour of a spot instance; 0: none.
        priority: 0 is the first; for the strategy ``prioritized``.
        weight: how much of the capacity an instance provides.
    """

    type: str
    vswitch: str
    limit: float = 0.0
    priority: int = 0
    weight: float = 1.0


class ProvisioningTask(msgspec.Struct, frozen=True, kw_only=True):
    """What a group has done once: the instances that it created or deleted, and the refusals, by their codes."""

    id: str
    at: float
    made: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()


class ProvisioningGroup(Resource, frozen=True, kw_only=True):
    """An auto provisioning group.

    Attributes:
        kind: ``request`` and ``instant`` launch once, ``maintain`` keeps up the capacity.
        launch: the parameters of its launches.
        offers: what it may launch; empty: the type and the vSwitch of its template.
        total: its target capacity.
        spot: of it, spot instances.
        on_demand: of it, instances at the list price.
        rest: what the rest is: ``Spot`` or ``PayAsYouGo``.
        spot_order: its strategy for spot instances.
        on_demand_order: its strategy for the others.
        terminates: deletes its instances when it is deleted.
        instances: what it has launched.
    """

    kind: str
    launch: dict[str, str]
    offers: tuple[GroupOffer, ...] = ()
    total: float = 0.0
    spot: float = 0.0
    on_demand: float = 0.0
    rest: str = "Spot"
    spot_order: str = "lowest-price"
    on_demand_order: str = "lowest-price"
    limit: float = 0.0
    excess: str = "no-termination"
    terminates: bool = False
    instances: tuple[str, ...] = ()
    tasks: tuple[ProvisioningTask, ...] = ()
