"""The home region: the default region of every call.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

from goldrun import config
from goldrun.errors import UsageError

MAX_REGION_WORDS = 5  # cn-shanghai-finance-1 has four


def read_region(env: config.Environment, given: str | None = None) -> str:
    """Return the region given on the command line, else the environment's, else that of the official CLI's profile.

    Raises:
        UsageError: no region is set, or it is not a valid region id.
        CredentialsError: the profile is needed, and its file cannot be read.
    """
    if given is None and not config.REGION.read(env):
        from goldrun.aliyun_profile import find_profile

        given = ((profile := find_profile(env)) and profile.region) or None
    if given is None:
        given = config.REGION.require(env, "or --region cn-hangzhou", 'or the local cloud: eval "$(goldrun local env)"')
    return check_region(given)


def check_region(region: str) -> str:
    """Return ``region`` if it has the form of a region id.

    Raises:
        UsageError: it does not; no request was sent.
    """
    if _is_region_id(region):
        return region
    fix = ["use an id such as cn-hangzhou or ap-southeast-1 (`aliyun ecs DescribeRegions` lists them)."]
    if _is_region_id(region.lower()):
        fix.insert(0, f"did you mean {region.lower()}?")
    raise UsageError(f"{region!r} is not a region id.", fix=fix)


def _is_region_id(text: str) -> bool:
    """Return whether it is lower-case words joined by hyphens: no character that could change a host name."""
    words = text.split("-")
    plain = all(word and word.isascii() and word.isalnum() and word == word.lower() for word in words)
    return plain and 2 <= len(words) <= MAX_REGION_WORDS and words[0].isalpha()
