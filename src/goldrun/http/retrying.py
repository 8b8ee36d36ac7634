"""Repeats a call that fails for a passing reason: one policy for every API.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from goldrun.clock import Clock
from goldrun.errors import GoldrunError

MAX_ATTEMPTS = 6
# One attempt may take no longer: a server that says nothing is asked again within the call's time.
ATTEMPT_SECONDS = 30.0
Backoff = Callable[[int], float]
T = TypeVar("T")


def jittered_backoff(attempt: int) -> float:
    """Seconds to wait after failed attempt ``attempt`` (from 0): 0.3, 0.6, … up to 8, each ± 50 % at random.

    Jitter, so that jobs that were throttled together do not come back together.
    """
    spread = int.from_bytes(os.urandom(2), "big") / 0xFFFF
    return float(min(8.0, 0.3 * 2**attempt) * (0.5 + spread))


def retry(
    attempt: Callable[[float], T], clock: Clock, seconds: float, backoff: Backoff, notice: Callable[[str], None]
) -> T:
    """Try until it works, or fails for good, or six times, or until the time is up.

    Throttling ends by itself, with the minute: whoever is throttled is tried until the time is up, however often.

    Args:
        attempt: what is tried, given the moment by which it must end. Its errors may say that they are ``retryable``,
            that they are about throttling (``throttled``), and how many seconds they ask to ``wait``.
        clock: the machine's.
        seconds: how long it may take, waits included.
        backoff: seconds to wait after the n-th failure.
        notice: told, in words, of every retry.

    Raises:
        GoldrunError: the last failure; it says how often it was tried, and whether one of the tries may have had its
            effect (``unsure``): the last one can be a refusal that an earlier one has caused.
    """
    deadline = clock.now() + seconds
    number = 0
    unsure = False
    while True:
        try:
            return attempt(min(deadline, clock.now() + ATTEMPT_SECONDS))
        except GoldrunError as error:
            error.unsure = unsure = unsure or error.unsure
            if not getattr(error, "retryable", False):
                raise
            wait = max(backoff(number), getattr(error, "wait", 0.0))
            number += 1
            often = number >= MAX_ATTEMPTS and not getattr(error, "throttled", False)
            if often or clock.now() + wait >= deadline:
                error.why = (*error.why, f"tried {number} time{'s' if number > 1 else ''}.")
                raise
            notice(f"{error.what} Trying again in {wait:.1f} s.")
            clock.sleep(wait)
