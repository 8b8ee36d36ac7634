"""An order: what the environment (or a command line) says about the instances that are wanted, and how it is filled."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from goldrun import config
from goldrun.architecture import parse_architecture
from goldrun.cloud.client import EcsClient
from goldrun.cloud.network import by_zone, find_vswitches, zone_of_letter
from goldrun.cloud.tags import MAX_VALUE, REPOSITORY, RUN
from goldrun.config import Environment
from goldrun.errors import UsageError
from goldrun.launch.choice import choose
from goldrun.launch.launch import MAX_USER_DATA, Deliver, Launched, Request, Tell, launch
from goldrun.launch.market import Cache, Market
from goldrun.launch.offers import DEFAULT_POLICY, DISKS, Offer, Span, Wish, parse_span

DEFAULT_CPUS = Span(8)
MIN_LIFE_MINUTES = 30
MAX_LIFE_MINUTES = 7 * 24 * 60
CANDIDATE_FIELDS = 5


@dataclass(frozen=True)
class Order:
    """Everything that a launch needs to know.

    Attributes:
        request: what is launched.
        wish: what kind of machine.
        policy: what is best.
        zones: vSwitches by zone, where they were named so.
        vswitches: vSwitches that were named without their zone.
        vpc: the VPC to look for vSwitches in.
        candidates: offers from outside; none: the market is asked.
        on_demand_fallback: whether instances at the list price will do when no spot offer does.
        resume: whether an earlier run with the same key may have got instances.
    """

    request: Request
    wish: Wish = field(default_factory=Wish)
    policy: str = DEFAULT_POLICY
    zones: Mapping[str, str] = field(default_factory=dict)
    vswitches: tuple[str, ...] = ()
    vpc: str = ""
    candidates: tuple[Offer, ...] = ()
    on_demand_fallback: bool = False
    resume: bool = False


def read_order(env: Environment, region: str) -> Order:
    """The order that the environment describes; the image may be missing yet.

    Raises:
        UsageError: a variable is missing or wrong.
    """
    candidates = _candidates(env)
    types = tuple(one.strip() for one in config.INSTANCE_TYPE.read(env).split(",") if one.strip())
    for name in types:
        if not name.startswith("ecs."):
            raise UsageError(f"INSTANCE_TYPE={name!r} is no instance type.", fix=["write e.g. ecs.c7.2xlarge."])
    architecture = config.ARCH.read(env)
    cpus = config.MIN_CPU.read(env)
    memory = config.MIN_MEMORY.read(env)
    default_cpus = Span() if types or candidates else DEFAULT_CPUS
    request = Request(
        key=os.urandom(16).hex(),
        security_group=config.SECURITY_GROUP.require(env),
        image_id=config.IMAGE_ID.read(env),
        image_family="" if config.IMAGE_ID.read(env) else config.IMAGE_FAMILY.read(env),
        name=_name(config.INSTANCE_NAME.read(env)),
        life=_life(config.LIFE_MINUTES.read(env)),
        key_pair=config.KEY_PAIR.read(env),
        role=config.ROLE.read(env),
        user_data=_user_data(env),
        protected=_protected(config.PROTECT.read(env)),
        tags=run_tags(env),
    )
    wish = Wish(
        architecture=parse_architecture(architecture) if architecture else "",
        cpus=_at_least(cpus, "vCPUs") if cpus else default_cpus,
        memory=_at_least(memory, "GiB") if memory else Span(),
        types=types,
        max_price=_price(config.PRICE_LIMIT.read(env)),
    )
    return Order(
        request=request,
        wish=wish,
        zones=_zones(env, region),
        vswitches=tuple(one.strip() for one in config.VSWITCH.read(env).split(",") if one.strip()),
        vpc=config.VPC.read(env),
        candidates=candidates,
    )


def read_network(env: Environment, region: str) -> Order:
    """The order as far as the environment says where machines are put; what they are is the caller's to add.

    Raises:
        UsageError: a variable is missing or wrong.
    """
    only = {name: value for name, value in env.items() if name.startswith(("ALIYUN_", "GITHUB_"))}
    return read_order({**only, config.IMAGE_ID.names[0]: ""}, region)


def fill(
    client: EcsClient,
    order: Order,
    *,
    cache: Cache | None = None,
    tell: Tell = lambda _: None,
    deliver: Deliver = lambda _: None,
) -> list[Launched]:
    """Launch what was ordered.

    Raises:
        GoldrunError: see ``launch``.
    """
    offers = find_offers(client, order, cache)
    return launch(client, order.request, offers, resume=order.resume, tell=tell, deliver=deliver)


def find_offers(client: EcsClient, order: Order, cache: Cache | None = None) -> Iterator[Offer]:
    """The offers of an order, the best first; what is not needed is not asked for."""
    if order.candidates:
        yield from order.candidates
        return
    zones = dict(order.zones)
    if not zones or order.vswitches:
        group = order.request.security_group
        found = by_zone(find_vswitches(client, ids=order.vswitches, vpc=order.vpc, security_group=group))
        zones |= {zone: vswitch.id for zone, vswitch in found.items()}
    yield from _placed(choose(Market(client, cache), order.wish, zones, order.policy), zones)
    if cache:
        # What was kept has not served: what is in stock now may.
        yield from _placed(choose(Market(client), order.wish, zones, order.policy), zones)
    if order.on_demand_fallback:
        wish = replace(order.wish, spot=False, max_price=None)
        yield from _placed(choose(Market(client), wish, zones), zones)


def describe_launch(launched: Launched) -> str:
    """What was taken and what it costs, in words."""
    count = f"{len(launched.ids)} × " if len(launched.ids) > 1 else ""
    offer = launched.offer
    if offer is None:
        return f"{count}{', '.join(launched.ids[:3])}: there already, from an earlier run with this key."
    price = f"{offer.price:.3f} {offer.currency} an hour" if offer.price else "price not known"
    limit = f", at most {launched.limit:.3f}" if launched.limit is not None else ""
    saving = f", {offer.saving:.0%} below the list price" if offer.saving > 0 else ""
    return f"{count}{offer.type} in {offer.zone}: {price}{limit}{saving}."


def run_tags(env: Environment) -> dict[str, str]:
    """Which GitHub run an instance is for, as tags; empty outside GitHub Actions."""
    repository, run = env.get("GITHUB_REPOSITORY", ""), env.get("GITHUB_RUN_ID", "")
    if not repository or not run:
        return {}
    return {**REPOSITORY.of(repository[:MAX_VALUE]), **RUN.of(f"{run}/{env.get('GITHUB_RUN_ATTEMPT', '1')}")}


def _placed(offers: Iterable[Offer], zones: Mapping[str, str]) -> Iterator[Offer]:
    return (replace(offer, vswitch=zones[offer.zone]) for offer in offers)


def _zones(env: Environment, region: str) -> dict[str, str]:
    found = {}
    for name in config.VSWITCH_OF_ZONE.names:
        if value := env.get(name, "").strip():
            found[zone_of_letter(region, name[-1])] = value
    return found


def _candidates(env: Environment) -> tuple[Offer, ...]:
    path = config.CANDIDATES_FILE.read(env)
    if not path:
        return ()
    offers = []
    for number, line in enumerate(_read(path, "CANDIDATES_FILE").decode("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        parts = [part.strip() for part in line.split("|")]
        parts += [""] * (CANDIDATE_FIELDS - len(parts))
        type_id, zone, vswitch, limit, cpus = parts[:CANDIDATE_FIELDS]
        price = _price(limit, f"{path}, line {number}: the price limit")
        if not type_id.startswith("ecs.") or not vswitch or len(parts) > CANDIDATE_FIELDS:
            raise UsageError(
                f"{path}, line {number} is no candidate: {line.strip()!r}.",
                fix=["write TYPE|ZONE|VSWITCH|PRICE_LIMIT|CPUS, e.g. ecs.c7.2xlarge|cn-hangzhou-k|vsw-…|0.52|8"],
            )
        offer = Offer(
            type=type_id,
            zone=zone,
            price=price or 0.0,
            cpus=int(cpus) if cpus.isdecimal() else 0,
            vswitch=vswitch,
            limit=price,
        )
        offers += [replace(offer, disks=(disk,)) for disk in DISKS]
    if not offers:
        raise UsageError(f"CANDIDATES_FILE={path!r} has no candidates in it.")
    return tuple(offers)


def _user_data(env: Environment) -> bytes:
    text, path = env.get("USER_DATA", ""), config.USER_DATA_FILE.read(env)
    if text.strip() and path:
        raise UsageError("USER_DATA and USER_DATA_FILE are both set.", fix=["set one of them."])
    data = _read(path, "USER_DATA_FILE") if path else text.encode() if text.strip() else b""
    if data and not data.startswith((b"#", b"\x1f\x8b", b"Content-Type:", b"MIME-Version:")):
        # cloud-init passes over what it cannot tell the kind of; scripts without a first line are meant as bash.
        data = b"#!/bin/bash\n" + data
    if len(data) > MAX_USER_DATA:
        raise UsageError(f"The user data is {len(data):,} bytes long; ECS takes {MAX_USER_DATA:,}.")
    return data


def _read(path: str, variable: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the seed's scripts do without pathlib
            return file.read()
    except OSError as error:
        raise UsageError(f"{variable}={path!r} cannot be read.", why=[f"{error.strerror}."]) from error


def _at_least(text: str, what: str) -> Span:
    """As ``parse_span``, but a number alone is the least, as the variables' names say."""
    return parse_span(text if ".." in text else f"{text}..", what)


