"""What instances cost, for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from goldrun import cost
from goldrun.cli.json.encoding import public
from goldrun.cli.json.instances import Instance


@public
class RunningCost:
    """What an instance costs now.

    Attributes:
        instance: the instance.
        price: the price of an hour; null: the market does not say.
        so_far: roughly what it has cost since it was created; null: not known.
        currency: of both, e.g. `CNY`.
    """

    instance: Instance
    price: float | None
    so_far: float | None
    currency: str


@public
class BilledDay:
    """What goldrun's instances cost on a day of the bill.

    Attributes:
        date: the day, in Beijing's time, `YYYY-MM-DD`.
        amount: the amount billed so far.
        currency: of the amount; empty: nothing was billed.
        instances: how many instances it is for.
    """

    date: str
    amount: float
    currency: str
    instances: int


@public
class Cost:
    """What instances cost: those that run, and the last days.

    Attributes:
        hourly: what all running instances cost in an hour, as far as their prices are known.
        currency: of `hourly`; empty: nothing runs.
        running: the running instances.
        days: the days of the bill, oldest first; empty when the bill cannot be read.
    """

    hourly: float
    currency: str
    running: tuple[RunningCost, ...]
    days: tuple[BilledDay, ...]

    @classmethod
    def of(cls, running: Sequence[cost.Hourly], days: Sequence[cost.Day]) -> Self:
        """The object of what runs and what was billed."""
        return cls(
            hourly=cost.total(running),
            currency=running[0].currency if running else "",
            running=tuple(
                RunningCost(
                    instance=Instance.of(one.instance), price=one.price, so_far=one.so_far, currency=one.currency
                )
                for one in running
            ),
            days=tuple(
                BilledDay(date=one.date, amount=one.amount, currency=one.currency, instances=one.instances)
                for one in days
            ),
        )
