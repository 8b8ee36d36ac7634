"""What ECS has refused during a launch, and which offers are therefore not worth trying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from goldrun.cloud.errors import ApiError
from goldrun.cloud.instances import is_offer_gone, is_over_quota, is_sold_out, is_vswitch_wrong
from goldrun.errors import GoldrunError, RefusedError, UnavailableError
from goldrun.launch.offers import Offer, OfferKind
from goldrun.launch.settings import LaunchSettings

INSTANCES_A_CALL = 100
SHOWN = 5


@dataclass
class Refusals:
    """The refusals of one launch.

    Attributes:
        settings: what is launched.
        report: receives a sentence about each.
    """

    settings: LaunchSettings
    report: Callable[[str], None]
    _reported: list[str] = field(default_factory=list)
    _sold_out: set[OfferKind] = field(default_factory=set)
    _wrong_vswitches: set[str] = field(default_factory=set)
    _over_quota: ApiError | None = None  # spot instances have a quota of their own
    _most_spot: int = INSTANCES_A_CALL

    def rule_out(self, offer: Offer) -> bool:
        """Return whether an offer gives no instance."""
        if self.settings.candidates and not offer.vswitch:
            self._pass_over(offer, "no vSwitch is given")
            return True
        return (
            offer.kind in self._sold_out
            or offer.vswitch in self._wrong_vswitches
            or (offer.spot and self._over_quota is not None)
        )

    def most(self, offer: Offer) -> int:
        """Return how many instances of an offer one call may ask for."""
        return self._most_spot if offer.spot else INSTANCES_A_CALL

    def note(self, offer: Offer, amount: int, error: ApiError | UnavailableError) -> bool:
        """Learn that ECS gave none of so many instances; return whether the same offer may give fewer.

        Raises:
            ApiError: no other offer helps.
            UnavailableError: the same.
        """
        if not isinstance(error, ApiError) or not self._is_passed_over(offer, error):
            raise error
        if is_over_quota(error):
            if amount > 1:
                self._most_spot = amount // 2
                return True
            self._over_quota = error
        if is_sold_out(error):
            self._sold_out.add(offer.kind)
        if is_vswitch_wrong(error):
            self._wrong_vswitches.add(offer.vswitch)
        self._pass_over(offer, error.code)
        return False

    def to_error(self, missing: int, region: str, *, more: bool) -> GoldrunError:
        """Return what ends the launch: so many instances are missing, beside more that there are."""
        if self._over_quota:
            return self._over_quota
        return RefusedError(
            f"No offer gives {_plural(missing)}{' more' if more else ''} in {region}.",
            why=self._shown()
            or ["no offer matches: nothing is in stock in a zone with a vSwitch, or the price limit is too low."],
            fix=["widen the search (--cpu, --type, --zone, --max-price), or allow --on-demand-fallback."],
        )

    def _shown(self) -> list[str]:
        more = len(self._reported) - SHOWN
        return self._reported[:SHOWN] + ([f"and {more} more."] if more > 0 else [])

    def _is_passed_over(self, offer: Offer, error: ApiError) -> bool:
        """Return whether another offer may work; a wrong vSwitch concerns only the candidate that names it."""
        if is_over_quota(error):
            return offer.spot and self.settings.on_demand_fallback
        return is_offer_gone(error) or (bool(self.settings.candidates) and is_vswitch_wrong(error))

    def _pass_over(self, offer: Offer, reason: str) -> None:
        self._reported.append(f"{offer.type} in {offer.zone}: {reason}")
        self.report(f"{self._reported[-1]}; trying the next offer.")


def _plural(count: int) -> str:
    return "an instance" if count == 1 else f"{count} instances"
