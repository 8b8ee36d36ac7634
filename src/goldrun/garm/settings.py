"""The provider's configuration file and the extra specs of a pool. Their JSON schemas are made from the same tables."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

from goldrun import config
from goldrun.durations import parse_duration
from goldrun.errors import UsageError
from goldrun.launch.offers import POLICIES

DEFAULT_LIFE = "6h"


class Key(NamedTuple):
    """A key: its JSON type, what it means, and the environment variable that it stands for."""

    type: str
    meaning: str
    variable: str = ""
    values: tuple[str, ...] = ()


CONFIG: dict[str, Key] = {
    "region": Key("string", config.REGION.meaning, config.REGION.names[0]),
    "security_group_id": Key("string", config.SECURITY_GROUP.meaning, config.SECURITY_GROUP.names[0]),
    "vswitch_ids": Key("array", "the vSwitches of new instances; not said: those of the account", "ALIYUN_VSWITCH_ID"),
    "vpc_id": Key("string", config.VPC.meaning, config.VPC.names[0]),
    "key_pair_name": Key("string", config.KEY_PAIR.meaning, config.KEY_PAIR.names[0]),
    "self_destruct_role": Key("string", config.ROLE.meaning, config.ROLE.names[0]),
    "access_key_id": Key("string", "AccessKey id; not said: from the environment, or the instance's role", "*id"),
    "access_key_secret": Key("string", "AccessKey secret", "*secret"),
    "endpoint": Key("string", config.ENDPOINT.meaning, config.ENDPOINT.names[0]),
    "instance_endpoint": Key("string", config.INSTANCE_ENDPOINT.meaning, config.INSTANCE_ENDPOINT.names[0]),
    "github_token": Key(
        "string",
        "lets the provider ask GitHub how long it takes an image's runner; not said: nobody asks",
        config.GITHUB_TOKEN.names[0],
    ),
    "github_api_url": Key(
        "string", "where GitHub's API answers; not said: as the pool's repository says", config.GITHUB_API_URL.names[0]
    ),
    "cache_folder": Key("string", "where answers about the market are kept for minutes; not said: in /tmp"),
}
_REQUIRED = ("region", "security_group_id")
_PLAIN = {"*id": config.ACCESS_KEY_ID.names[0], "*secret": config.ACCESS_KEY_SECRET.names[0]}

SPECS: dict[str, Key] = {
    "cpu": Key("string", "vCPUs: 8, 8.., 8..64; wins over the flavor"),
    "memory": Key("string", "GiB, as cpu"),
    "zones": Key("array", "zones to choose from"),
    "policy": Key("string", "what is best", values=tuple(POLICIES)),
    "max_price": Key("number", "the most that an hour may cost"),
    "on_demand_fallback": Key("boolean", "take the list price when there is no spot offer"),
    "life": Key("string", f"an instance ends after that, whatever it does: 30m, 6h; not said: {DEFAULT_LIFE}"),
    "job_timeout": Key("string", "how long an idle runner waits for a job; not said: as long as it lives"),
    "disk_size": Key("integer", "GiB of the system disk"),
    "encrypted": Key("boolean", "encrypt the system disk"),
    "public_ip": Key("boolean", "an address on the internet"),
    "protect": Key(
        "string",
        f"how long the market leaves an instance alone; none is cheaper; not said: {config.PROTECTIONS[0]}",
        values=config.PROTECTIONS,
    ),
    "setup": Key("string", "a script that root runs before the runner starts"),
}
_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "array": list,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
}


def read_config(path: str) -> dict[str, str]:
    """The environment that a configuration file stands for.

    Raises:
        UsageError: it cannot be read, or says something else than it may.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib takes a while to import
            told = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"The configuration {path!r} cannot be read.", why=[f"{error.strerror}."]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The configuration {path!r} is no TOML.", why=[f"{error}."]) from error
    _check(told, CONFIG, "configuration")
    for name in _REQUIRED:
        if not told.get(name):
            raise UsageError(f"The configuration {path!r} does not say {name}.", why=[f"{CONFIG[name].meaning}."])
    found = {}
    for name, value in told.items():
        key = CONFIG[name]
        variable = _PLAIN.get(key.variable, key.variable) or "cache_folder"
        found[variable] = ",".join(value) if isinstance(value, list) else value
    return found


def check_specs(specs: Mapping[str, Any]) -> list[str]:
    """See that the extra specs goldrun reads have values it can use.

    Only values are refused. A pool's extra specs are not goldrun's alone: since 0.2.0 the engine adds keys of its own
    (``runner_install_template``, ``extra_context``, ``pre_install_scripts``) to every call.

    Returns:
        The keys that goldrun does not read, for a warning.

    Raises:
        UsageError: with the value that is wrong.
    """
    known = {name: value for name, value in specs.items() if name in SPECS}
    _check(known, SPECS, "extra specs")
    for name in ("life", "job_timeout"):
        if name in known:
            parse_duration(known[name])
    return [name for name in specs if name not in SPECS]


def _check(told: Mapping[str, Any], keys: Mapping[str, Key], what: str) -> None:
    for name, value in told.items():
        key = keys.get(name)
        if key is None:
            raise UsageError(f"The {what} knows no {name!r}.", fix=[f"it knows: {', '.join(keys)}."])
        wrong = not isinstance(value, _PYTHON[key.type]) or (isinstance(value, bool) and key.type != "boolean")
        if wrong or (key.type == "array" and not all(isinstance(one, str) for one in value)):
            raise UsageError(f"{name} in the {what} is no {key.type}.", why=[f"{name}: {key.meaning}."])
        if key.type in ("number", "integer") and not 0 < value < math.inf:
            raise UsageError(f"{name} in the {what} is {value}: it must be more than nothing, and finite.")
        if key.values and value not in key.values:
            raise UsageError(f"{name} in the {what} is {value!r}.", fix=[f"use one of: {', '.join(key.values)}."])


def _schema(keys: Mapping[str, Key], required: tuple[str, ...] = (), *, more: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, key in keys.items():
        properties[name] = {"type": key.type, "description": key.meaning}
        if key.type == "array":
            properties[name]["items"] = {"type": "string"}
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
    """Of the configuration file."""
    return _schema(CONFIG, _REQUIRED, more=False)


def specs_schema() -> dict[str, Any]:
    """Of a pool's extra specs; the engine's own keys pass."""
    return _schema(SPECS, more=True)