def _price(text: str, what: str = "SPOT_PRICE_LIMIT") -> float | None:
    if not text:
        return None
    try:
        price = float(text)
    except ValueError:
        price = math.nan
    if not 0 < price < math.inf:
        raise UsageError(f"{what}: {text!r} is no price of an hour.", fix=["write e.g. 0.52"])
    return math.ceil(price * 1000 - 1e-6) / 1000


def _protected(text: str) -> bool:
    if text in config.PROTECTIONS:
        return text == config.PROTECTIONS[0]
    raise UsageError(f"SPOT_PROTECT={text!r} is neither of {' and '.join(config.PROTECTIONS)}.")


def _life(text: str) -> float:
    if text.isascii() and text.isdecimal() and MIN_LIFE_MINUTES <= int(text) <= MAX_LIFE_MINUTES:
        return int(text) * 60.0
    raise UsageError(
        f"INSTANCE_TTL_MINUTES={text!r} is no number of minutes from {MIN_LIFE_MINUTES} to {MAX_LIFE_MINUTES}.",
    )


def _name(name: str) -> str:
    if 2 <= len(name) <= 128 and name[0].isalpha() and not name.startswith(("http://", "https://")):
        return name
    raise UsageError(
        f"INSTANCE_NAME={name!r} is no name for an instance.", fix=["2 to 128 characters, the first one a letter."]
    )
