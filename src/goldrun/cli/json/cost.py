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
        price: the price per hour; null: not known.
        so_far: roughly what it has cost since it was created; null: not known.
        currency: of both, e.g. `CNY`.
    """

    instance: Instance
    price: float | None
    so_far: float | None
    currency: str


@public
class BilledDay:
    """What goldrun's instances cost on a billing day.

    Attributes:
        date: the day, in Beijing's time, `YYYY-MM-DD`.
        amount: the amount billed so far.
        currency: of the amount; empty: nothing was billed.
        instances: number of instances billed.
    """

    date: str
    amount: float
    currency: str
    instances: int


@public
class Cost:
    """What instances cost: the running ones now, and all of them in the last days.

    Attributes:
        hourly: what all running instances cost per hour, as far as their prices are known.
        currency: of `hourly`; empty: no instance is running.
        running: the running instances.
        days: the billing days, oldest first; empty when the bill cannot be read.
    """

    hourly: float
    currency: str
    running: tuple[RunningCost, ...]
    days: tuple[BilledDay, ...]

    @classmethod
    def of(cls, running: Sequence[cost.Hourly], days: Sequence[cost.Day]) -> Self:
        """Return the object for running instances and billed days."""
        return cls(
            hourly=cost.total(running),
            currency=running[0].currency if running else "",
            running=tuple(
                RunningCost(
                    instance=Instance.of(now.instance), price=now.price, so_far=now.so_far, currency=now.currency
                )
                for now in running
            ),
            days=tuple(
                BilledDay(date=day.date, amount=day.amount, currency=day.currency, instances=day.instances)
                for day in days
            ),
        )
