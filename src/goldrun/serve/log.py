"""Events as lines of JSON, for machines that collect them."""

from __future__ import annotations

import json

from goldrun.clock import Clock
from goldrun.cloud.moments import format_moment
from goldrun.launch.launch import Report


def json_lines(write: Report, clock: Clock) -> Report:
    """Return a report that writes each event as a JSON object with its ``time`` and its ``message``."""

    def report(words: str) -> None:
        write(json.dumps({"time": format_moment(clock.now()), "message": words}, ensure_ascii=False))

    return report
