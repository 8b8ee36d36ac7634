"""Events as lines of JSON, for machines that collect them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from goldrun.clock import Clock
from goldrun.cloud.moments import format_moment
from goldrun.errors import GoldrunError
from goldrun.report import Report


class Said(str):
    """A sentence, with the facts in it for machines.

    Attributes:
        fields: the facts by name.
    """

    __slots__ = ("fields",)
    fields: Mapping[str, str | int]


def said(words: str, **fields: str | int) -> Said:
    """Return a sentence with its facts; empty ones are left out."""
    made = Said(words)
    made.fields = {name: value for name, value in fields.items() if value != ""}
    return made


def failed(words: str, error: GoldrunError, **fields: str | int) -> Said:
    """Return a sentence about a failure, with the request's id and the error's code."""
    return said(
        words, error=type(error).__name__, code=getattr(error, "code", ""), request_id=error.request_id, **fields
    )


def json_lines(write: Report, clock: Clock) -> Report:
    """Return a report that writes each event as a JSON object: ``time``, ``message``, and the facts."""

    def report(words: str) -> None:
        facts = words.fields if isinstance(words, Said) else {}
        write(json.dumps({"time": format_moment(clock.now()), "message": words, **facts}, ensure_ascii=False))

    return report
