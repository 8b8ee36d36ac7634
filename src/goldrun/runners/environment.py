"""What runners get from the environment of whoever starts them."""

from __future__ import annotations

from goldrun import config
from goldrun.config import Environment


def read_proxy(env: Environment) -> dict[str, str]:
    """Return the settings of runners' proxy, by name; they may contain a secret."""
    found = {"PROXY": config.RUNNER_PROXY.read(env), "NO_PROXY": config.RUNNER_NO_PROXY.read(env)}
    return {name: value for name, value in found.items() if value}


def read_mirror(env: Environment) -> str:
    """Return where runners' program is downloaded from; empty: from GitHub."""
    mirror = config.RUNNER_MIRROR.read(env)
    return "" if mirror == config.RUNNER_MIRROR.default else mirror
