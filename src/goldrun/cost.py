"""What instances cost: those that run, by the hour, and all of them in the last days, by the bill."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from goldrun.cloud.billing import read_bill
from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import Instance, describe_instances
from goldrun.cloud.tags import MANAGED_BY, OWNED
from goldrun.launch.market import Market

BILL_OFFSET = timedelta(hours=8)  # the bill's days are Beijing's


@dataclass(frozen=True)
class Hourly:
    """What an instance costs now.

    Attributes:
        instance: the instance.
        price: of an hour; None: the market does not say.
        so_far: about what it has cost since it was created.
        currency: of both.
    """

    instance: Instance
    price: float | None
    so_far: float | None
    currency: str


@dataclass(frozen=True)
class Day:
    """What goldrun's instances have cost on a day of the bill."""

    date: str
    amount: float
    currency: str
    instances: int


def running_costs(client: EcsClient) -> list[Hourly]:
    """What every instance of goldrun's costs now. Disks and traffic are not in it."""
    instances = describe_instances(client, tags=OWNED)
    prices = Market(client).prices(one.type for one in instances)
    now = client.clock.now()
    found = []
    for one in instances:
        series = prices[one.type].zones.get(one.zone)
        price = None if series is None else series.prices[-1] if one.spot else series.list_price
        so_far = None if price is None else price * (now - one.created) / 3600
        found.append(Hourly(one, price, so_far, prices[one.type].currency))
    return found


def total(running: Iterable[Hourly]) -> float:
    """What they cost in an hour together, as far as their prices are known."""
    return sum(one.price or 0.0 for one in running)


def billed_days(client: EcsClient, days: int) -> list[Day]:
    """What goldrun's instances have cost on each of the last days, today the last; the bill follows within a day."""
    today = datetime.fromtimestamp(client.clock.now(), UTC) + BILL_OFFSET
    return [_day(client, today - timedelta(days=ago)) for ago in range(days - 1, -1, -1)]


def _day(client: EcsClient, day: datetime) -> Day:
    date = day.strftime("%Y-%m-%d")
    items = [item for item in read_bill(client, date) if MANAGED_BY.matches(item.tags)]
    return Day(
        date,
        sum(item.amount for item in items),
        items[0].currency if items else "",
        len({item.instance for item in items}),
    )
