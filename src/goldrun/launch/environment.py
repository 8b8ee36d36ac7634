"""Reads the settings of a launch from the environment, for the seed's script and workflows.

The command line and GARM's provider read single variables here, as defaults. Every function raises ``UsageError`` for a
value that is not valid, and names the variable.
"""

from __future__ import annotations

import math
from dataclasses import replace

from goldrun import config
from goldrun.architecture import parse_architecture
from goldrun.cloud.network import zone_of_letter
from goldrun.cloud.tags import MAX_VALUE, REPOSITORY, RUN
from goldrun.config import Environment
from goldrun.errors import UsageError
from goldrun.launch.offers import DISKS, Criteria, Offer, Span, parse_span
from goldrun.launch.settings import DEFAULT_CPUS, MAX_USER_DATA, LaunchSettings, Network

MIN_LIFE_MINUTES = 30
MAX_LIFE_MINUTES = 7 * 24 * 60
CANDIDATE_FIELDS = 5
_OF_NAMES = ":_.-[],"  # besides letters and digits; the last three are of a sequence, as in node-[1,4]
GZIP = b"\x1f\x8b"
MOST_BYTES = 1024 * 1024  # of a file; what ECS takes is much less


def read_settings(env: Environment, region: str) -> LaunchSettings:
    """Return all settings; the image may still be missing."""
    candidates, types = read_candidates(env), read_types(env)
    image_id, family, name = read_image(env)
    return LaunchSettings(
        network=read_network(env, region),
        image_id=image_id,
        image_family=family,
        image_name=name,
        name=read_name(env),
        life=read_life(env),
        key_pair=config.KEY_PAIR.read(env),
        role=config.ROLE.read(env),
        user_data=read_user_data(env),
        protected=read_protection(env),
        metadata_tokens=read_metadata_tokens(env),
        tags=run_tags(env),
        criteria=Criteria(
            architecture=read_architecture(env),
            cpus=read_cpus(env, Span() if types or candidates else DEFAULT_CPUS),
            memory=read_memory(env),
            types=types,
            max_price=read_price_limit(env),
        ),
        candidates=candidates,
    )


def read_network(env: Environment, region: str) -> Network:
    """Return where instances are placed."""
    return Network(
        security_group=config.SECURITY_GROUP.require(env),
        zones=read_zones(env, region),
        vswitches=read_vswitches(env),
        vpc=config.VPC.read(env),
    )


def read_zones(env: Environment, region: str) -> dict[str, str]:
    """Return the vSwitches that are set for one zone each, by zone."""
    return {
        zone_of_letter(region, name[-1]): vswitch
        for name in config.VSWITCH_OF_ZONE.names
        if (vswitch := env.get(name, "").strip())
    }


def read_vswitches(env: Environment) -> tuple[str, ...]:
    """Return the vSwitches that are set without their zones."""
    return _words(config.VSWITCH.read(env))


def read_image(env: Environment) -> tuple[str, str, str]:
    """Return image id, image family and image name: the family takes precedence over the id, both over the name."""
    image_id, family = config.IMAGE_ID.read(env), config.IMAGE_FAMILY.read(env)
    return image_id, family, "" if image_id or family else config.IMAGE_NAME.read(env)


def read_architecture(env: Environment) -> str:
    """Return the architecture; empty: the image's."""
    text = config.ARCH.read(env)
    try:
        return parse_architecture(text) if text else ""
    except UsageError as error:
        raise UsageError(f"ARCH={text!r} is not an architecture.", fix=error.fix) from None


def read_types(env: Environment) -> tuple[str, ...]:
    """Return the instance types to choose from; empty: any."""
    types = _words(config.INSTANCE_TYPE.read(env))
    for name in types:
        if not name.startswith("ecs."):
            raise UsageError(f"INSTANCE_TYPE={name!r} is not an instance type.", fix=["for example ecs.c7.2xlarge."])
    return types


