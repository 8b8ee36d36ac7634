"""How often to look: soon at first, then by a share of the time that has passed, so that waiting costs little of it."""

from __future__ import annotations

SHARE = 0.02
SHORTEST = 1.0
LONGEST = 10.0


def pause(elapsed: float) -> float:
    """Seconds to the next look, ``elapsed`` seconds after the first one."""
    return min(LONGEST, max(SHORTEST, SHARE * elapsed))
