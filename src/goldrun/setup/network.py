"""The network of a setup: a VPC, a vSwitch in each zone, a security group, and a NAT gateway if one is wanted."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from goldrun.cloud import nat, vpcs
from goldrun.cloud.network import describe_vswitches
from goldrun.errors import RefusedError, UsageError
from goldrun.setup.kinds import LATER, Facts, Found, Site, patiently
from goldrun.waiting import wait_for

DEFAULT_CIDR = "10.85.0.0/16"
# One vSwitch for each letter that a zone may end with; the smallest has eight addresses.
ZONE_BITS = 5
LARGEST, SMALLEST = 8, 24


def check_cidr(text: str) -> str:
    """Return a block of addresses that a VPC may have, and that is large enough for all zones.

    Raises:
        UsageError: it is not one.
    """
    try:
        block = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise UsageError(
            f"--cidr {text!r} is not a block of addresses: {error}.", fix=["for example 10.85.0.0/16"]
        ) from None
    if not block.is_private or not LARGEST <= block.prefixlen <= SMALLEST:
        raise UsageError(
            f"--cidr {text} is not a block for a VPC.",
            why=[f"it has to be private, from /{LARGEST} to /{SMALLEST}."],
            fix=["for example 10.85.0.0/16"],
        )
    return str(block)


def block_of(cidr: str, zone: str) -> str:
    """Return the part of a VPC's addresses that a zone's vSwitch has; it depends on the zone's letter alone."""
    block = ipaddress.IPv4Network(cidr)
    return str(list(block.subnets(prefixlen_diff=ZONE_BITS))[ord(zone[-1]) - ord("a")])


@dataclass(frozen=True)
class Vpcs:
    """The VPC."""

    name: str = "VPC"
    fixed: tuple[str, ...] = ("cidr",)

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        cidr = site.choices.cidr
        known = bool(site.id_of(self.name, site.choices.name))
        return {site.choices.name: {} if known and not cidr else {"cidr": cidr or DEFAULT_CIDR}}

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``; of two, the one with more vSwitches is used."""
        found = vpcs.describe_vpcs(site.client, site.tags)
        if len(found) > 1:
            used = [one.vpc for one in describe_vswitches(site.client, tags=site.tags)]
            found.sort(key=lambda one: (-used.count(one.id), one.id))
        return [
            Found(site.choices.name, one.id, {"cidr": one.cidr}, surplus=number > 0) for number, one in enumerate(found)
        ]

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``."""
        vpcs.create_vpc(site.client, key, facts["cidr"], site.tags, site.token(self.name))

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``; nothing of it changes."""

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        patiently(site, lambda: vpcs.delete_vpc(site.client, found.id))


@dataclass(frozen=True)
class VSwitches:
    """A vSwitch in each zone."""

    name: str = "vSwitch"
    fixed: tuple[str, ...] = ("vpc", "cidr")

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        vpc = vpc_of(site)
        cidr = vpc.facts["cidr"] if vpc else site.choices.cidr or DEFAULT_CIDR
        return {
            zone: {"vpc": vpc.id if vpc else LATER, "cidr": block_of(cidr, zone)} for zone in sorted(site.choices.zones)
        }

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``."""
        found = describe_vswitches(site.client, tags=site.tags)
        return in_vpc(site, ((one.zone, one.id, one.vpc, {"vpc": one.vpc, "cidr": one.cidr}) for one in found))

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``; a new VPC is not ready at once."""
        name, token = f"{site.choices.name}-{key}", site.token(f"{self.name} {key}")
        client, vpc, cidr = site.client, facts["vpc"], facts["cidr"]
        patiently(site, lambda: vpcs.create_vswitch(client, vpc, key, name, cidr, site.tags, token))

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``; nothing of it changes."""

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        patiently(site, lambda: vpcs.delete_vswitch(site.client, found.id))


@dataclass(frozen=True)
class SecurityGroups:
    """The security group, without rules for what comes in."""

    name: str = "security group"
    fixed: tuple[str, ...] = ("vpc",)

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        vpc = vpc_of(site)
        return {site.choices.name: {"vpc": vpc.id if vpc else LATER}}

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``."""
        found = vpcs.describe_groups(site.client, site.tags)
        return in_vpc(site, ((site.choices.name, one.id, one.vpc, {"vpc": one.vpc}) for one in found))

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``."""
        token = site.token(self.name)
        patiently(site, lambda: vpcs.create_group(site.client, facts["vpc"], key, site.tags, token))

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``; nothing of it changes."""

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        patiently(site, lambda: vpcs.delete_group(site.client, found.id))


@dataclass(frozen=True)
class Gateways:
    """The NAT gateway, in the first zone."""

    name: str = "NAT gateway"
    fixed: tuple[str, ...] = ("vpc",)

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        vpc = vpc_of(site)
        return {site.choices.name: {"vpc": vpc.id if vpc else LATER}} if site.choices.nat else {}

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``."""
        found = nat.describe_gateways(site.client, site.tags)
        return in_vpc(site, ((site.choices.name, one.id, one.vpc, {"vpc": one.vpc}) for one in found))

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``."""
        vswitch = site.id_of("vSwitch", min(site.choices.zones))
        token = site.token(self.name)
        patiently(site, lambda: nat.create_gateway(site.client, facts["vpc"], vswitch, key, site.tags, token))

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``; nothing of it changes."""

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        patiently(site, lambda: nat.delete_gateway(site.client, found.id))


