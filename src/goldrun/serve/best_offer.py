"""The best offer for a scale set's machines, as the market was some minutes ago."""

from __future__ import annotations

from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.market import Cache
from goldrun.launch.acquire import find_offers
from goldrun.launch.offers import Offer
from goldrun.serve.cached import Cached
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
    _remembered: Cached[Offer | None] = field(init=False)

    def __post_init__(self) -> None:
        """Look nothing up yet."""
        self._remembered = Cached(self.client.clock, self._look, FRESH_SECONDS)

    def __call__(self) -> Offer | None:
        """Return it; None: there is none.

        Raises:
            GoldrunError: the market or the image cannot be read.
        """
        return self._remembered()

    def _look(self) -> Offer | None:
        return next(find_offers(self.client, self.prepare(), self.cache), None)
