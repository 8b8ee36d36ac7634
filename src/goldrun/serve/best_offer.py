"""The best offer for a scale set's machines, as the market was some minutes ago."""

from __future__ import annotations

from dataclasses import dataclass

from goldrun.cloud.client import EcsClient
from goldrun.cloud.market import Cache
from goldrun.launch.acquire import find_offers
from goldrun.launch.offers import Offer
from goldrun.serve.preparation import Prepare

FRESH_SECONDS = 600.0


@dataclass
class BestOffer:
    """Looks the best offer up, now and then.

    Attributes:
        client: the cloud.
        prepare: returns the settings of a new machine.
        cache: cached answers about the market.
    """

    client: EcsClient
    prepare: Prepare
    cache: Cache | None = None
    _found: Offer | None = None
    _at: float = float("-inf")

    def __call__(self) -> Offer | None:
        """Return it; None: there is none.

        Raises:
            GoldrunError: the market or the image cannot be read.
        """
        now = self.client.clock.now()
        if now - self._at >= FRESH_SECONDS:
            self._found, self._at = next(find_offers(self.client, self.prepare(), self.cache), None), now
        return self._found
