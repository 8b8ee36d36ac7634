"""Versions of the runner, as GitHub's clock has them: one is released every four weeks, and ends after the next one.

The first is a real one; GitHub releases at about that pace. The time that a version lives on after the next release
is the one that GitHub documents, 30 days. What it tells of a version is what it was seen to tell in September 2026:
dates that are not fixed yet are left out, and versions that it does not know are not found.
"""

from __future__ import annotations

import re

from local_cloud.clock import iso

PACE = 28 * 86400.0
SUPPORT = 30 * 86400.0
FIRST, FIRST_RELEASED = 321, 1_730_764_800.0  # 2.321.0, 2024-11-05
MINIMUM, MINIMUM_SINCE = 329, 1_790_294_400.0  # since 2026-09-25 older ones cannot register


def current(now: float) -> str:
    """The version that was released last."""
    return f"2.{_number(now)}.0"


def released(version: str) -> float:
    """When a version was released."""
    return FIRST_RELEASED + (int(version.split(".")[1]) - FIRST) * PACE


def deprecations(version: str, now: float) -> dict[str, str] | None:
    """What GitHub tells of a version's end; None: it does not know that version."""
    match = re.fullmatch(r"2\.(\d+)\.0", version, re.ASCII)
    if match is None or not FIRST <= int(match[1]) <= _number(now):
        return None
    answer = {"runner_version": version}
    if int(match[1]) < MINIMUM:
        answer["registration_deprecates_at"] = iso(MINIMUM_SINCE)
    if int(match[1]) < _number(now):
        answer["runtime_deprecates_at"] = iso(released(version) + PACE + SUPPORT)
    return answer


def _number(now: float) -> int:
    return FIRST + int((now - FIRST_RELEASED) // PACE)