def read_cpus(env: Environment, default: Span) -> Span:
    """Return the range of vCPUs."""
    return _between(env, config.MIN_CPU, config.MAX_CPU, "vCPUs", default)


def read_memory(env: Environment) -> Span:
    """Return the range of memory, in GiB."""
    return _between(env, config.MIN_MEMORY, config.MAX_MEMORY, "GiB", Span())


def read_price_limit(env: Environment) -> float | None:
    """Return the maximum price per hour; None: no limit."""
    return _price(config.PRICE_LIMIT.read(env), "SPOT_PRICE_LIMIT")


def read_life(env: Environment) -> float:
    """Return seconds until an instance is released automatically."""
    text = config.LIFE_MINUTES.read(env)
    if text.isascii() and text.isdecimal() and MIN_LIFE_MINUTES <= int(text) <= MAX_LIFE_MINUTES:
        return int(text) * 60.0
    raise UsageError(
        f"INSTANCE_TTL_MINUTES={text!r} is not a number of minutes from {MIN_LIFE_MINUTES} to {MAX_LIFE_MINUTES}."
    )


def read_protection(env: Environment) -> bool:
    """Return whether the market spares a new instance for its first hour."""
    text = config.PROTECT.read(env)
    if text in config.PROTECTIONS:
        return text == config.PROTECTIONS[0]
    raise UsageError(f"SPOT_PROTECT={text!r} is not one of {', '.join(config.PROTECTIONS)}.")


def read_metadata_tokens(env: Environment) -> bool:
    """Return whether the metadata service of new instances requires a token."""
    text = config.METADATA_TOKENS.read(env)
    if text in config.TOKEN_USES:
        return text == config.TOKEN_USES[0]
    raise UsageError(f"GOLDRUN_METADATA_TOKENS={text!r} is not one of {', '.join(config.TOKEN_USES)}.")


def read_name(env: Environment) -> str:
    """Return the name of new instances.

    Raises:
        UsageError: it is not valid.
    """
    return check_instance_name(config.INSTANCE_NAME.read(env), "INSTANCE_NAME")


def check_instance_name(name: str, source: str) -> str:
    """Return ``name`` if ECS allows it for an instance (RunInstances and ModifyInstanceAttribute, InstanceName).

    Args:
        name: the name.
        source: the option or variable that it comes from.

    Raises:
        UsageError: it is not valid.
    """
    chars_ok = all(char.isalpha() or char.isdecimal() or char in _OF_NAMES for char in name)
    if 2 <= len(name) <= 128 and name[0].isalpha() and chars_ok:
        return name
    shown = name if len(name) <= 60 else f"{name[:60]}…"
    raise UsageError(
        f"{source}={shown!r} is not a valid name for an instance.",
        fix=["use 2 to 128 characters, starting with a letter.", "use letters, digits, hyphens and underscores."],
    )


def read_user_data(env: Environment) -> bytes:
    """Return what new instances run on first boot; see ``read_script``.

    Raises:
        UsageError: it is too long, or cannot be read.
    """
    if path := config.USER_DATA_FILE.read(env):
        return read_script(path, "USER_DATA_FILE")
    text = env.get("USER_DATA", "")
    return _script(text.encode() if text.strip() else b"", "USER_DATA")


def read_script(path: str, source: str) -> bytes:
    """Return a file's script for the first boot, its line ends as cloud-init and bash read them.

    Args:
        path: the file.
        source: the option or variable that names it.

    Raises:
        UsageError: it is too long, or cannot be read.
    """
    return _script(_read(path, source), source)


def _script(data: bytes, source: str) -> bytes:
    if not data.startswith(GZIP):
        data = data.replace(b"\r\n", b"\n")
        if data and not data.startswith((b"#", b"Content-Type:", b"MIME-Version:")):
            # cloud-init ignores what it does not recognise; a script without an interpreter line is for bash.
            data = b"#!/bin/bash\n" + data
    if len(data) > MAX_USER_DATA:
        raise UsageError(f"{source} is {len(data):,} bytes long; ECS takes {MAX_USER_DATA:,}.")
    return data


