"""The cloud's conditions: faults, throttling, the clock and the spot market."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from goldrun.cli import output
from goldrun.cli.common import Number
from goldrun.errors import UsageError
from local_cloud.cli.common import DATA, JSON, control, plain
from local_cloud.faults import KINDS, FaultRule
from local_cloud.market import SCENARIOS


@click.command()
@DATA
@click.option("--kind", type=click.Choice(KINDS), help="What happens.")
@click.option("--action", default="*", show_default=True, help="To which actions (a pattern).")
@click.option("--times", type=click.IntRange(1), help="How many times (default: without limit).")
@click.option("--skip", type=click.IntRange(0), default=0, help="How many calls pass first.")
@click.option("--probability", type=Number(0, 1), default=1.0, help="How likely, each time.")
@click.option(
    "--seconds",
    type=Number(0),
    default=5.0,
    help="How long a timeout holds; how old stale reads are.",
)
@click.option("--clear", is_flag=True, help="Lift every fault.")
@JSON
def fault(data: Path, kind: str | None, clear: bool, as_json: bool, **rule: object) -> None:
    """Make calls fail as they do on a bad day; without --kind or --clear show what is set.

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
        rows = [[str(fault[column]) for column in columns] for fault in status["faults"]]
        output.table([column.upper() for column in columns], rows)
    else:
        output.note("no faults are set.")


@click.command()
@DATA
@click.option("--per-minute", type=click.IntRange(0), help="In each minute of the clock; 0: any number.")
@click.option("--per-second", type=Number(0), help="In any second; 0: any number.")
def throttle(data: Path, per_minute: int | None, per_second: float | None) -> None:
    """Limit how often each action may be called, in each region, as the real API does by the minute.

    \b
    Examples:
      goldrun local throttle --per-minute 100
      goldrun local throttle --per-minute 0
    """
    given = {"calls_per_minute": per_minute, "calls_per_second": per_second}
    if not (change := {name: value for name, value in given.items() if value is not None}):
        raise UsageError("Say --per-minute or --per-second.")
    control(data, "PATCH", "settings", change)


@click.command()
@DATA
@click.option("--speed", type=Number(0, 1e6), help="How fast time runs from now on.")
@click.option("--advance", type=Number(0), default=0.0, help="Seconds to leap forward.")
def clock(data: Path, speed: float | None, advance: float) -> None:
    """Show the local cloud's time, change its speed, or leap forward."""
    status = control(data, "POST", "clock", {"speed": speed, "advance": advance})
    output.result(f"{status['time']} speed {status['speed']:g}")


@click.command()
@DATA
@click.option("--scenario", type=click.Choice(SCENARIOS), help="What happens from now on.")
@click.option(
    "--zone", "zones", multiple=True, metavar="ZONE", help="A zone it applies to; repeatable (default: everywhere)."
)
@click.option("--seed", type=int, help="Another market: other prices, stock and reclaim rates.")
@click.option("--scarcity", type=Number(0, 1), help="The share of offers that are sold out at any time.")
@click.option("--phantoms", type=Number(0, 1), help="The share that is reported in stock and is not.")
@JSON
def market(data: Path, scenario: str | None, zones: tuple[str, ...], as_json: bool, **fields: object) -> None:
    """Show or change the spot market.

    \b
    Scenarios:
      calm          prices go up and down by the day
      stock-out     nearly everything is sold out
      price-spike   prices rise to a multiple
      reclaim-wave  spot instances are taken back within minutes, after their protected hour

    \b
    Examples:
      goldrun local market --scenario reclaim-wave --zone cn-hangzhou-k
      goldrun local market --scenario calm
    """
    change = {name: value for name, value in fields.items() if value is not None}
    if scenario:
        change |= {"scenario": scenario, "zones": list(zones)}
    elif zones:
        raise UsageError("--zone says where a scenario is: say --scenario too.")
    shown = (control(data, "PATCH", "market", change) if change else control(data, "GET", "status"))["market"]
    if as_json:
        output.result_json(shown)
    else:
        output.table(("FIELD", "VALUE"), [(name, plain(value)) for name, value in shown.items()])
