"""A runner's name: its identity on both sides. It says where and when it was made, which GitHub does not record."""

from __future__ import annotations

import calendar
import os
import re
import time
from typing import NamedTuple

_NAME = re.compile(r"goldrun-(?P<region>[a-z0-9-]+)-(?P<stamp>\d{14})-[0-9a-f]{8}")
_STAMP = "%Y%m%d%H%M%S"


class Made(NamedTuple):
    """Where and when (seconds since 1970) a runner was made."""

    region: str
    at: float


def new_name(region: str, now: float) -> str:
    """A name that no other runner has: its region, the time, and chance."""
    return f"goldrun-{region}-{time.strftime(_STAMP, time.gmtime(now))}-{os.urandom(4).hex()}"


def read_name(name: str) -> Made | None:
    """What the name says; None: it is not one of goldrun's."""
    match = _NAME.fullmatch(name)
    try:
        return Made(match["region"], float(calendar.timegm(time.strptime(match["stamp"], _STAMP)))) if match else None
    except ValueError:
        return None
