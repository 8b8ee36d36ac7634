"""Versions of the runner over time: one is released every four weeks, and expires some time after the next one.

The first is a real one; GitHub releases at about that pace. A version expires 30 days after the next release, as GitHub
documents. Answers about versions are those observed in September 2026: dates that are not fixed yet are omitted, and
unknown versions are not found.
"""

from __future__ import annotations

import re

from local_cloud.clock import iso

PACE = 28 * 86400.0
SUPPORT = 30 * 86400.0
FIRST, FIRST_RELEASED = 321, 1_730_764_800.0  # 2.321.0, 2024-11-05
MINIMUM, MINIMUM_SINCE = 329, 1_790_294_400.0  # since 2026-09-25 older ones cannot register


def current(now: float) -> str:
    """Return the latest version."""
    return f"2.{_number(now)}.0"


def released(version: str) -> float:
    """Return when a version was released."""
    return FIRST_RELEASED + (int(version.split(".")[1]) - FIRST) * PACE


def deprecations(version: str, now: float) -> dict[str, str] | None:
    """Return GitHub's answer about a version's expiry; None if the version is not known."""
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
