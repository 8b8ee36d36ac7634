"""The provider's configuration file and a pool's extra specs; their JSON schemas are made from the same tables."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from goldrun import config
from goldrun.cloud.instances import MAX_LIFE_SECONDS, MIN_LIFE_SECONDS
from goldrun.durations import DAY, parse_duration
from goldrun.errors import UsageError
from goldrun.garm.preparation import has_own_template, read_scripts
from goldrun.launch.offers import DEFAULT_POLICY, POLICIES, Span, parse_span
from goldrun.launch.spread import LEAST

DEFAULT_LIFE = "6h"
DEFAULT_LONGEST_JOB = "1h"


class Key(NamedTuple):
    """A key: its JSON type, its meaning, and its variable for the clients of the cloud and GitHub."""

    type: str
    meaning: str
    variable: str = ""
    values: tuple[str, ...] = ()


CONFIG: dict[str, Key] = {
    "region": Key("string", config.REGION.meaning, config.REGION.names[0]),
    "security_group_id": Key("string", config.SECURITY_GROUP.meaning),
    "vswitch_ids": Key("array", "the vSwitches of new instances (default: those of the account)"),
    "vpc_id": Key("string", config.VPC.meaning),
    "key_pair_name": Key("string", config.KEY_PAIR.meaning),
    "self_destruct_role": Key("string", config.ROLE.meaning),
    "access_key_id": Key(
        "string", "AccessKey id (default: from the environment, or the instance's role)", config.ACCESS_KEY_ID.names[0]
    ),
    "access_key_secret": Key("string", "AccessKey secret", config.ACCESS_KEY_SECRET.names[0]),
    "endpoint": Key("string", config.ENDPOINT.meaning, config.ENDPOINT.names[0]),
    "instance_endpoint": Key("string", config.INSTANCE_ENDPOINT.meaning, config.INSTANCE_ENDPOINT.names[0]),
    "github_token": Key(
        "string",
        "lets the provider ask GitHub how long it accepts an image's runner (default: it does not ask)",
        config.GITHUB_TOKEN.names[0],
    ),
    "github_app_id": Key("string", config.GITHUB_APP_ID.meaning, config.GITHUB_APP_ID.names[0]),
    "github_app_key_file": Key("string", config.GITHUB_APP_KEY_FILE.meaning, config.GITHUB_APP_KEY_FILE.names[0]),
    "github_app_installation": Key(
        "string", config.GITHUB_APP_INSTALLATION.meaning, config.GITHUB_APP_INSTALLATION.names[0]
    ),
    "github_api_url": Key(
        "string",
        "GitHub's API (default: of the pool's repository)",
        config.GITHUB_API_URL.names[0],
    ),
    "cache_folder": Key("string", "where answers about the market are cached for minutes (default: in /tmp)"),
}
_REQUIRED = ("region", "security_group_id")
SPECS: dict[str, Key] = {
    "cpu": Key("string", "vCPUs: 8, 8.., 8..64; overrides the flavor"),
    "memory": Key("string", "GiB, as cpu"),
    "zones": Key("array", "zones to choose from"),
    "policy": Key("string", "how offers are ranked", values=tuple(POLICIES)),
    "spread": Key(
        "boolean",
        "distribute the pool's instances over types and zones at up to one and a half times the best price "
        f"(default: in pools with {LEAST} or more)",
    ),
    "max_price": Key("number", "the most that an hour of a spot instance may cost"),
    "on_demand_fallback": Key("boolean", "pay the list price if there is no spot offer"),
    "life": Key("string", f"how long an instance lives at most: 30m, 6h (default: {DEFAULT_LIFE})"),
    "job_timeout": Key("string", "how long an idle runner waits for a job (default: as long as it lives)"),
    "longest_job": Key(
        "string",
        "how long a job may take: an idle runner takes none when less of its life is left "
        f"(default: {DEFAULT_LONGEST_JOB}, or half of a shorter life)",
    ),
    "disk_size": Key("integer", "GiB of the system disk"),
    "encrypted": Key("boolean", "encrypt the system disk"),
    "public_ip": Key("boolean", "assign a public address"),
    "protect": Key(
        "string",
        f"how long the market spares a new instance; none is cheaper (default: {config.PROTECTIONS[0]})",
        values=config.PROTECTIONS,
    ),
    "setup": Key("string", "a script that runs as root before the runner starts"),
    "pre_install_scripts": Key(
        "object",
        "scripts in base64 by name; they run as root, in the order of their names, before the runner is installed",
    ),
    "runner_install_template": Key(
        "string",
        "your own template in base64: it installs and starts the runner, in the place of goldrun's agent",
    ),
    "extra_context": Key("object", "values for runner_install_template, by name"),
    "enable_boot_debug": Key("boolean", "print each command of the boot and of the scripts on the console"),
}
_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "array": list,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "object": dict,
}


@dataclass(frozen=True)
class Config:
    """The configuration file.

    Attributes:
        environment: the settings of the connections to the cloud and GitHub, as the variables that their clients read.
        security_group: the security group of new instances.
        vswitches: their vSwitches; empty: not set (also below).
        vpc: the VPC whose vSwitches are used.
        key_pair: their SSH key pair.
        role: their RAM role.
        cache_folder: where answers about the market are cached.
    """

    environment: Mapping[str, str]
    security_group: str
    vswitches: tuple[str, ...] = ()
    vpc: str = ""
    key_pair: str = ""
    role: str = ""
    cache_folder: str = ""


@dataclass(frozen=True)
class Specs:
    """The extra specs of a pool; ``SPECS`` has their meanings.

    Attributes:
        template: whether the operator's own template installs the runner.
        unknown: keys that goldrun does not read.
    """

    cpus: Span | None
    memory: Span | None
    zones: tuple[str, ...]
    policy: str
    spread: bool | None
    max_price: float | None
    on_demand_fallback: bool
    life: float
    job_timeout: float | None
    longest_job: float
    disk_size: int | None
    encrypted: bool
    public_ip: bool
    protected: bool
    setup: str
    pre_install: Mapping[str, bytes]
    template: bool
    boot_debug: bool
    unknown: tuple[str, ...]


def read_config(path: str) -> Config:
    """Read the configuration file.

    Raises:
        UsageError: it cannot be read, or a key or a value is not valid.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib takes a while to import
            found = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"The configuration {path!r} cannot be read.", why=[f"{error.strerror}."]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The configuration {path!r} is not valid TOML.", why=[f"{error}."]) from error
    _check(found, CONFIG, "configuration")
    for name in _REQUIRED:
        if not found.get(name):
            raise UsageError(f"The configuration {path!r} does not set {name}.", why=[f"{CONFIG[name].meaning}."])
    return Config(
        environment={CONFIG[name].variable: value for name, value in found.items() if CONFIG[name].variable},
        security_group=found["security_group_id"],
        vswitches=tuple(found.get("vswitch_ids", ())),
        vpc=found.get("vpc_id", ""),
        key_pair=found.get("key_pair_name", ""),
        role=found.get("self_destruct_role", ""),
        cache_folder=found.get("cache_folder", ""),
    )


