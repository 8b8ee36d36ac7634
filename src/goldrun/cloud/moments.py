"""Times in the API's formats."""

from __future__ import annotations

import time
from datetime import datetime

_LENGTHS = (len("2026-11-23T08:00Z"), len("2026-11-23T08:00:00Z"))


def parse_moment(text: str) -> float:
    """Return seconds since 1970 of ``2026-11-23T08:00:00Z`` or, the form of instances, ``2026-11-23T08:00Z``.

    Raises:
        ValueError: it has another form.
    """
    if len(text) not in _LENGTHS or text[10] != "T" or text[-1] != "Z":
        raise ValueError(text)
    return datetime.fromisoformat(text).timestamp()  # 20 times as fast as strptime, and takes more forms


def moment_or(text: str, otherwise: float) -> float:
    """Return the moment that a tag says; ``otherwise`` if it says none: anybody can write tags."""
    try:
        return parse_moment(text)
    except ValueError:
        return otherwise


def format_moment(moment: float) -> str:
    """Return ``2026-11-23T08:00:00Z`` for seconds since 1970."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