def read_candidates(env: Environment) -> tuple[Offer, ...]:
    """Return the offers that the user lists in a file; empty: those of the market.

    A candidate without a price limit has that of SPOT_PRICE_LIMIT, if any; one without a vSwitch is kept, and passed
    over by ``launch``.
    """
    path = config.CANDIDATES_FILE.read(env)
    if not path:
        return ()
    lines = _read(path, "CANDIDATES_FILE").decode("utf-8", "replace").splitlines()
    limit = read_price_limit(env)
    offers = [
        _candidate(line, f"CANDIDATES_FILE: {path}, line {number}", limit)
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not offers:
        raise UsageError(f"CANDIDATES_FILE={path!r} contains no candidates.")
    return tuple(replace(offer, disks=(disk,)) for offer in offers for disk in DISKS)


def run_tags(env: Environment) -> dict[str, str]:
    """Return tags that name the GitHub run an instance is for; empty outside GitHub Actions."""
    repository, run = env.get("GITHUB_REPOSITORY", ""), env.get("GITHUB_RUN_ID", "")
    if not repository or not run:
        return {}
    return {**REPOSITORY.of(repository[:MAX_VALUE]), **RUN.of(f"{run}/{env.get('GITHUB_RUN_ATTEMPT', '1')}")}


def _candidate(line: str, place: str, default_limit: float | None) -> Offer:
    parts = [part.strip() for part in line.split("|")]
    parts += [""] * (CANDIDATE_FIELDS - len(parts))
    type_id, zone, vswitch, limit, cpus = parts[:CANDIDATE_FIELDS]
    price = _price(limit, f"{place}: the price limit") or default_limit
    if not type_id.startswith("ecs.") or len(parts) > CANDIDATE_FIELDS:
        raise UsageError(
            f"{place} is not a candidate: {line.strip()!r}.",
            fix=["write TYPE|ZONE|VSWITCH|PRICE_LIMIT|CPUS, for example ecs.c7.2xlarge|cn-hangzhou-k|vsw-…|0.52|8"],
        )
    known_cpus = int(cpus) if cpus.isdecimal() else 0
    return Offer(type=type_id, zone=zone, price=price or 0.0, cpus=known_cpus, vswitch=vswitch, limit=price)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _read(path: str, variable: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the seed's scripts do without pathlib
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{variable}={path!r} cannot be read.", why=[f"{error.strerror}."]) from error
    if len(data) > MOST_BYTES:
        raise UsageError(f"{variable}={path!r} is too long.", why=[f"at most {MOST_BYTES:,} bytes are read."])
    return data


def _between(env: Environment, least: config.Variable, most: config.Variable, unit: str, default: Span) -> Span:
    """Parse a range from two variables; the first may be a range like ``parse_span``'s, its single number a minimum."""
    text, limit = least.read(env), most.read(env)
    span = _range(f"{text}" if ".." in text else f"{text}..", least.names[0], text, unit) if text else default
    if not limit:
        return span
    high = _range(f"..{limit}", most.names[0], limit, unit).high
    if not text:
        return Span(min(span.low, high), high)
    if high < span.low:
        raise UsageError(f"{most.names[0]}={limit} is less than {least.names[0]}={text}.")
    return Span(span.low, min(span.high, high))


def _range(span: str, variable: str, text: str, unit: str) -> Span:
    try:
        return parse_span(span, unit)
    except UsageError as error:
        raise UsageError(f"{variable}={text!r} is not a range of {unit}.", fix=error.fix) from None


def _price(text: str, what: str) -> float | None:
    if not text:
        return None
    try:
        price = float(text)
    except ValueError:
        price = math.nan
    if not 0 < price < math.inf:
        raise UsageError(f"{what}: {text!r} is not a price per hour.", fix=["for example 0.52"])
    return math.ceil(price * 1000 - 1e-6) / 1000
