"""A runner's name identifies it in the cloud and at GitHub. It has region and time, which GitHub does not record."""

from __future__ import annotations

import calendar
import os
import re
import time
from typing import NamedTuple

_NAME = re.compile(r"goldrun-(?P<region>[a-z0-9-]+)-(?P<stamp>\d{14})-[0-9a-f]{8}")
_STAMP = "%Y%m%d%H%M%S"


class Made(NamedTuple):
    """Where and when (seconds since 1970) a runner was created."""

    region: str
    at: float


def new_name(region: str, now: float) -> str:
    """Return a unique name: the region, the time and a random number."""
    return f"goldrun-{region}-{time.strftime(_STAMP, time.gmtime(now))}-{os.urandom(4).hex()}"


def read_name(name: str) -> Made | None:
    """Return what the name contains; None if it is not a goldrun name."""
    match = _NAME.fullmatch(name)
    try:
        return Made(match["region"], float(calendar.timegm(time.strptime(match["stamp"], _STAMP)))) if match else None
    except ValueError:
        return None
