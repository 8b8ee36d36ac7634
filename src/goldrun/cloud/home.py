"""The home region: where calls go unless they say otherwise.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun import config


def read_region(env: config.Environment, given: str | None = None) -> str:
    """The region: the one given on the command line, else the environment's, else that of the official CLI's profile.

    Raises:
        UsageError: if there is none, or it cannot be a region id.
        CredentialsError: the profile was needed, and its file cannot be read.
    """
    if given is None and not config.REGION.read(env):
        from goldrun.aliyun_profile import find_profile

        given = ((profile := find_profile(env)) and profile.region) or None
    return config.check_region(given if given is not None else config.REGION.require(env))
