"""Hints for operators of GARM: they set extra specs, a flavor and a configuration, and no options of a command line."""

from __future__ import annotations

import re

_SPEC = "{} in the extra specs"
_SPECS = {
    "--cpu": "cpu",
    "--memory": "memory",
    "--zone": "zones",
    "--policy": "policy",
    "--max-price": "max_price",
    "--on-demand-fallback": "on_demand_fallback",
    "--life": "life",
    "--disk-size": "disk_size",
    "--protect": "protect",
}
_MEANS = {
    **{option: _SPEC.format(name) for option, name in _SPECS.items()},
    "--type": "the pool's flavor",
    "--arch": "the pool's architecture",
    "--image": "the pool's image",
    "ALIYUN_VSWITCH_ID": "vswitch_ids in the provider's configuration",
    "ALIYUN_SECURITY_GROUP_ID": "security_group_id in the provider's configuration",
    "ALIYUN_KEY_PAIR_NAME": "key_pair_name in the provider's configuration",
}
_OPTION = re.compile("|".join(rf"{option}\b(?!-)" for option in _MEANS))


def for_operators(text: str) -> str:
    """Return an error's text with what an operator sets in place of options and variables of the command line.

    Commands that the text shows (``goldrun image ls --all``) stay: an operator can run them.
    """
    return "\n".join(
        line if "goldrun " in line else _OPTION.sub(lambda found: _MEANS[found[0]], line) for line in text.split("\n")
    )
