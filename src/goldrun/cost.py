"""What instances cost: the hourly price of those that run, and the bill of the last days for all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from goldrun.cloud.billing import BILL_OFFSET, read_bill
from goldrun.cloud.client import EcsClient
from goldrun.cloud.instances import Instance, describe_instances
from goldrun.cloud.tags import MANAGED_BY, OWNED, PARKED
from goldrun.launch.market import Market


@dataclass(frozen=True)
class Hourly:
    """What an instance costs now.

    Attributes:
        instance: the instance.
        price: per hour; None: not known.
        so_far: roughly what it has cost since it was created; None: not known.
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
    """Return what each of goldrun's instances costs now, without disks and traffic."""
    instances = describe_instances(client, tags=OWNED)
    prices = Market(client).prices(instance.type for instance in instances)
    now = client.clock.now()
    found = []
    for instance in instances:
        series = prices[instance.type].zones.get(instance.zone)
        price = None if series is None else series.price(spot=instance.spot)
        # One that was stopped for a while has cost less: how much, the bill says.
        ran = not instance.saves and PARKED.key not in instance.tags
        so_far = price * (now - instance.created) / 3600 if price is not None and ran else None
        price = 0.0 if instance.saves else price
        found.append(Hourly(instance, price, so_far, prices[instance.type].currency))
    return found


def total(running: Iterable[Hourly]) -> float:
    """Return what they cost per hour together, as far as their prices are known."""
    return sum(hourly.price or 0.0 for hourly in running)


def billed_days(client: EcsClient, days: int) -> list[Day]:
    """Return what goldrun's instances cost on each of the last days, up to today; the bill is about a day behind."""
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
