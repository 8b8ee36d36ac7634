"""Repeats a call that fails for a passing reason: one policy for every API.

Standard library alone: this module is on the look-up path.
"""

from __future__ import annotations

import os

from goldrun.clock import Clock
from goldrun.errors import GoldrunError
from goldrun.waiting import looks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias, TypeVar

    T = TypeVar("T")


MAX_ATTEMPTS = 6
# No attempt takes longer, so that a call to a server that does not answer is repeated within its time limit.
ATTEMPT_SECONDS = 30.0
Backoff: TypeAlias = "Callable[[int], float]"
Again: TypeAlias = "Callable[[bool], None]"
Notice: TypeAlias = "Callable[[str], None]"  # receives a sentence for a person


def jittered_backoff(attempt: int) -> float:
    """Return seconds to wait after failed attempt ``attempt`` (from 0): 0.3, 0.6, … up to 8, each ± 50 % at random.

    The jitter keeps jobs that were throttled together from retrying together.
    """
    spread = int.from_bytes(os.urandom(2), "big") / 0xFFFF
    return float(min(8.0, 0.3 * 2**attempt) * (0.5 + spread))


def passes(status: int) -> bool:
    """Return whether a server that answers with this HTTP status may answer better soon."""
    return status in (408, 429) or status >= 500


def retry(
    attempt: Callable[[float], T],
    clock: Clock,
    seconds: float,
    backoff: Backoff,
    notice: Notice,
    again: Again = lambda _: None,
) -> T:
    """Repeat ``attempt`` until it succeeds, fails for good, has failed six times, or runs out of time.

    Throttling ends by itself, with the minute: a throttled call is repeated until its time is up, however often.

    Args:
        attempt: one attempt, given the moment by which it must end; its errors say whether they are ``retryable``.
        clock: the machine's.
        seconds: time limit, pauses included.
        backoff: seconds to pause after the n-th failure.
        notice: receives a sentence about every retry.
        again: called before each repetition, given whether an attempt may have had its effect; its errors count like
            those of the attempt.

    Raises:
        GoldrunError: the last failure. It says how often the call was tried, and whether one of the attempts may have
            had its effect (``unsure``): the last one may be refused because an earlier one succeeded.
    """
    deadline = clock.now() + seconds
    pause = 0.0
    unsure = False
    number = 0
    attempts = looks(clock, often=lambda _: pause)
    for _ in attempts:
        try:
            if number:
                again(unsure)
            return attempt(min(deadline, clock.now() + ATTEMPT_SECONDS))
        except GoldrunError as error:
            error.unsure = unsure = unsure or error.unsure
            if not error.retryable:
                raise
            pause = max(backoff(number), error.wait)
            number += 1
            enough = number >= MAX_ATTEMPTS and not error.throttled
            if enough or clock.now() + pause >= deadline:
                error.why = (*error.why, f"tried {number} time{'s' if number > 1 else ''}.")
                raise
            notice(f"{error.what} Trying again in {pause:.1f} s.")
    raise AssertionError("looks without a limit do not end")
