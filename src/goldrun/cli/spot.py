"""``goldrun spot``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from goldrun.architecture import parse_architecture
from goldrun.cli import colours, output
from goldrun.cli.cache import market_cache
from goldrun.cli.common import ARCH, JSON, REGION, Number, open_client
from goldrun.cli.lazy import LazyGroup
from goldrun.cloud.moments import format_moment
from goldrun.durations import parse_duration
from goldrun.errors import NotFoundError
from goldrun.launch.offers import DEFAULT_POLICY, POLICIES, Criteria, Offer, Span, parse_span

if TYPE_CHECKING:  # --help must not pay for a client
    from goldrun.cloud.client import EcsClient

COLUMNS = ("TYPE", "ZONE", "ARCH", "CPU", "GIB", "PRICE", "PER CPU", "SAVING", "RECLAIM", "STOCK", "DISKS", "TREND")
CPU = click.option("--cpu", metavar="RANGE", help="vCPUs: 8, 8.., ..64 or 8..64.")
MEMORY = click.option("--memory", metavar="RANGE", help="GiB, as --cpu.")
TYPES = click.option("--type", "types", multiple=True, metavar="TYPE", help="Instance type to use; can be repeated.")
ZONES = click.option("--zone", "zones", multiple=True, metavar="ZONE", help="Zone to use; can be repeated.")
POLICY = click.option(
    "--policy", type=click.Choice(list(POLICIES)), default=DEFAULT_POLICY, show_default=True, help="How to rank offers."
)
PRICE = click.option(
    "--max-price",
    type=Number(0, min_open=True),
    metavar="PRICE",
    help="Highest price per hour, in the account's currency.",
)
LIMIT = click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Number of offers to show.")
FRESH = click.option("--fresh", is_flag=True, help="Ignore cached prices (kept for five minutes).")
BARS = "▁▂▃▄▅▆▇█"
Command = TypeVar("Command", bound=Callable[..., object])


def criteria_options(command: Command) -> Command:
    """Add the options that select offers; ``read_criteria`` takes them."""
    for option in (PRICE, TYPES, ZONES, ARCH, MEMORY, CPU):
        command = option(command)
    return command


@click.group(cls=LazyGroup)
def spot() -> None:
    """Look at the spot market.

    \b
    Policies:
      cheapest   the lowest price per hour; then the lower reclaim rate
      balanced   the lowest price per vCPU hour, divided by (1 - reclaim rate)
      steadiest  the lowest reclaim rate; then the better stock, then the lower price
    """


@spot.command("ls")
@criteria_options
@POLICY
@LIMIT
@FRESH
@REGION
@JSON
def spot_ls(policy: str, limit: int, fresh: bool, region: str | None, as_json: bool, **criteria: Any) -> None:
    """List offers, best first.

    \b
    Examples:
      goldrun spot ls --cpu 8..16 --arch arm64
      goldrun spot ls --type ecs.c7.2xlarge --policy steadiest --json
    """
    client = open_client(region)
    offers = _survey(client, read_criteria(**criteria), policy, fresh, limit)
    if as_json:
        from goldrun.cli.json import instances as json

        output.result_json([json.Offer.of(offer) for offer in offers])
    elif offers:
        output.table(COLUMNS, [_row(offer) for offer in offers])
    else:
        output.note(f"no offer matches in {client.region}.")


@spot.command("plot")
@criteria_options
@POLICY
@click.option("--limit", type=click.IntRange(1, 8), default=4, show_default=True, help="Number of offers to draw.")
@click.option("--days", "span", default="7d", show_default=True, help="Time span, up to 30d.")
@click.option("-o", "--output", "file", type=click.Path(path_type=Path, dir_okay=False), help="A .png or .svg file.")
@FRESH
@REGION
def spot_plot(
    policy: str, limit: int, span: str, file: Path | None, fresh: bool, region: str | None, **criteria: Any
) -> None:
    """Draw the price history of the best offers: in the terminal, and with -o as a picture.

    \b
    Examples:
      goldrun spot plot --cpu 8 --arch amd64
      goldrun spot plot --type ecs.c7.2xlarge --days 30d -o prices.svg
    """
    from goldrun.launch import plot
    from goldrun.launch.market import Market

    client = open_client(region)
    seconds = plot.check_span(parse_duration(span, "--days", bare="d"))
    if file:
        plot.check_file(file)
    offers = _survey(client, read_criteria(**criteria), policy, fresh, limit)
    if not offers:
        raise NotFoundError(f"No offer matches in {client.region}.")
    now = client.clock.now()
    prices = Market(client).prices((offer.type for offer in offers), since=format_moment(now - seconds))
    lines = plot.lines_of(offers, prices, now)
    output.result(plot.in_terminal(lines, colour=colours.on_stdout()))
    if file:
        plot.as_picture(lines, file)
        output.note(f"{file} is written.")


def read_criteria(
    cpu: str | None,
    memory: str | None,
    arch: str | None,
    zones: tuple[str, ...],
    types: tuple[str, ...],
    max_price: float | None,
) -> Criteria:
    """Return the criteria that the options state.

    Raises:
        UsageError: one of them is not valid.
    """
    return Criteria(
        architecture=parse_architecture(arch) if arch else "",
        cpus=parse_span(cpu, "vCPUs (--cpu)") if cpu is not None else Span(),
        memory=parse_span(memory, "GiB (--memory)") if memory is not None else Span(),
        types=types,
        zones=zones,
        max_price=max_price,
    )


def _survey(client: EcsClient, criteria: Criteria, policy: str, fresh: bool, limit: int) -> list[Offer]:
    """Return the best offers.

    Raises:
        UsageError: there are none, and a zone that was named is not of the region.
    """
    from goldrun.cloud.errors import AccessDeniedError
    from goldrun.cloud.regions import check_zones
    from goldrun.launch.choice import survey
    from goldrun.launch.market import Market

    cache = None if fresh else market_cache(client.clock.machine)
    found = survey(Market(client, cache), criteria, policy)
    if criteria.zones and not found:
        with suppress(AccessDeniedError):  # no policy for a job has this call, which explains an empty list alone
            check_zones(client, criteria.zones)
    return found[:limit]


def _row(offer: Offer) -> tuple[str, ...]:
    return (
        offer.type,
        offer.zone,
        offer.architecture,
        str(offer.cpus),
        f"{offer.memory:g}",
        f"{offer.price:.3f} {offer.currency}",
        f"{offer.price_per_cpu:.4f}",
        f"{offer.saving:.0%}",
        "?" if offer.rate is None else f"{offer.rate:.0%}",
        {"WithStock": "plenty", "ClosedWithStock": "little"}.get(offer.stock, offer.stock),
        ",".join(disk.removeprefix("cloud_") for disk in offer.disks),
        sparkline(offer.trend),
    )


def sparkline(prices: tuple[float, ...]) -> str:
    """Return the prices as bars of eight heights."""
    low, high = min(prices, default=0.0), max(prices, default=0.0)
    if high == low:
        return BARS[3] * len(prices)
    return "".join(BARS[int((price - low) / (high - low) * (len(BARS) - 1))] for price in prices)
