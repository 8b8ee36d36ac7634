"""How many calls an account may make: a bucket of tokens for each action, as at the real API."""

from __future__ import annotations

from goldrun.local.errors import ApiFault

BURST_SECONDS = 1.0


class Limits:
    """The buckets; in memory alone, as nothing of them is worth keeping."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def admit(self, account: str, action: str, rate: float, now: float) -> None:
        """Let a call pass, or not.

        Args:
            account: who calls.
            action: what.
            rate: calls a second; 0: any number.
            now: the cloud's time.

        Raises:
            ApiFault: ``Throttling.User``.
        """
        if rate <= 0:
            return
        full = max(1.0, rate * BURST_SECONDS)
        tokens, since = self._buckets.get((account, action), (full, now))
        tokens = min(full, tokens + (now - since) * rate)
        if tokens < 1:
            self._buckets[account, action] = (tokens, now)
            raise ApiFault(400, "Throttling.User", "Request was denied due to user flow control.")
        self._buckets[account, action] = (tokens - 1, now)
