"""Spans of time as people write them: ``90s``, ``30m``, ``12h``, ``7d``."""

from __future__ import annotations

from goldrun.errors import UsageError

DAY = 86400.0  # seconds
MAX_DIGITS = 5  # more are a slip, and would make moments that no calendar has
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str, name: str = "", bare: str = "") -> float:
    """Return the seconds of ``text``.

    Args:
        text: as a person wrote it.
        name: the option or key, for the message.
        bare: the unit of a number without one; empty: it needs one.

    Raises:
        UsageError: it is not a valid span of time.
    """
    number, unit = (text, bare) if bare and text[-1:].isdigit() else (text[:-1], text[-1:])
    if unit in _SECONDS and number.isascii() and number.isdigit() and len(number) <= MAX_DIGITS:
        return float(int(number) * _SECONDS[unit])
    where = f" ({name})" if name else ""
    raise UsageError(f"{text!r} is not a duration{where}.", fix=["for example 90s, 30m, 12h or 7d."])


def format_duration(seconds: float) -> str:
    """Return a span in its largest whole unit: ``3d``, ``5h``, ``12m``, ``40s``."""
    whole = max(0, int(seconds))
    for unit in ("d", "h", "m"):
        if whole >= _SECONDS[unit]:
            return f"{whole // _SECONDS[unit]}{unit}"
    return f"{whole}s"


def clock_time(seconds: float) -> str:
    """Return ``1:05`` for 65 seconds."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
