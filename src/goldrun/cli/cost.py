"""``goldrun cost``."""

from __future__ import annotations

import click

from goldrun import cost as costs
from goldrun.cli import output
from goldrun.cli.common import JSON, REGION, open_client
from goldrun.cloud.errors import AccessDeniedError
from goldrun.durations import format_duration

MAX_DAYS = 90


@click.command()
@click.option(
    "--days", type=click.IntRange(0, MAX_DAYS), default=7, show_default=True, help="How many days of the bill."
)
@REGION
@JSON
def cost(days: int, region: str | None, as_json: bool) -> None:
    """Show what goldrun's instances cost: those that run, by the hour, and the last days, by the bill.

    Disks and traffic are not in it. The bill is the account's, of every region, and follows within a day.
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
            one.instance.id,
            one.instance.type,
            one.instance.zone,
            format_duration(now - one.instance.created),
            _amount(one.price, one.currency),
            _amount(one.so_far, one.currency),
        )
        for one in running
    ]
    if rows:
        output.table(("ID", "TYPE", "ZONE", "AGE", "AN HOUR", "SO FAR"), rows)
    currency = running[0].currency if running else ""
    output.note(f"{len(running)} running in {client.region}: {_amount(costs.total(running), currency)} an hour.")
    if billed:
        days_rows = [(one.date, _amount(one.amount, one.currency), str(one.instances)) for one in billed]
        output.table(("DAY", "BILLED", "INSTANCES"), days_rows)


def _amount(value: float | None, currency: str) -> str:
    return "?" if value is None else f"{value:.3f} {currency}".rstrip()
