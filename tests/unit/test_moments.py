"""Times in the API's formats."""

from __future__ import annotations

import pytest

from goldrun.cloud.moments import format_moment, moment_or, parse_moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [("2026-11-23T08:00:30Z", 1_795_420_830.0), ("2026-11-23T08:00Z", 1_795_420_800.0), ("1970-01-01T00:00Z", 0.0)],
)
def test_both_forms(text: str, moment: float) -> None:
    assert parse_moment(text) == moment
    assert parse_moment(format_moment(moment)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23 08:00:30Z",
        "2026-11-23T08:00:30",
        "2026-11-23T08:00:30+00:00",
        "2026-11-23T08:00:30.5Z",
        "2026-13-23T08:00:30Z",
        "2026-11-23T25:00Z",
        "2026-11-23T08:00.5Z",
        "2026-11-23T08Z:00:00Z",
    ],
)
def test_other_forms_are_no_times(text: str) -> None:
    with pytest.raises(ValueError):
        parse_moment(text)
    assert moment_or(text, 7.0) == 7.0
