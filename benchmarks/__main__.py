"""Runs the benchmarks, keeps what they find, draws it, and says which ratios are worse than those that were kept.

Usage: python -m benchmarks [--keep] [NAME…]
    NAME: only these; --keep: write docs/benchmarks.json and the pictures, which a release does.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.pictures import BARS, INK, svg
from benchmarks.results import Ratio, read

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "docs/benchmarks.json"
PICTURES = ROOT / "docs/images"
DRAWN = ("growth",)  # draw a picture of their own
BENCHMARKS: Mapping[str, Sequence[str]] = {
    "lookup": (),
    "growth": (),
    "build": (),
    "publish": ("--lookups", "20000"),
    "spot_markets": ("--markets", "1000"),
    "thousand": (),
    "local_cloud": (),
}
WORSE, SLACK = 1.1, 0.02  # less than that is the machine's mood


def main() -> int:
    """Run, compare, keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", type=_known, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    found: dict[str, list[Ratio]] = {}
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names or BENCHMARKS:
            print(f"\n{name}", flush=True)
            file = Path(folder) / f"{name}.json"
            command = [sys.executable, "-m", f"benchmarks.{name}", *BENCHMARKS[name], "--json", str(file)]
            if options.keep and name in DRAWN:
                command += ["--picture", str(PICTURES / f"{name}.svg")]
            if subprocess.run(command, cwd=ROOT, check=False).returncode:
                failed.append(name)
            if file.exists():
                found[name] = read(file)
    print("\n" + "\n".join(compare(found, kept()) or ["no ratio is worse than the one that was kept"]))
    if options.keep:
        KEPT.write_bytes(msgspec.json.format(msgspec.json.encode({**kept(), **found})) + b"\n")
        (PICTURES / "benchmarks.svg").write_text(draw(kept()), encoding="utf-8")
    print(f"over a limit: {', '.join(failed)}" if failed else "all ratios are within their limits")
    return int(bool(failed))


def _known(name: str) -> str:
    if name not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(BENCHMARKS)}")
    return name


def kept() -> dict[str, list[Ratio]]:
    """What the last release's run found, by benchmark."""
    return msgspec.json.decode(KEPT.read_bytes(), type=dict[str, list[Ratio]]) if KEPT.exists() else {}


def compare(found: Mapping[str, list[Ratio]], before: Mapping[str, list[Ratio]]) -> list[str]:
    """A line for each ratio that is worse than before."""
    lines = []
    for name, ratios in found.items():
        known = {ratio.name: ratio.value for ratio in before.get(name, ())}
        lines += [
            f"worse: {ratio.name}: {known[ratio.name]:.2f} -> {ratio.value:.2f}"
            for ratio in ratios
            if ratio.value > WORSE * known.get(ratio.name, float("inf")) + SLACK
        ]
    return lines


def draw(found: Mapping[str, list[Ratio]]) -> str:
    """Return an SVG of the ratios that have a limit, as shares of it: what is left of the line is within."""
    limited = [one for ratios in found.values() for one in ratios if one.limit]

    def fill(figure: Any) -> None:
        axis = figure.subplots()
        axis.barh([one.name for one in limited], [one.value / (one.limit or 1.0) for one in limited], color=BARS)
        axis.axvline(1.0, color=INK, linewidth=1)
        axis.invert_yaxis()
        axis.set_xlabel("share of the limit", color=INK)
        axis.tick_params(colors=INK, labelsize=8)
        for side in axis.spines.values():
            side.set_visible(False)

    return svg(fill, (9, 0.28 * len(limited) + 0.8))


if __name__ == "__main__":
    sys.exit(main())
