"""Leaves out, for a while, offers whose instances the market keeps taking back."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from goldrun.cloud.market import Place

ENOUGH = 2  # reclaims …
WITHIN_SECONDS = 15 * 60.0  # … within that time …
OUT_SECONDS = 30 * 60.0  # … keep an offer out for so long


@dataclass
class Breaker:
    """Reclaims by offer; one for all scale sets of a server."""

    _reclaims: dict[Place, list[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, place: Place, now: float) -> bool:
        """Record a reclaim; return whether it is the one that puts the offer out."""
        with self._lock:
            before = self._is_out(place, now)
            kept = [at for at in self._reclaims.get(place, []) if now - at < OUT_SECONDS + WITHIN_SECONDS]
            self._reclaims[place] = [*kept, now]
            return not before and self._is_out(place, now)

    def out(self, now: float) -> frozenset[Place]:
        """Return the offers that are out now."""
        with self._lock:
            return frozenset(place for place in self._reclaims if self._is_out(place, now))

    def _is_out(self, place: Place, now: float) -> bool:
        found = self._reclaims.get(place, [])
        return any(
            now - last < OUT_SECONDS and last - first <= WITHIN_SECONDS
            for first, last in zip(found, found[ENOUGH - 1 :], strict=False)
        )
