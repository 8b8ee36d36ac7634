"""The home region: the default region of every call.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun import config


def read_region(env: config.Environment, given: str | None = None) -> str:
    """Return the region given on the command line, else the environment's, else that of the official CLI's profile.

    Raises:
        UsageError: no region is set, or it is not a valid region id.
        CredentialsError: the profile is needed, and its file cannot be read.
    """
    if given is None and not config.REGION.read(env):
        from goldrun.aliyun_profile import find_profile

        given = ((profile := find_profile(env)) and profile.region) or None
    return config.check_region(given if given is not None else config.REGION.require(env))
