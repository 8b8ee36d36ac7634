"""The cloud's conditions: faults, throttling, the clock and the spot market."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import msgspec

from goldrun.cli import output
from goldrun.cli.common import Number
from goldrun.durations import parse_duration
from goldrun.errors import UsageError
from local_cloud.cli.common import DATA, JSON, control, plain
from local_cloud.faults import KINDS, FaultRule
from local_cloud.market import SCENARIOS


@click.command()
@DATA
@click.option("--kind", type=click.Choice(KINDS), help="Kind of fault.")
@click.option("--action", default="*", show_default=True, help="Actions it applies to (a pattern).")
@click.option("--times", type=click.IntRange(1), help="How many times (default: without limit).")
@click.option("--skip", type=click.IntRange(0), default=0, help="Calls that pass first.")
@click.option("--probability", type=Number(0, 1), default=1.0, help="Probability of each fault.")
@click.option(
    "--seconds",
    type=Number(0),
    default=5.0,
    help="Length of a timeout; age of stale reads.",
)
@click.option("--clear", is_flag=True, help="Remove all faults.")
@JSON
def fault(data: Path, kind: str | None, clear: bool, as_json: bool, **rule: object) -> None:
    """Inject faults into API calls; without --kind or --clear, list them.

    \b
    Examples:
      goldrun local fault --kind throttle --action 'Describe*' --times 3
      goldrun local fault --kind error-after --action CreateImage --times 1
      goldrun local fault --clear
    """
    status = control(data, "DELETE", "faults") if clear else control(data, "GET", "status")
    if kind:
        wanted = msgspec.convert({"kind": kind, **rule}, FaultRule)
        status = control(data, "POST", "faults", msgspec.structs.asdict(wanted))
    if as_json:
        output.result_json(status["faults"])
    elif status["faults"]:
        columns = ("kind", "action", "times", "skip", "probability", "seconds")
        rows = [[plain(fault[column]) for column in columns] for fault in status["faults"]]
        output.table([column.upper() for column in columns], rows)
    else:
        output.note("no faults are set.")


@click.command()
@DATA
@click.option("--per-minute", type=click.IntRange(0), help="Calls per minute; 0: no limit.")
@click.option("--per-second", type=Number(0), help="Calls per second; 0: no limit.")
def throttle(data: Path, per_minute: int | None, per_second: float | None) -> None:
    """Limit the calls of each action in each region, as the real API does.

    \b
    Examples:
      goldrun local throttle --per-minute 100
      goldrun local throttle --per-minute 0
    """
    given = {"calls_per_minute": per_minute, "calls_per_second": per_second}
    if not (change := {name: value for name, value in given.items() if value is not None}):
        raise UsageError("Pass --per-minute or --per-second.")
    control(data, "PATCH", "settings", change)


class Seconds(Number):
    """A number of seconds, or a time such as ``1h``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds; fail for other words."""
        with suppress(UsageError):
            return parse_duration(str(value))
        return super().convert(value, param, ctx)


@click.command()
@DATA
@click.option("--speed", type=Number(0, 1e6), help="Speed of time: 60 makes a minute take a second.")
@click.option("--advance", type=Seconds(0), default=0.0, help="Seconds to skip forward, or a time such as 1h.")
def clock(data: Path, speed: float | None, advance: float) -> None:
    """Show the local cloud's time, change its speed, or skip forward."""
    status = control(data, "POST", "clock", {"speed": speed, "advance": advance})
    output.result(f"{status['time']} speed {status['speed']:g}")


@click.command()
@DATA
@click.option("--scenario", type=click.Choice(SCENARIOS), help="Scenario to apply from now on.")
@click.option(
    "--zone", "zones", multiple=True, metavar="ZONE", help="Zone it applies to; can be repeated. [default: all]"
)
@click.option("--seed", type=int, help="Seed of the prices, stock and reclaim rates.")
@click.option("--scarcity", type=Number(0, 1), help="Share of offers that are sold out at any time.")
@click.option("--phantoms", type=Number(0, 1), help="Share of offers reported in stock that are not.")
@JSON
def market(data: Path, scenario: str | None, zones: tuple[str, ...], as_json: bool, **fields: object) -> None:
    """Show or change the spot market.

    \b
    Scenarios:
      calm          prices rise and fall over the day
      stock-out     nearly everything is sold out
      price-spike   prices rise to a multiple
      reclaim-wave  spot instances are reclaimed within minutes, after their protected hour

    \b
    Examples:
      goldrun local market --scenario reclaim-wave --zone cn-hangzhou-k
      goldrun local market --scenario calm
    """
    change = {name: value for name, value in fields.items() if value is not None}
    if scenario:
        change |= {"scenario": scenario, "zones": list(zones)}
    elif zones:
        raise UsageError("--zone needs --scenario.")
    shown = (control(data, "PATCH", "market", change) if change else control(data, "GET", "status"))["market"]
    if as_json:
        output.result_json(shown)
    else:
        output.table(("FIELD", "VALUE"), [(name, plain(value)) for name, value in shown.items()])
