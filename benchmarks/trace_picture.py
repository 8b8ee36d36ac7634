"""Draws traces of `goldrun serve` as a collector receives them: a job on a new machine, a stopped one, an idle runner.

The jobs run in virtual time on the local cloud; the traces go over HTTP, by OpenTelemetry's own SDK.

Usage: python -m benchmarks.trace_picture docs/images/serve-trace.svg
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.collector import collecting
from benchmarks.interleaving import chance
from benchmarks.pictures import INK, plain, svg
from benchmarks.serve_world import World, serve
from goldrun.serve.assembly import Common
from goldrun.serve.quota import Quota
from goldrun.serve.recorder import Recorder

KINDS = {"new machine": {}, "stopped machine": {"min_stopped": 1}, "idle runner": {"min_idle": 1}}
COLOURS = {
    "queued": "#9aa0a6",
    "launch": "#f9ab00",
    "boot": "#e37400",
    "connect": "#a142f4",
    "run": "#188038",
    "delete": "#5f6368",
}


def main() -> int:
    """Run, receive, draw."""
    with collecting() as (address, received):
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = address
        for name, profile in KINDS.items():
            run(name, profile)
    draw(received.spans, Path(sys.argv[1]))
    return 0


def run(name: str, profile: dict[str, int]) -> None:
    """Run one job."""
    from goldrun.serve.telemetry import Telemetry

    telemetry = Telemetry("picture", lambda _: None)
    with chance(Random(1)), tempfile.TemporaryDirectory() as folder:
        world = World(1, Path(folder))
        world.stage.add("the world", world.live, endless=True)
        label = name.replace(" ", "-")
        recorder = Recorder(world.stage, [], telemetry)
        serve(world, label, Common(Quota(lambda _: None)), recorder, **profile)

        def come() -> None:
            world.stage.sleep(300.0)
            world.queue(label, 45.0)
            world.stage.sleep(300.0)

        world.stage.add("a job", come)
        world.stage.play(longer=1.0)
    telemetry.close()


def draw(spans: list[Any], file: Path) -> None:
    """Draw each trace as a row of bars."""
    roots = [span for span in spans if not span.parent_span_id]

    def fill(figure: Any) -> None:
        from matplotlib.patches import Patch

        axis = figure.subplots()
        for row, root in enumerate(roots):
            for span in spans:
                if span.trace_id == root.trace_id and span.parent_span_id:
                    start = (span.start_time_unix_nano - root.start_time_unix_nano) / 1e9
                    width = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
                    axis.barh(-row, width, left=start, color=COLOURS[span.name], height=0.5)
                    if width > 4:
                        middle = start + width / 2
                        axis.text(middle, -row, span.name, ha="center", va="center", color="white", fontsize=8)
        axis.set_yticks([-row for row in range(len(roots))], [f"on a{'n' if n[0] == 'i' else ''} {n}" for n in KINDS])
        axis.set_xlabel("seconds since the job was queued", color=INK)
        axis.legend(
            handles=[Patch(color=colour, label=name) for name, colour in COLOURS.items()],
            fontsize=7,
            ncols=6,
            loc="upper center",
            bbox_to_anchor=(0.5, 1.18),
            frameon=False,
            labelcolor=INK,
        )
        plain(axis)

    file.write_text(svg(fill, (9, 2.6)), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
