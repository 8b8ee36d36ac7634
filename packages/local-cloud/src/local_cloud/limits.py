"""Limits an account's calls of an action in a region: by the second, and by the minute as the real API does."""

from __future__ import annotations

from local_cloud.errors import ApiFault

BURST_SECONDS = 1.0
MINUTE = 60.0

Key = tuple[str, str, str]  # account, region, action


class Limits:
    """The counts of calls, in memory only: a restart may forget them."""

    def __init__(self) -> None:
        self._buckets: dict[Key, tuple[float, float]] = {}
        self._windows: dict[Key, tuple[float, int]] = {}

    def admit(self, key: Key, per_second: float, per_minute: int, now: float) -> None:
        """Count a call, unless it is throttled.

        Args:
            key: account, region and action.
            per_second: calls a second, as a token bucket; 0: any number.
            per_minute: calls in each minute of the clock; 0: any number.
            now: the cloud's time.

        Raises:
            ApiFault: ``Throttling.User``.
        """
        minute = now // MINUTE
        since, count = self._windows.get(key, (minute, 0))
        count = count if since == minute else 0
        if 0 < per_minute <= count:
            raise throttled()
        if per_second > 0:
            full = max(1.0, per_second * BURST_SECONDS)
            tokens, seen = self._buckets.get(key, (full, now))
            tokens = min(full, tokens + (now - seen) * per_second)
            self._buckets[key] = (tokens, now)
            if tokens < 1:
                raise throttled()
            self._buckets[key] = (tokens - 1, now)
        self._windows[key] = (minute, count + 1)


def throttled() -> ApiFault:
    """Return the error of a throttled call."""
    return ApiFault(400, "Throttling.User", "Request was denied due to user flow control.")
