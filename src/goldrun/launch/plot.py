"""Draws price histories: with plotille in the terminal, with matplotlib (an extra) as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from goldrun.cloud.market import Priced
from goldrun.cloud.moments import parse_moment
from goldrun.durations import DAY
from goldrun.errors import UsageError
from goldrun.launch.offers import Offer

MAX_DAYS = 30
HOUR = 3600.0
WIDTH, HEIGHT = 72, 16
COLOURS = ("blue", "yellow", "green", "red", "magenta", "cyan", "white", "bright_black")


@dataclass(frozen=True)
class Line:
    """The prices of an offer.

    Attributes:
        label: its label in the legend.
        times: seconds since 1970.
        prices: the price from each time on.
        currency: of the prices.
    """

    label: str
    times: tuple[float, ...]
    prices: tuple[float, ...]
    currency: str


def check_span(seconds: float) -> float:
    """Return ``seconds`` if the API has prices that far back, an hour less at the very end: requests take a while.

    Raises:
        UsageError: it has none.
    """
    if 0 < seconds <= MAX_DAYS * DAY:
        return min(seconds, MAX_DAYS * DAY - HOUR)
    raise UsageError("Prices are available for the last 30 days.", fix=["write e.g. --days 7d."])


def check_file(file: Path) -> None:
    """Check that a picture can be written there.

    Raises:
        UsageError: it cannot.
    """
    if file.suffix.lower() not in (".png", ".svg"):
        raise UsageError(f"{str(file)!r} is neither .png nor .svg.")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"Folder not found: {str(file.absolute().parent)!r}.")
    import matplotlib as mpl  # noqa: F401 - asked for here, before anything is requested


def lines_of(offers: Sequence[Offer], prices: Mapping[str, Priced], now: float) -> list[Line]:
    """Return a line for each offer; the last price holds until now."""
    lines = []
    for offer in offers:
        priced = prices[offer.type]
        if series := priced.zones.get(offer.zone):
            times = (*(parse_moment(time) for time in series.times), now)
            label = f"{offer.type} {offer.zone}"
            lines.append(Line(label, times, (*series.prices, series.prices[-1]), priced.currency))
    return lines


def in_terminal(lines: Sequence[Line], *, colour: bool) -> str:
    """Return the chart as text."""
    import plotille

    figure = plotille.Figure()
    figure.width, figure.height = WIDTH, HEIGHT
    figure.with_colors = colour
    figure.color_mode = "names"
    figure.x_label, figure.y_label = "", f"{lines[0].currency}/h" if lines else ""
    first = min((line.times[0] for line in lines), default=0.0)
    last = max((line.times[-1] for line in lines), default=1.0)
    figure.set_x_limits(first, last)
    figure.set_y_limits(0, 1.1 * max((max(line.prices) for line in lines), default=1.0))
    figure.register_label_formatter(float, _label(last - first))
    for number, line in enumerate(lines):
        figure.plot(line.times, line.prices, lc=COLOURS[number % len(COLOURS)] if colour else None, label=line.label)
    return str(figure.show(legend=True))


def as_picture(lines: Sequence[Line], file: Path) -> None:
    """Write the chart to a PNG or SVG file."""
    from matplotlib.dates import ConciseDateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots()
    for line in lines:
        moments = [datetime.fromtimestamp(time, UTC) for time in line.times]
        axes.step(moments, line.prices, where="post", label=line.label)  # type: ignore[arg-type]
    axes.set_ylabel(f"{lines[0].currency} an hour" if lines else "")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))  # type: ignore[no-untyped-call]
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize="small")
    figure.savefig(file, dpi=150)


def _label(span: float):  # type: ignore[no-untyped-def]
    """Return the formatter of both axes' labels: times are large numbers, prices small ones."""
    form = "%m-%d" if span > 2 * DAY else "%H:%M"

    def write(value: float, chars: int, delta: object = None, left: bool = False) -> str:  # noqa: ARG001 - plotille's
        text = datetime.fromtimestamp(value, UTC).strftime(form) if value > 1e6 else f"{value:.3f}"
        return text.ljust(chars) if left else text.rjust(chars)

    return write
