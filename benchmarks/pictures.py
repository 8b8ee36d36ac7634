"""Draws for the docs: SVG that follows whether the reader's pages are light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

INK, BARS, LINES = "#1f2328", "#0969da", "#bc4c00"
DARK = {INK: "#e6edf3", BARS: "#4493f8", LINES: "#db6d28"}


def plain(axis: Any) -> None:
    """Draw the axes in the colour of the text, and no frame."""
    axis.tick_params(colors=INK)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)


def svg(fill: Callable[[Any], None], size: tuple[float, float]) -> str:
    """Return a picture.

    Args:
        fill: draws into matplotlib's figure, in the colours of this module.
        size: width and height in inches.
    """
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "goldrun"  # the same picture for the same figures
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=size)
    fill(figure)
    figure.tight_layout()
    drawn = io.StringIO()
    figure.savefig(drawn, transparent=True, metadata={"Date": None})
    plt.close(figure)
    rules = "".join(
        f'[style*="{part}: {light}"] {{ {part}: {dark} !important }}\n'
        for light, dark in DARK.items()
        for part in ("fill", "stroke")
    )
    dark = f"<style>@media (prefers-color-scheme: dark) {{\n{rules}}}</style>\n"
    return re.sub(r"(<svg [^>]*>\n)", lambda head: head[1] + dark, drawn.getvalue(), count=1)
