"""Which advisories hold an image back: the table ``[scan]`` of a recipe."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec


class AdvisoryException(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An advisory that does not hold an image back, for a time.

    Attributes:
        id: its id, or one of its aliases; or one of its upstream ids, if all of them have an exception.
        reason: why.
        until: the last day on which it does not count, in UTC: ``2026-12-31``.
    """

    id: str
    reason: str
    until: dt.date


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which advisories about its packages hold an image back.

    Attributes:
        fail: the least severity that does: low, medium, high or critical.
        unfixed: whether advisories that no version fixes do too.
        exceptions: advisories that do not.
    """

    fail: Literal["low", "medium", "high", "critical"] = "high"
    unfixed: bool = False
    exceptions: tuple[AdvisoryException, ...] = ()
