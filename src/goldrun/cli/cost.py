"""``goldrun cost``."""

from __future__ import annotations

from typing import Any

import click

from goldrun import cost as costs
from goldrun.cli import output
from goldrun.cli.common import JSON, REGION, open_client
from goldrun.cloud.errors import AccessDeniedError
from goldrun.durations import format_duration

MAX_DAYS = 90


class Days(click.IntRange):
    """A number of days, ``7`` or ``7d``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; fail for other words."""
        number: Any = value.removesuffix("d") if isinstance(value, str) else value
        return super().convert(number, param, ctx)


@click.command()
@click.option("--days", type=Days(0, MAX_DAYS), default=7, show_default=True, help="Days of bills to show.")
@REGION
@JSON
def cost(days: int, region: str | None, as_json: bool) -> None:
    """Show the hourly cost of goldrun's instances, and the bills of the last days.

    The hourly cost does not include disks and traffic. Bills cover the whole account, in all regions, and lag by up to
    a day.
    """
    client = open_client(region)
    running = costs.running_costs(client)
    try:
        billed = costs.billed_days(client, days)
    except AccessDeniedError as error:
        output.note(f"the bill cannot be read. {error}")
        billed = []
    if as_json:
        from goldrun.cli.json.cost import Cost

        output.result_json(Cost.of(running, billed))
        return
    now = client.clock.now()
    rows = [
        (
            cost.instance.id,
            cost.instance.type,
            cost.instance.zone,
            format_duration(now - cost.instance.created),
            _amount(cost.price, cost.currency),
            _amount(cost.so_far, cost.currency),
        )
        for cost in running
    ]
    if rows:
        output.table(("ID", "TYPE", "ZONE", "AGE", "AN HOUR", "SO FAR"), rows)
    currency = running[0].currency if running else ""
    output.note(f"{len(running)} running in {client.region}: {_amount(costs.total(running), currency)} an hour.")
    if billed:
        days_rows = [(day.date, _amount(day.amount, day.currency), str(day.instances)) for day in billed]
        output.table(("DAY", "BILLED", "INSTANCES"), days_rows)


def _amount(value: float | None, currency: str) -> str:
    return "?" if value is None else f"{value:.3f} {currency}".rstrip()