def read_specs(found: Mapping[str, Any]) -> Specs:
    """Read the extra specs.

    Unknown keys are accepted: the engine may add its own to every call, as 0.2.0 did.

    Raises:
        UsageError: a value is not valid; the message names its key.
    """
    if not isinstance(found, dict):
        raise UsageError("The extra specs are not an object.", fix=['for example {"cpu": "8.."}'])
    known = {name: value for name, value in found.items() if name in SPECS}
    _check(known, SPECS, "extra specs")
    waits = known.get("job_timeout")
    life = parse_duration(known.get("life", DEFAULT_LIFE), "life in the extra specs")
    if life < MIN_LIFE_SECONDS:
        raise UsageError(f"life in the extra specs: the minimum is {MIN_LIFE_SECONDS / 60:.0f}m.")
    if life > MAX_LIFE_SECONDS:
        raise UsageError(f"life in the extra specs: the maximum is {MAX_LIFE_SECONDS / DAY:.0f}d.")
    return Specs(
        cpus=parse_span(known["cpu"], "vCPUs (cpu in the extra specs)") if "cpu" in known else None,
        memory=parse_span(known["memory"], "GiB (memory in the extra specs)") if "memory" in known else None,
        zones=tuple(known.get("zones", ())),
        policy=known.get("policy", DEFAULT_POLICY),
        spread=known.get("spread"),
        max_price=known.get("max_price"),
        on_demand_fallback=known.get("on_demand_fallback", False),
        life=life,
        job_timeout=None if waits is None else parse_duration(waits, "job_timeout in the extra specs"),
        longest_job=_longest_job(known.get("longest_job"), life),
        disk_size=known.get("disk_size"),
        encrypted=known.get("encrypted", False),
        public_ip=known.get("public_ip", False),
        protected=known.get("protect", config.PROTECTIONS[0]) == config.PROTECTIONS[0],
        setup=known.get("setup", ""),
        pre_install=read_scripts(known.get("pre_install_scripts", {})),
        template=has_own_template(known.get("runner_install_template", "")),
        boot_debug=known.get("enable_boot_debug", False),
        unknown=tuple(name for name in found if name not in SPECS),
    )


def _longest_job(given: str | None, life: float) -> float:
    if given is None:
        return min(parse_duration(DEFAULT_LONGEST_JOB, "longest_job"), life / 2)
    longest = parse_duration(given, "longest_job in the extra specs")
    if longest >= life:
        raise UsageError(
            f"longest_job in the extra specs, {given}, is not shorter than life: the runner would take no job.",
            fix=["make life longer: it has to hold the boot, the wait for a job, and the job."],
        )
    return longest


def _check(found: Mapping[str, Any], keys: Mapping[str, Key], what: str) -> None:
    for name, value in found.items():
        key = keys.get(name)
        if key is None:
            raise UsageError(f"The {what} has no key {name!r}.", fix=[f"it knows: {', '.join(keys)}."])
        wrong = not isinstance(value, _PYTHON[key.type]) or (isinstance(value, bool) and key.type != "boolean")
        items = value if key.type == "array" else value.values() if isinstance(value, dict) else ()
        if wrong or not all(isinstance(item, str) for item in items):
            raise UsageError(f"{name} in the {what} must be of type {key.type}.", why=[f"{name}: {key.meaning}."])
        if key.type in ("number", "integer") and not 0 < value < math.inf:
            raise UsageError(f"{name} in the {what} is {value}: it must be positive and finite.")
        if key.values and value not in key.values:
            raise UsageError(f"{name} in the {what} is {value!r}.", fix=[f"use one of: {', '.join(key.values)}."])


def _schema(keys: Mapping[str, Key], required: tuple[str, ...] = (), *, more: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, key in keys.items():
        properties[name] = {"type": key.type, "description": key.meaning}
        if items := {"array": "items", "object": "additionalProperties"}.get(key.type):
            properties[name][items] = {"type": "string"}
        if key.values:
            properties[name]["enum"] = list(key.values)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": more,
    }


def config_schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration file."""
    return _schema(CONFIG, _REQUIRED, more=False)


def specs_schema() -> dict[str, Any]:
    """Return the JSON schema of a pool's extra specs; it allows the engine's own keys."""
    return _schema(SPECS, more=True)
