"""What machines cost per hour, as the market says."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import Instance
from goldrun.errors import GoldrunError
from goldrun.launch.market import Market
from goldrun.launch.offers import Offer, OfferKind

FRESH_SECONDS = 600.0
AGAIN_SECONDS = 30.0  # after prices could not be read


@dataclass
class Prices:
    """Prices by type and zone; one object for all scale sets of a server.

    Attributes:
        currency: of all of them; empty: none is known yet.
    """

    currency: str = ""
    _known: dict[OfferKind, float] = field(default_factory=dict)
    _read: dict[str, float] = field(default_factory=dict)  # when a type's prices were last read
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, offer: Offer) -> None:
        """Remember an offer's price."""
        with self._lock:
            self.currency = offer.currency or self.currency
            if offer.price:
                self._known[offer.kind] = offer.price

    def of(self, client: EcsClient, machine: Instance) -> float | None:
        """Return what a machine costs per hour, at most some minutes old; None: nobody says."""
        now = client.clock.now()
        with self._lock:
            fresh = now - self._read.get(machine.type, float("-inf")) < FRESH_SECONDS
            self._read[machine.type] = self._read[machine.type] if fresh else now
        if not fresh:
            self._look(client, machine.type)
        with self._lock:
            return self._known.get(OfferKind(machine.type, machine.zone, machine.spot))

    def _look(self, client: EcsClient, kind: str) -> None:
        try:
            found = Market(client).prices([kind])[kind]
        except GoldrunError:
            with self._lock:  # the last price holds
                self._read[kind] = client.clock.now() - FRESH_SECONDS + AGAIN_SECONDS
            return
        with self._lock:
            self.currency = found.currency or self.currency
            for zone, series in found.zones.items():
                for spot in (True, False):
                    if price := series.price(spot=spot):
                        self._known[OfferKind(kind, zone, spot)] = price