@dataclass(frozen=True)
class Addresses:
    """The NAT gateway's public address."""

    name: str = "public address"
    fixed: tuple[str, ...] = ()

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        gateway = site.id_of("NAT gateway", site.choices.name)
        return {site.choices.name: {"of": gateway or LATER}} if site.choices.nat else {}

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``; of two, the one that is used."""
        found = sorted(nat.describe_addresses(site.client, site.tags), key=lambda one: (not one.bound_to, one.id))
        return [
            Found(site.choices.name, one.id, {"of": one.bound_to}, surplus=number > 0)
            for number, one in enumerate(found)
        ]

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``; it is bound by ``change``."""
        nat.allocate_address(site.client, key, site.tags, site.token(self.name))

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``."""
        if found.facts["of"]:
            raise RefusedError(f"The public address {found.id} is bound to {found.facts['of']}.")
        patiently(site, lambda: nat.bind_address(site.client, found.id, facts["of"]))

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        gateway = found.facts["of"]
        if gateway:
            patiently(site, lambda: nat.unbind_address(site.client, found.id, gateway))
        patiently(site, lambda: nat.release_address(site.client, found.id))


@dataclass(frozen=True)
class Entries:
    """What lets a zone's vSwitch out by the NAT gateway."""

    name: str = "SNAT entry"
    fixed: tuple[str, ...] = ("vswitch",)

    def wanted(self, site: Site) -> dict[str, Facts]:
        """See ``Kind``."""
        zones = sorted(site.choices.zones) if site.choices.nat else ()
        return {zone: {"vswitch": site.id_of("vSwitch", zone) or LATER} for zone in zones}

    def list(self, site: Site) -> list[Found]:
        """See ``Kind``; an entry has no tags, its gateway has. Its id here is that of its table and its own.

        What somebody else lets out by the gateway is left alone, until the gateway goes.
        """
        zones = {one.id: one.key for one in site.seen.get("vSwitch", ())}
        goes = site.choices.gone or not site.choices.nat
        return [
            Found(zones.get(entry.vswitch, entry.id), f"{entry.table} {entry.id}", {"vswitch": entry.vswitch})
            for gateway in nat.describe_gateways(site.client, site.tags)
            for entry in nat.describe_entries(site.client, gateway.table)
            if goes or entry.vswitch in zones
        ]

    def create(self, site: Site, key: str, facts: Facts) -> None:
        """See ``Kind``; the gateway has to be ready."""
        client = site.client

        def ready() -> nat.Gateway | None:
            return next((one for one in nat.describe_gateways(client, site.tags) if one.ready), None)

        gateway = wait_for(
            client.clock,
            ready,
            seconds=600.0,
            late=lambda elapsed: RefusedError(f"The NAT gateway is not ready after {elapsed:.0f} s."),
        )
        (address,) = (one for one in nat.describe_addresses(client, site.tags) if one.bound_to == gateway.id)
        name, token = f"{site.choices.name}-{key}", site.token(f"{self.name} {key}")
        patiently(site, lambda: nat.create_entry(client, gateway.table, facts["vswitch"], address.ip, name, token))

    def change(self, site: Site, found: Found, facts: Facts) -> None:
        """See ``Kind``; nothing of it changes."""

    def delete(self, site: Site, found: Found) -> None:
        """See ``Kind``."""
        table, _, entry = found.id.partition(" ")
        patiently(site, lambda: nat.delete_entry(site.client, table, entry))


def vpc_of(site: Site) -> Found | None:
    """Return the VPC of a setup, as it was found last."""
    return next((one for one in site.seen.get("VPC", ()) if not one.surplus), None)


def in_vpc(site: Site, found: Iterable[tuple[str, str, str, Facts]]) -> list[Found]:
    """Return what was found, of each key the first in the setup's VPC; everything else is surplus.

    Args:
        site: the setup.
        found: key, id, VPC and facts of each.
    """
    vpc = vpc_of(site)
    kept: set[str] = set()
    listed = []
    for key, resource_id, where, facts in sorted(found, key=lambda one: one[:2]):
        surplus = key in kept or vpc is None or where != vpc.id
        if not surplus:
            kept.add(key)
        listed.append(Found(key, resource_id, facts, surplus=surplus))
    return listed
